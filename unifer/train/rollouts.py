"""The bridge between TRL's GRPOTrainer and vLLM: what TRL 1.16 leaves undone for image prompts.

Each piece and why it exists:
- A family's placeholders are never sampled, and `ban` takes them out of the trainer's distribution as well:
  a reply with an image token in it would not match its image features, and a ban on one side alone would
  make the two distributions differ.
- `Family.collapse`: vLLM expands one placeholder an image; TRL hands it prompts that the processor has
  expanded already, so vLLM would expand them twice and answer, without an error, another prompt than the one
  that the trainer scores (huggingface/trl#6294).
- `Sampler.generate` asserts on every call that both hold the same prompt tokens, and gives an empty
  completion its end token.
- `Sampler.sync_weights` drops vLLM's cached image features with the weights that made them, and looks whether
  the weights arrived.
- The weights themselves come from `weight_sync`, a layer at a time.
- `open_engine`: vLLM in the trainer's precision and, without a GPU, with weights that it can be given again.

Knows no rewards and no rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from trl.generation import vllm_generation
from trl.trainer import grpo_trainer

from unifer.errors import InputError
from unifer.models.devices import visible_gpus
from unifer.models.engines.vllm_engine import one_image
from unifer.models.engines.vllm_weights import running_model
from unifer.models.families import Family, placeholder_ids
from unifer.train import weight_sync
from unifer.train.mends import keep_cpu_weights_loadable

BAN = -100.0
"""Added to the logit of a token that must not be sampled: vLLM's largest bias, 4e-44 as a factor."""

_WATCHED = 64
_CPU_BLOCK = 32
"""Tokens a block of vLLM's KV cache on CPU, the fewest that its attention takes."""


def vllm_ban(family: Family, tokenizer: Any) -> dict[int, float]:
    """The ban on a family's placeholders as vLLM's sampling parameter `logit_bias`."""
    return dict.fromkeys(placeholder_ids(family, tokenizer), BAN)


def ban(model: Any, token_ids: Sequence[int]) -> Any:
    """Add `BAN` to the logits of `token_ids` in every forward and in `generate`; the head.

    Nothing of it is trained or saved. The bias of a head that has none is where transformers' own forward and
    TRL's fused one both look.
    """
    head = model.get_output_embeddings()
    if head.bias is not None:
        raise ValueError(
            f"{type(model).__name__} has a biased head, whose bias cannot carry the ban on placeholder tokens"
        )
    bias = torch.zeros(head.out_features, dtype=head.weight.dtype, device=head.weight.device)
    bias[list(token_ids)] = BAN
    del head.bias
    head.register_buffer("bias", bias, persistent=False)
    return head


class Sampler(vllm_generation.VLLMGeneration):
    """TRL's vLLM backend for image prompts; `sync_seconds` adds up what its weight syncs took."""

    generation_kwargs: dict[str, Any]

    def __init__(self, *args: Any, family: Family, **kwargs: Any) -> None:
        self.family = family
        self.sync_seconds = 0.0
        self._watched: tuple[str, torch.Tensor] | None = None
        super().__init__(*args, **kwargs)

    def generate(self, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
        """TRL's `generate` on prompts with one placeholder per image.

        Raises InputError where vLLM answered another prompt.
        """
        requests = prompts
        if self.mode == "colocate" and images is not None:
            requests = [self.family.collapse(ids, self.processing_class.tokenizer) for ids in prompts]
        group = self._group(requests, images, num_generations)
        if group > 1:
            answered, completions, logprobs, token_ids = self._generate_groups(
                requests, images, group, profiler
            )
        else:
            answered, completions, logprobs, token_ids = super().generate(
                requests, images, num_generations, profiler
            )
        for index, (ours, theirs) in enumerate(zip(prompts, answered, strict=True)):
            if list(ours) != list(theirs):
                raise InputError(
                    _other_prompt(index, list(ours), list(theirs), self.processing_class.image_token_id)
                )
        completions, logprobs = self._with_ends(completions, logprobs)
        return prompts, completions, logprobs, token_ids

    def _group(self, prompts: Any, images: Any, num_generations: int) -> int:
        """`num_generations` where this process holds whole groups, of one image object each; else 1."""
        if (
            self.mode != "colocate"
            or self.tensor_parallel_size > 1
            or images is None
            or len(prompts) % num_generations
        ):
            return 1
        for first in range(0, len(prompts), num_generations):
            for place in range(first + 1, first + num_generations):
                if prompts[place] != prompts[first] or images[place][0] is not images[first][0]:
                    return 1
        return num_generations

    def _generate_groups(self, prompts: Any, images: Any, group: int, profiler: Any) -> Any:
        """One request per group with `group` samples.

        TRL's colocated mode sends each completion as a request of its own, and vLLM then hashes, renders and
        schedules the same image and prompt `group` times.
        """
        own = self.generation_kwargs
        self.generation_kwargs = {**own, "n": group}
        try:
            answered, completions, logprobs, token_ids = super().generate(
                prompts[::group], images[::group], group, profiler
            )
        finally:
            self.generation_kwargs = own
        return [ids for ids in answered for _ in range(group)], completions, logprobs, token_ids

    def _with_ends(self, completions: Any, logprobs: Any) -> tuple[Any, Any]:
        """Give an empty completion its end token: TRL looks at the last token of each, and fails without one.

        Its log-probability was not returned; None counts as "no correction" there.
        """
        end = self.processing_class.tokenizer.eos_token_id
        filled = [list(ids) or [end] for ids in completions]
        scored = None if logprobs is None else [list(values) or [[None]] for values in logprobs]
        return filled, scored

    def sync_weights(self) -> None:
        """TRL's sync, after which no image feature of the old weights is left.

        Raises InputError if the new weights did not arrive.
        """
        started = time.perf_counter()
        self._watched = None
        if self.mode == "colocate" and not self._dist.is_fsdp:
            self._load()
        else:
            super().sync_weights()
        # vLLM keeps image features by the image's hash; `reset_prefix_cache`, all that TRL calls, leaves
        # them.
        if self.mode == "colocate":
            self.llm.llm_engine.reset_encoder_cache()
            self._check_arrival()
        elif self.accelerator.is_main_process:
            self.vllm_client.session.post(
                f"{self.vllm_client.base_url}/reset_encoder_cache", timeout=60
            ).raise_for_status()
        self.sync_seconds += time.perf_counter() - started

    def _load(self) -> None:
        """Give the engine in this process the trainer's weights, a layer a call."""
        if self.enable_sleep_mode:
            torch.cuda.empty_cache()  # asleep, vLLM's weights are unmapped: waking wants the memory back
            self.llm.wake_up(tags=["weights"])
            self._llm_weights_sleeping = False
        model = running_model(self.llm)
        for layer in self.layers():
            model.load_weights(layer)
        self.llm.reset_prefix_cache()

    def layers(self) -> Iterator[weight_sync.Layer]:
        """The trainer's weights, some of the last output projection kept to be compared.

        LoRA changes that layer, and vLLM fuses it with nothing.
        """
        for layer in weight_sync.by_layer(self.model, self._dist, self._fix_param_name_to_vllm):
            for name, weight in layer:
                if name.endswith("self_attn.o_proj.weight"):
                    self._watched = (name, weight[0, :_WATCHED].detach().clone())
            yield layer

    def _iter_named_params(self) -> Iterator[tuple[str, torch.Tensor]]:
        """What TRL sends to a server, one by one."""
        if self._dist.is_fsdp:
            yield from super()._iter_named_params()
        else:
            for layer in self.layers():
                yield from layer

    def _check_arrival(self) -> None:
        if self._watched is None or self.accelerator.process_index % self.tensor_parallel_size:
            return  # with tensor parallelism the first columns lie on the first rank of each group
        name, sent = self._watched
        short = name.rpartition("layers.")[2]
        arrived = self.weights()[self.family.vllm_name(name)][0, : sent.numel()]
        if not torch.equal(arrived.to(sent), sent.to(arrived.dtype).to(sent)):
            raise InputError(
                f"vLLM kept its old weights: {short} of the sampler differs from the trainer's by up to "
                f"{float((arrived.to(sent) - sent).abs().max()):.2g} right after a weight sync; it would "
                "answer with another policy"
            )

    def weights(self) -> dict[str, torch.Tensor]:
        """The colocated engine's own parameters by vLLM's names."""
        return dict(running_model(self.llm).named_parameters())


def _other_prompt(index: int, ours: list[int], theirs: list[int], image_token: int) -> str:
    counts = (
        f"{ours.count(image_token)} image tokens of {len(ours)} for the trainer, "
        f"{theirs.count(image_token)} of {len(theirs)} for vLLM"
    )
    at = next(
        (place for place, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    return (
        f"prompt {index}: vLLM answered other tokens than the trainer would score ({counts}; they part "
        f"at token {at}); the two processors resize images differently: give both the same checkpoint "
        "folder"
    )


def check_engine(family: Family) -> None:
    """Raise InputError where the installed vLLM does not run `family`."""
    from vllm import ModelRegistry
    from vllm import __version__ as version

    if family.architecture not in ModelRegistry.get_supported_archs():
        raise InputError(
            f"vLLM {version} does not run {family.architecture} ({family.name}), so it cannot sample for "
            "this run; --rollouts none samples with transformers, or install the vLLM of requirements.txt"
        )


@contextmanager
def open_engine(family: Family, dtype: str, image_side: int | None = None) -> Iterator[None]:
    """While it is open, a new GRPOTrainer gets `Sampler`, in the precision `dtype` of the trainer's weights.

    Images are `image_side` pixels wide and high (None: of any size). TRL passes no dtype; vLLM's own choice
    turns a float32 checkpoint into bfloat16.
    """
    own: dict[str, Any] = {"dtype": dtype, "limit_mm_per_prompt": one_image(image_side)}
    if not visible_gpus():
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # ranks share the cores
        keep_cpu_weights_loadable()
        own["enforce_eager"] = True
        # A prompt is shared by its group in whole blocks of the KV cache; the CPU default of 128 tokens is
        # longer than short prompts.
        own["block_size"] = _CPU_BLOCK
    stock_engine, stock_backend = vllm_generation.LLM, grpo_trainer.VLLMGeneration

    def engine(*args: Any, **kwargs: Any) -> Any:
        return stock_engine(*args, **kwargs, **own)

    vllm_generation.LLM, grpo_trainer.VLLMGeneration = engine, partial(Sampler, family=family)
    try:
        yield
    finally:
        vllm_generation.LLM, grpo_trainer.VLLMGeneration = stock_engine, stock_backend
