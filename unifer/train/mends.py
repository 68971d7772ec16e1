"""What is mended inside other libraries, each mend with its reason, and the versions it was written for.

These names are private to those libraries and may change with any release. What reaches into TRL's trainers
as a subclass is `trainer` and `rollouts`; into vLLM's running model, `models/engines/vllm_weights`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from unifer.train.doctor.packages import installed

WRITTEN_FOR = MappingProxyType(
    {
        "accelerate": "1.15",
        "deepspeed": "0.19",
        "peft": "0.21",
        "transformers": "5.17",
        "trl": "1.16",
        "vllm": "0.31",
    }
)
"""Library -> the MAJOR.MINOR whose inner names are used here, in `trainer` and in `rollouts`."""


def other_versions() -> Iterator[str]:
    """A sentence per library that is installed in another version than the mends were written for."""
    for library, known in WRITTEN_FOR.items():
        name, version = installed(library)
        if version is not None and version.split(".")[:2] != known.split("."):
            yield (
                f"{name} {version}: training reaches into inner names of {known}, which may have changed "
                f"since; install {name} {known} (requirements.txt pins it)"
            )


def connect_cpu_ranks() -> None:
    """Make accelerate 1.15 see a torchrun launch without GPU as distributed over gloo.

    Call before any TrainingArguments exist. On GPUs, and for a single process, it takes no effect.

    Accelerate answers "not distributed" there, every rank would then train alone on all the rows. Asking for
    it by `use_cpu=True` is no way out: accelerate ignores DeepSpeed under it.
    """
    import torch

    if torch.cuda.is_available():
        return
    # else DeepSpeed looks for an accelerator and says what it did not find
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    from accelerate import state
    from accelerate.utils import DistributedType

    stock = state.PartialState._prepare_backend
    if getattr(stock, "answers_gloo", False):
        return

    def prepare_backend(self: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
            _without_compiled_collectives()
        backend, distributed = stock(self, *args, **kwargs)
        return (backend, distributed) if backend is not None else ("gloo", DistributedType.MULTI_CPU)

    prepare_backend.answers_gloo = True  # type: ignore[attr-defined]
    state.PartialState._prepare_backend = prepare_backend


def _without_compiled_collectives() -> None:
    """Keep DeepSpeed from compiling its shared-memory collectives: minutes of C++, and gloo does as well."""
    # `from deepspeed.comm import torch` is torch itself
    backend: Any = importlib.import_module("deepspeed.comm.torch")
    backend.build_shm_op = lambda: None


def keep_cpu_weights_loadable() -> None:
    """Make vLLM on CPU keep linear weights as they were stored, so that it can be given new ones."""
    import torch._dynamo
    import vllm._custom_ops as operations
    from vllm.model_executor.layers import utils as linear_layers

    # vLLM compiles two small functions of its sampler, which takes longer than a tiny model's run gains by
    # them, and wants a compiler.
    torch._dynamo.config.disable = True
    # Both repack linear weights, which then cannot be loaded again: oneDNN, and in bfloat16 on processors
    # with AMX the sgl kernels.
    operations._supports_onednn = False
    linear_layers.check_cpu_sgl_kernel = lambda *_: False


def score_labelled_tokens() -> None:
    """Make TRL's fused head score the tokens that have a label alone, as it does on a GPU.

    Without Triton it scores every position, prompts and padding included, and masks them afterwards: two
    thirds of the head's work.
    """
    from trl.trainer import utils

    utils._use_triton = lambda device: True


class ResumesWholeModels:
    """Mix in before a `transformers.Trainer`: a run goes on from the weights that its checkpoint holds.

    Qwen2.5-VL is saved under the tensor names of the hub (`visual...`), while the live model calls them
    `model.visual...`. `from_pretrained` translates; the Trainer's own resume loads by raw name without
    `strict`, so it would warn, match nothing, and train on from the start weights with the checkpoint's
    optimizer state. Takes effect for full weights outside DeepSpeed and FSDP: checkpoints of DeepSpeed and
    of LoRA keep live names and need no mend.
    """

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        from peft import PeftModel
        from transformers import AutoModelForImageTextToText

        target = model or self.model
        if isinstance(target, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = AutoModelForImageTextToText.from_pretrained(resume_from_checkpoint, dtype=target.dtype)
        target.load_state_dict(saved.state_dict(), strict=True)
