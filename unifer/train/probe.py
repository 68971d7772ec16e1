"""The probe before the first step: do sampler and trainer give the same tokens the same probability?

They compute the same function of the same tokens, pixels and weights, each with its own kernels. What is left
is rounding; more than that means that one of the four differs, and the policy would be trained on another
policy's samples.
"""

from __future__ import annotations

from typing import Any

import torch

from unifer.errors import InputError
from unifer.train import image_rows

NAN_SHARE = 0.01
"""Most tokens of replies, as a share, that may be without a log-probability.

The lone end token of an empty reply, which vLLM does not score, does not count.
"""

_LIMITS = {"float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}
_TF32 = 1e-2
"""float32 on a GPU: vLLM's Triton attention multiplies in TF32, ten bits of mantissa."""

_HANDFUL = 8
_NORMALISED = 10.0
"""Normalised pixels lie within a few standard deviations, levels reach 255."""
_SAME_LEVEL = 0.6


def limit(dtype: str, device: str) -> float:
    """Mean |difference of log-probabilities| per token that rounding explains, by `dtype` and `device`.

    `device` is cpu or cuda.
    """
    return _TF32 if dtype == "float32" and device != "cpu" else _LIMITS[dtype]


def difference(ours: Any, theirs: Any, mask: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and maximum of |ours - theirs| over the tokens of `mask`; NaN (not scored) is left out.

    All are of shape (batch, tokens).
    """
    gap = (ours - theirs).abs()[mask.bool()]
    gap = gap[~torch.isnan(gap)]
    zero = torch.zeros((), device=ours.device)
    return (gap.mean(), gap.max()) if gap.numel() else (zero, zero)


def check(trainer: Any, inputs: Any, output: Any) -> None:
    """Score the first replies of the first batch with the trainer too, and compare the pixels of an image.

    Raises InputError, on every rank, where the scores differ above the limit, or the pixels at all: what
    bfloat16 may round hides them.
    """
    chosen = slice(0, _HANDFUL)
    ours = _scored(trainer, output, chosen)
    theirs, mask = output["sampling_per_token_logps"][chosen], output["completion_mask"][chosen]
    _refuse_unscored(trainer, ours, theirs, mask)
    mean = trainer.accelerator.gather(difference(ours, theirs, mask)[0]).mean().item()
    if mean <= trainer.probe_limit:
        _refuse_other_pixels(trainer, inputs[0])
        return
    reasons = (
        "; ".join(_reasons(trainer, inputs[chosen]))
        if trainer.vllm_generation.mode == "colocate"
        else _SERVER
    )
    raise InputError(
        f"sampler and trainer disagree: mean |log-probability difference| {mean:.2g} a token on "
        f"{len(ours)} replies of the first batch, {trainer.probe_limit:.2g} is allowed for "
        f"{_dtype(trainer.model)}. {reasons}"
    )


def _refuse_unscored(trainer: Any, ours: torch.Tensor, theirs: torch.Tensor, mask: torch.Tensor) -> None:
    """Raise InputError, on every rank, where more than `NAN_SHARE` of the tokens have no number.

    A difference of nothing proves nothing.
    """
    scored = mask.bool() & (mask.sum(dim=1, keepdim=True) > 1)
    counts = torch.stack([torch.isnan(values)[scored].sum() for values in (ours, theirs)] + [scored.sum()])
    trained, sampled, tokens = trainer.accelerator.gather(counts.unsqueeze(0)).sum(dim=0).tolist()
    for number, who in ((trained, "the trainer"), (sampled, "vLLM")):
        if number > NAN_SHARE * tokens:
            raise InputError(
                f"{who} gives {number} of the first {tokens} sampled tokens no log-probability (NaN): "
                "its weights or its arithmetic are broken. Look for NaN in the checkpoint, try "
                "--dtype float32, or --rollouts none to rule vLLM out"
            )


def _refuse_other_pixels(trainer: Any, row: Any) -> None:
    """In colocate mode; a server's image processor was compared before the start."""
    if trainer.vllm_generation.mode != "colocate":
        return
    seen = _pixels(trainer, row)
    differs = torch.tensor([seen != _EQUAL_PIXELS], device=trainer.accelerator.device)
    if bool(trainer.accelerator.gather(differs).any()):
        where = seen if seen != _EQUAL_PIXELS else "on another rank pixels differ"
        raise InputError(
            f"sampler and trainer do not see the same image: {where}. Look at preprocessor_config.json "
            "of --model_name_or_path, and at --image_size and --processor_rescales"
        )


_EQUAL_PIXELS = "pixels are equal"
_SERVER = (
    "Tokens are equal. Check that the server serves the checkpoint of --model_name_or_path in the "
    "trainer's dtype, and was started by run_vllm_server.sh (--logprobs-mode processed_logprobs)"
)


def _scored(trainer: Any, output: Any, chosen: slice) -> Any:
    if output.get("old_per_token_logps") is not None:
        return output["old_per_token_logps"][chosen]
    count = len(output["completion_ids"][chosen])
    seen = image_rows.chosen(output, range(count))
    with torch.no_grad():
        return trainer.score_tokens(
            trainer.model,
            torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)[chosen],
            torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)[chosen],
            output["completion_ids"].size(1),
            mm_token_type_ids=output["mm_token_type_ids"][chosen] if "mm_token_type_ids" in output else None,
            **seen,
        )


def _reasons(trainer: Any, inputs: Any) -> list[str]:
    """What differs of tokens, pixels, dtype and weights, looked at one by one."""
    sampler = trainer.vllm_generation
    reasons = ["Tokens are equal"]
    dtypes = (_dtype(trainer.model), str(sampler.llm.llm_engine.model_config.dtype).removeprefix("torch."))
    reasons.append(
        f"dtype differs: {dtypes[0]} for the trainer, {dtypes[1]} for vLLM"
        if dtypes[0] != dtypes[1]
        else "dtype is equal"
    )
    return [*reasons, _pixels(trainer, inputs[0]), _weights(sampler)]


def _weights(sampler: Any) -> str:
    """The tensor that differs most.

    Under sleep mode TRL has put the engine to sleep by now, and reading its weights would crash.
    """
    if sampler.enable_sleep_mode:
        return "weights are not compared, vLLM's are asleep (--vllm_enable_sleep_mode false compares them)"
    running, gaps = sampler.weights(), {}
    for layer in sampler.layers():
        for name, ours in layer:
            theirs = running.get(sampler.family.vllm_name(name))
            if theirs is not None and theirs.shape == ours.shape:
                gaps[name] = float((theirs.to(ours) - ours).detach().abs().max())
    worst = max(gaps, key=gaps.__getitem__, default=None)
    if worst is not None and gaps[worst] > 0:
        return f"weights differ: {worst} by up to {gaps[worst]:.2g}"
    return f"weights are equal ({len(gaps)} tensors compared)"


def _pixels(trainer: Any, row: Any) -> str:
    """Compare the pixel values that both processors make of one image."""
    from unifer.models.engines.vllm_engine import render_for_engine

    prompts = [
        [
            {
                **row["prompt"][0],
                "content": [
                    {"type": "image", "image": row["image"]},
                    {"type": "text", "text": row["prompt"][0]["content"]},
                ],
            }
        ]
    ]
    (ids,), ours = trainer.tokenize(prompts)
    request = {
        "prompt_token_ids": trainer.family.collapse(ids, trainer.processing_class.tokenizer),
        "multi_modal_data": {"image": row["image"]},
    }
    # of an image that it knows vLLM hands out a reference, not pixels
    trainer.vllm_generation.llm.reset_mm_cache()
    rendered = render_for_engine(trainer.vllm_generation.llm, request)
    # and of one that was rendered it expects the engine to have them, which never got it
    trainer.vllm_generation.llm.reset_mm_cache()
    theirs = rendered["mm_kwargs"].get_data()["pixel_values"].float()
    # without being asked for tensors a processor may give a list of tiles
    mine = torch.stack([torch.as_tensor(rows) for rows in ours["pixel_values"]]).float()
    if theirs.shape != mine.shape:
        return f"pixels differ: {tuple(mine.shape)} for the trainer, {tuple(theirs.shape)} for vLLM"
    processor = trainer.processing_class.image_processor
    mean, std = (
        torch.tensor(values).view(1, -1, 1) for values in (processor.image_mean, processor.image_std)
    )
    gap = float((_levels(mine, mean, std) - _levels(theirs, mean, std)).abs().max())
    if gap > _SAME_LEVEL:
        return (
            f"pixels differ by up to {gap:.0f} of 255 levels: the two processors scale or normalise "
            "images differently"
        )
    return _EQUAL_PIXELS


def _levels(pixels: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Gray levels 0..255 of patches (patches, values), channels outermost.

    vLLM may leave them so and normalise inside the model.
    """
    by_channel = pixels.view(len(pixels), mean.shape[1], -1)
    normalised = float(pixels.abs().max()) < _NORMALISED
    return (by_channel * std + mean) * 255 if normalised else by_channel


def _dtype(model: Any) -> str:
    return str(model.dtype).removeprefix("torch.")
