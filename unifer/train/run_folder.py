"""A run's folder: what the run was made from, whether it may go on there, and from which checkpoint.

Its manifest holds the identity, which a resumed run must share, and every setting that is not at its default.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any, NamedTuple

from unifer import files, runs
from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.models.checkpoints import Checkpoint, last_whole
from unifer.models.families import Family
from unifer.records import Json
from unifer.train import rows, settings

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_REMEDY = "choose another --output_dir, or start over with --fresh true"
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
_RECORDED = (str, int, float, bool, list, type(None))


def manifest(
    command: str,
    fer: settings.FerArguments,
    config: Any,
    model: Any,
    start: Checkpoint,
    own: Json,
    family: Family,
) -> Json:
    """The run's manifest, `own` being what the stage adds to its identity.

    A path is recorded as the name and digest of its file, never as this machine spells it.
    """
    identity: Json = {
        "rows": rows.describe(Path(fer.rows)),
        "checkpoint": start.describe(),
        "prompt": prompts.VERSION,
        "image_rule": settings.image_rule(fer, family.unit).to_json(),
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
    chosen = []
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
            chosen.append((field.name, value))
    return chosen


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


class Resume(NamedTuple):
    """How a run begins: it is `finished`, or goes on from `checkpoint`, or (None) starts."""

    finished: bool
    checkpoint: Path | None

    @property
    def step(self) -> int:
        """Optimizer steps that lie behind it."""
        return int(self.checkpoint.name.rpartition("-")[2]) if self.checkpoint else 0


START = Resume(False, None)


def claim(folder: Path, manifest: Json, start: Path, config: Any, *, fresh: bool) -> Resume:
    """Make `folder` this run's own: rank 0 decides and writes the manifest, every rank gets the same answer.

    Raises InputError, on every rank, if another run or a model that is not ours lives there, or a rank does
    not see the folder.
    """
    decided: list[Any] = [None]
    if config.process_index == 0:
        try:
            decided = [_claim(folder, manifest, start, fresh)]
        except InputError as refusal:
            decided = [refusal]
    if config.world_size > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(decided)
    if isinstance(decided[0], InputError):
        raise decided[0]
    resume: Resume = decided[0]
    if not (resume.checkpoint or folder / MANIFEST).exists():
        raise InputError(
            f"{folder}: rank {config.process_index} does not see it; output_dir must be on a disk "
            "that all machines share"
        )
    return resume


def _claim(folder: Path, manifest: Json, start: Path, fresh: bool) -> Resume:
    if folder.resolve() == start.resolve():
        raise InputError(f"--output_dir {folder}: is the checkpoint that the run starts from; {_REMEDY}")
    if fresh and (aside := files.move_aside(folder)):
        log.warning("%s: moved aside to %s", folder, aside)
    old = runs.refuse_other_run(folder / MANIFEST, manifest["identity"], _REMEDY)
    foreign = [
        path for pattern in ("checkpoint-*", "*.safetensors*", "config.json") for path in folder.glob(pattern)
    ]
    if old is None and foreign:
        raise InputError(
            f"{folder}: holds a model and no {MANIFEST}, so nothing says that it is this run's; {_REMEDY}"
        )
    if old is not None and "finished" in old["context"]:
        return Resume(True, None)
    write_manifest(folder, manifest)
    return Resume(False, last_whole(folder))


def write_manifest(folder: Path, manifest: Json, **outcome: Any) -> None:
    """The run's manifest; with `outcome` also the time it finished."""
    if outcome:
        manifest = manifest | {"context": manifest["context"] | {"finished": runs.now(), **outcome}}
    files.write_json(folder / MANIFEST, manifest)
