"""Cold-start supervised fine-tuning: CoT rows -> checkpoint, by `trl.SFTTrainer`.

Knows how a run is set up, resumed and finished; the loop, the loss (on the reply alone) and the collation are TRL's.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer.errors import InputError, Interrupted
from unifer.models.checkpoints import check_checkpoint, find_checkpoint
from unifer.records import Json
from unifer.train import checkpoints, cpu_ranks, provenance, rows, settings

log = logging.getLogger(__name__)


def run(argv: Sequence[str]) -> Path:
    """Train as `--config FILE` and flags say and return the folder of the final model; goes on with an interrupted run.

    Every rank of a torchrun launch calls this. Raises InputError before any weight is loaded for settings, rows, checkpoint or
    output folder that cannot be used; Interrupted on Ctrl-C.
    """
    cpu_ranks.prepare()
    from trl import ModelConfig, SFTConfig

    fer, config, model = settings.parse((settings.FerArguments, SFTConfig, ModelConfig), argv)
    settings.refuse_dead_flags(config, model)
    model.lora_target_modules = model.lora_target_modules or "all-linear"
    out = Path(config.output_dir)
    start = find_checkpoint(model.model_name_or_path, Path(fer.rows), flag="--model_name_or_path")
    model.model_name_or_path = str(start.path)
    manifest = provenance.manifest("sft", fer, config, model, start)
    resume = checkpoints.claim(out, manifest, start.path, config, fresh=fer.fresh)
    if resume.finished:
        log.warning("%s: this run is finished; --fresh true starts over", out)
        return out
    trainer = _trainer(fer, config, model, manifest["identity"]["rows"]["sha256"])
    try:
        result = trainer.train(resume_from_checkpoint=str(resume.checkpoint) if resume.checkpoint else None)
    except InputError as error:  # a worker of the data loader wraps its own traceback around the message
        raise InputError(str(error).rpartition("InputError: ")[2].strip()) from None
    except KeyboardInterrupt:
        kept = checkpoints.last_whole(out)
        where = f"{kept.name} is kept" if kept else "no checkpoint was due yet"
        raise Interrupted(f"stopped; {where}, the same command goes on from there") from None
    _finish(trainer, config, model, manifest, {"steps": trainer.state.global_step, "train_loss": result.training_loss})
    return out


def _trainer(fer: settings.FerArguments, config: Any, model: Any, digest: str) -> Any:
    import torch
    from transformers.trainer_callback import PrinterCallback, ProgressCallback
    from transformers.utils import logging as logging_of_transformers
    from trl import SFTTrainer, get_peft_config

    from unifer.models.loading import load_processor
    from unifer.train.progress import TrainingBar
    from unifer.train.resume import ResumesWholeModels

    class Trainer(ResumesWholeModels, SFTTrainer):
        """TRL's trainer with the resume that its base class breaks."""

    image_root = Path(fer.image_root) if fer.image_root else None
    dataset = rows.cot_rows(Path(fer.rows), digest, image_root, settings.image_rule(fer))
    config.model_init_kwargs = {"dtype": model.dtype, "attn_implementation": model.attn_implementation}
    config.remove_unused_columns = False  # the columns that TRL reads are made when a row is fetched
    config.max_length = None  # a cut would fall into image tokens or the answer
    config.dataloader_pin_memory = config.dataloader_pin_memory and torch.cuda.is_available()
    logging_of_transformers.disable_progress_bar()  # ours stands on the same line
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
    trainer.save_model(str(out / "adapter" if model.use_peft else out))
    config.distributed_state.wait_for_everyone()
    if config.process_index == 0:
        if model.use_peft:
            _merge(out, model)
        check_checkpoint(out)
        checkpoints.write_manifest(out, manifest, **outcome)
    config.distributed_state.wait_for_everyone()


def _merge(out: Path, model: Any) -> None:
    """The adapter folded into the start checkpoint, so that every engine loads the result like any model."""
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # else, under ZeRO-3, this one rank would load a partitioned model and wait for the others
    base = AutoModelForImageTextToText.from_pretrained(model.model_name_or_path, dtype=model.dtype)
    PeftModel.from_pretrained(base, str(out / "adapter")).merge_and_unload().save_pretrained(out)
    AutoProcessor.from_pretrained(model.model_name_or_path).save_pretrained(out)


def main(argv: Sequence[str]) -> int:
    """Entry point of `unifer sft`: warnings of rank 0 alone, then `run`."""
    level = logging.WARNING if int(os.environ.get("RANK", "0")) == 0 else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    run(argv)
    return 0
