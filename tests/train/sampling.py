"""What tests of the bridge between TRL and vLLM ask of a trainer with an engine."""

from __future__ import annotations

from typing import Any


def prompts_and_images(trainer: Any, batch: list[Any]) -> tuple[list[list[int]], list[Any]]:
    """Prompt tokens as the trainer scores them, and the images."""
    from trl.data_utils import prepare_multimodal_messages

    prompts = [prepare_multimodal_messages(row["prompt"], images=[row["image"]]) for row in batch]
    ids, images, _ = trainer._tokenize_prompts(prompts)
    return ids, images


def sampling_difference(trainer: Any, batch: list[Any]) -> float:
    """Mean |log-probability difference| over freshly sampled completions."""
    from unifer.train import probe

    trainer._probed = True
    output = trainer._generate_and_score_completions(batch)
    ours = probe._scored(trainer, output, slice(0, 8))
    return float(probe.difference(ours, output["sampling_per_token_logps"], output["completion_mask"])[0])


def perturb_after_sync(trainer: Any) -> None:
    """Give the sampler another weight after each sync, where `sync_weights` does not look."""
    stock = type(trainer.vllm_generation).sync_weights

    def sync() -> None:
        stock(trainer.vllm_generation)
        for name, weight in trainer.vllm_generation.weights().items():
            if name.endswith("layers.3.mlp.down_proj.weight"):
                weight.data.mul_(1.5)

    trainer.vllm_generation.sync_weights = sync


def score_with_gradients(trainer: Any, output: Any) -> tuple[Any, dict[str, Any]]:
    """Log-probabilities of the completions in `output`, and the gradients of a weighted sum of them."""
    import torch

    from unifer.train import image_rows

    names = (*image_rows.FIELDS, "mm_token_type_ids")
    ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)
    mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)
    scored = output["completion_mask"]
    logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
        trainer.model,
        ids,
        mask,
        scored.size(1),
        compute_entropy=True,
        **{name: output[name] for name in names if name in output},
    )
    ((logps + entropies) * scored * torch.linspace(-1, 1, scored.numel()).view_as(scored)).sum().backward()
    named = trainer.model.named_parameters()
    return logps.detach() * scored, {
        name: weight.grad.clone() for name, weight in named if weight.grad is not None
    }
