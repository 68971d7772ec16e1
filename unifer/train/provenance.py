"""What a training run was made from: its identity, which a resumed run must share, and every setting that is
not at its default.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from unifer import runs
from unifer.dialogue import prompts
from unifer.models.checkpoints import Checkpoint
from unifer.records import Json
from unifer.train import rows, settings

_OPTIMISATION = (
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "num_train_epochs",
    "max_steps",
    "optim",
    "adam_beta1",
    "adam_beta2",
    "weight_decay",
    "max_grad_norm",
    "seed",
)
_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora")
_FOUR_BIT = ("bnb_4bit_quant_type", "use_bnb_nested_quant")
_PATHS = ("rows", "image_root", "output_dir", "logging_dir", "deepspeed", "model_name_or_path")


def manifest(
    command: str, fer: settings.FerArguments, config: Any, model: Any, start: Checkpoint, own: Json
) -> Json:
    """The run's manifest, `own` being what the stage adds to its identity.

    A path is recorded as the name and digest of its file, never as this machine spells it.
    """
    identity: Json = {
        "rows": rows.describe(Path(fer.rows)),
        "checkpoint": start.describe(),
        "prompt": prompts.VERSION,
        "image_rule": settings.image_rule(fer).to_json(),
        "global_batch": config.per_device_train_batch_size
        * config.gradient_accumulation_steps
        * config.world_size,
        "freeze_vision_tower": fer.freeze_vision_tower,
        "lora": {name: _plain(getattr(model, name)) for name in _LORA} if model.use_peft else None,
        "dtype": model.dtype,
        "optimisation": {name: _plain(getattr(config, name)) for name in _OPTIMISATION},
        **(
            {"quantised": {name: _plain(getattr(model, name)) for name in _FOUR_BIT}}
            if model.load_in_4bit
            else {}
        ),
        **own,
    }
    chosen = {name: value for part in (fer, config, model) for name, value in _chosen(part)}
    zero = Path(config.deepspeed) if isinstance(config.deepspeed, str) else None
    deepspeed = runs.describe_file(zero) if zero and zero.is_file() else None
    return runs.manifest(
        command, identity, world_size=config.world_size, settings=chosen, deepspeed=deepspeed
    )


def _chosen(arguments: Any) -> list[tuple[str, Any]]:
    """The settings that are not at their default."""
    found = []
    for field in dataclasses.fields(arguments):
        default = (
            field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        )
        value = _plain(getattr(arguments, field.name))
        if (
            field.init
            and field.name not in _PATHS
            and isinstance(value, _RECORDED)
            and value != _plain(default)
        ):
            found.append((field.name, value))
    return found


_RECORDED = (str, int, float, bool, list, type(None))


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
