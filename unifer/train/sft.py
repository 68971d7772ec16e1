"""Cold-start supervised fine-tuning: CoT rows -> checkpoint, by `trl.SFTTrainer`.

Knows how a run is set up, resumed and finished; the loop, the loss (on the reply alone) and the collation are TRL's.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer import runs
from unifer.dialogue import prompts
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError, Interrupted
from unifer.models.checkpoints import Checkpoint, find_checkpoint
from unifer.records import Json
from unifer.train import checkpoints, cpu_ranks, rows, settings

log = logging.getLogger(__name__)


def run(argv: Sequence[str]) -> Path:
    """Train as `--config FILE` and flags say and return the folder of the final model; goes on with an interrupted run.

    Every rank of a torchrun launch calls this. Raises InputError before any weight is loaded for settings, rows, checkpoint or
    output folder that cannot be used; Interrupted on Ctrl-C.
    """
    cpu_ranks.prepare()
    from trl import ModelConfig, SFTConfig

    fer, config, model = settings.parse((settings.FerArguments, SFTConfig, ModelConfig), argv)
    _check_packages(config, model)
    out = Path(config.output_dir)
    start = find_checkpoint(model.model_name_or_path, Path(fer.rows))
    model.model_name_or_path = str(start.path)
    identity = _identity(fer, config, model, start)
    if config.process_index == 0 and fer.fresh:
        aside = checkpoints.move_aside(out)
        log.warning("%s: moved aside to %s", out, aside) if aside else None
    _wait(config)
    if checkpoints.finished(out, identity):
        log.warning("%s: this run is finished; --fresh true starts over", out)
        return out
    _wait(config)
    trainer = _trainer(fer, config, model, identity["rows"]["sha256"])
    manifest = runs.manifest("sft", identity, world_size=config.world_size, settings=_settings(config))
    if config.process_index == 0:
        checkpoints.write_manifest(out, manifest)
    resume = checkpoints.last_whole(out)
    try:
        result = trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except KeyboardInterrupt:
        kept = checkpoints.last_whole(out)
        where = f"{kept.name} is kept" if kept else "no checkpoint was due yet"
        raise Interrupted(f"stopped; {where}, the same command goes on from there") from None
    _finish(trainer, config, model, manifest, {"steps": trainer.state.global_step, "train_loss": result.training_loss})
    return out


def _wait(config: Any) -> None:
    """Let no rank look at the folder before rank 0 has moved or checked it."""
    config.distributed_state.wait_for_everyone()


def _check_packages(config: Any, model: Any) -> None:
    """Packages that a flag asks for and that the pinned environment leaves to the user."""
    asked = {
        "wandb": ("--report_to wandb", "wandb" in config.report_to, "tensorboard"),
        "flash_attn": (f"--attn_implementation {model.attn_implementation}", model.attn_implementation == "flash_attention_2", "sdpa"),
    }
    for package, (flag, wanted, instead) in asked.items():
        if wanted and importlib.util.find_spec(package) is None:
            raise InputError(f"{flag} needs the package {package.replace('_', '-')}, which is not installed; install it, or use {instead}")


def _identity(fer: settings.FerArguments, config: Any, model: Any, start: Checkpoint) -> Json:
    """What makes two runs the same run: rows, start checkpoint, what the model is shown, and the optimisation."""
    optimisation = ("learning_rate", "lr_scheduler_type", "num_train_epochs", "max_steps", "seed", "weight_decay", "max_grad_norm")
    return {
        "rows": rows.describe(Path(fer.rows)),
        "checkpoint": start.describe(),
        "prompt": prompts.VERSION,
        "image": _rule(fer).to_json(),
        "global_batch": config.per_device_train_batch_size * config.gradient_accumulation_steps * config.world_size,
        "freeze_vision_tower": fer.freeze_vision_tower,
        "lora": {"r": model.lora_r, "alpha": model.lora_alpha} if model.use_peft else None,
        "dtype": model.dtype,
        "optimisation": {name: _plain(getattr(config, name)) for name in optimisation},
    }


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _settings(config: Any) -> Json:
    """The resolved TRL settings that are not at their default, for the manifest."""
    import dataclasses

    fields = {field.name: field.default for field in dataclasses.fields(config) if field.init}
    plain = (str, int, float, bool, type(None))
    return {
        name: value
        for name, default in fields.items()
        if isinstance(value := _plain(getattr(config, name)), plain) and value != _plain(default) and name != "output_dir"
    }


def _rule(fer: settings.FerArguments) -> ImageRule:
    try:
        return ImageRule(fer.image_size or None)
    except ValueError as error:
        raise InputError(f"--image_size: {error}") from None


def _trainer(fer: settings.FerArguments, config: Any, model: Any, digest: str) -> Any:
    from transformers.trainer_callback import PrinterCallback, ProgressCallback
    from trl import SFTTrainer, get_peft_config

    from unifer.models.loading import load_processor
    from unifer.train.progress import TrainingBar
    from unifer.train.resume import ResumesWholeModels

    class Trainer(ResumesWholeModels, SFTTrainer):
        """TRL's trainer with the resume that its base class breaks."""

    image_root = Path(fer.image_root) if fer.image_root else None
    dataset = rows.cot_rows(Path(fer.rows), digest, image_root, _rule(fer))
    config.model_init_kwargs = {"dtype": model.dtype, "attn_implementation": model.attn_implementation}
    config.remove_unused_columns = False  # the columns that TRL reads are made when a row is fetched
    config.max_length = None  # a cut would fall into image tokens or the answer
    peft = get_peft_config(model)
    if peft is not None and fer.freeze_vision_tower:
        peft.exclude_modules = r".*\bvisual\b.*"
    trainer = Trainer(
        model=model.model_name_or_path,
        args=config,
        train_dataset=dataset,
        processing_class=load_processor(Path(model.model_name_or_path)),
        peft_config=peft,
    )
    if fer.freeze_vision_tower:
        for name, weight in trainer.model.named_parameters():
            if ".visual." in f".{name}":
                weight.requires_grad_(False)
    for shown in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(shown)
    trainer.add_callback(TrainingBar(f"SFT {Path(config.output_dir).name}"))
    return trainer


def _finish(trainer: Any, config: Any, model: Any, manifest: Json, outcome: Json) -> None:
    """Write the final model with its processor, then the manifest's `finished`, which makes the run complete."""
    out = Path(config.output_dir)
    if model.use_peft:
        trainer.save_model(str(out / "adapter"))
        _wait(config)
        if config.process_index == 0:
            _merge(out, model)
    else:
        trainer.save_model(str(out))
    if config.process_index == 0:
        checkpoints.write_manifest(out, manifest, **outcome)
    _wait(config)


def _merge(out: Path, model: Any) -> None:
    """The adapter folded into the start checkpoint, so that every engine loads the result like any model."""
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor

    base = AutoModelForImageTextToText.from_pretrained(model.model_name_or_path, dtype=model.dtype)
    PeftModel.from_pretrained(base, str(out / "adapter")).merge_and_unload().save_pretrained(out)
    AutoProcessor.from_pretrained(model.model_name_or_path).save_pretrained(out)


def main(argv: Sequence[str]) -> int:
    """Entry point of `unifer sft`: logging on rank 0, then `run`."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    run(argv)
    return 0
