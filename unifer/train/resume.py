"""Going on from a checkpoint with the weights that it holds: a mend of transformers 5.17, shared by every
trainer.

Qwen2.5-VL is saved under the tensor names of the hub (`visual...`), while the live model calls them
`model.visual...`. `from_pretrained` translates; the Trainer's own resume loads by raw name without `strict`,
so it would warn, match nothing, and train on from the start weights with the checkpoint's optimizer state.
DeepSpeed and LoRA checkpoints keep live names and need no mend.
"""

from __future__ import annotations

from typing import Any

from peft import PeftModel
from transformers import AutoModelForImageTextToText


class ResumesWholeModels:
    """Mix in before a `transformers.Trainer`; takes effect for full weights outside DeepSpeed and FSDP."""

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        target = model or self.model
        if isinstance(target, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = AutoModelForImageTextToText.from_pretrained(resume_from_checkpoint, dtype=target.dtype)
        target.load_state_dict(saved.state_dict(), strict=True)
