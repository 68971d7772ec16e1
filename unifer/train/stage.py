"""The frame of a training command: settings, checks, claim of the folder, train, finish.

What is trained, `sft` and `grpo` say.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError, Interrupted, OutOfTime
from unifer.models.checkpoints import Checkpoint, check_checkpoint, find_checkpoint, last_whole
from unifer.models.families import Family, family_of
from unifer.processes import end_with_parent
from unifer.questions import read_questions
from unifer.records import Json
from unifer.train import mends, run_folder, settings, trained_parts
from unifer.train.doctor.examination import preflight

log = logging.getLogger(__name__)

_REPLY_TOKENS = 1024


@dataclass
class TrainingRun:
    """One training run before its weights are loaded: settings, start, manifest, where it goes on."""

    fer: Any
    config: Any
    model: Any
    start: Checkpoint
    family: Family
    manifest: Json
    resume: run_folder.Resume = run_folder.START
    started: float = field(default_factory=time.monotonic)

    @property
    def out(self) -> Path:
        return Path(self.config.output_dir)

    @property
    def rows_digest(self) -> str:
        digest: str = self.manifest["identity"]["rows"]["sha256"]
        return digest

    @property
    def image_rule(self) -> ImageRule:
        return settings.image_rule(self.fer, self.family.unit)

    @property
    def image_root(self) -> Path | None:
        return Path(self.fer.image_root) if self.fer.image_root else None


class Stage(Protocol):
    """What differs between the training commands."""

    @property
    def command(self) -> Literal["sft", "grpo"]: ...

    def check(self, fer: Any, config: Any) -> Json:
        """Refuse settings that cannot work; what the stage adds to the run's identity."""

    def rows(self, this: TrainingRun) -> Any:
        """The rows as TRL's trainer takes them, checked against checkpoint and context."""

    def trainer(self, this: TrainingRun, dataset: Any) -> Any:
        """TRL's trainer; the first to load weights."""


def run(stage: Stage, types: Sequence[type], argv: Sequence[str]) -> Path:
    """Train as `argv` (`--config FILE` and flags) says, or go on; the folder of the final model.

    Every rank of a torchrun launch calls this. Raises InputError before any weight is loaded for settings,
    rows, checkpoint or output folder that cannot be used; Interrupted on Ctrl-C, OutOfTime after
    `max_minutes`.
    """
    if "LOCAL_RANK" in os.environ:
        end_with_parent()  # torchrun, killed, would leave its ranks training, and their GPUs taken
    this, dataset = begin(stage, types, argv)
    if this.resume.finished:
        log.warning("%s: this run is finished; --fresh true starts over", this.out)
        return this.out
    with _ranks_connected():
        trainer = make_trainer(stage, this, dataset)
        result = _train(trainer, this)
    if this.fer.max_minutes is not None and trainer.state.global_step < trainer.state.max_steps:
        _end_ranks(trainer, this)
        raise OutOfTime(
            f"stopped in step {trainer.state.global_step} of {trainer.state.max_steps}, "
            f"{this.fer.max_minutes:g} minutes after the start; a checkpoint is kept, the same command "
            "goes on from there"
        )
    _finish(trainer, this, {"steps": trainer.state.global_step, "train_loss": result.training_loss})
    return this.out


@contextmanager
def _ranks_connected() -> Iterator[None]:
    """A line instead of a page where NCCL cannot connect the ranks. Raises InputError."""
    from torch.distributed import DistBackendError

    try:
        yield
    except DistBackendError as error:
        reason = " ".join(str(error).split())[-300:]
        raise InputError(
            f"the ranks could not talk to each other: ... {reason}. NCCL_SOCKET_IFNAME names the network "
            "interface to use, NCCL_IB_DISABLE=1 leaves InfiniBand out, NCCL_DEBUG=INFO says more"
        ) from None


def begin(stage: Stage, types: Sequence[type], argv: Sequence[str]) -> tuple[TrainingRun, Any]:
    """All that comes before weights: the run, its folder claimed, and its rows.

    Raises InputError as `run` does.
    """
    fer, config, model = settings.parse(types, argv)
    settings.check_quantised(stage.command, config, model)
    if dropout := settings.drop_adapter_dropout(stage.command, model):
        log.warning("lora_dropout %g is 0 in GRPO: the sampler has none, both must be one policy", dropout)
    settings.refuse_dead_flags(config, model)
    settings.check_held_out(fer, config)
    settings.check_time(fer)
    own = stage.check(fer, config)
    model.lora_target_modules = model.lora_target_modules or "all-linear"
    start = find_checkpoint(model.model_name_or_path, Path(fer.rows), flag="--model_name_or_path")
    family = family_of(start.path)
    model.model_name_or_path = str(start.path)
    if fer.global_batch:
        each, steps = config.per_device_train_batch_size, config.gradient_accumulation_steps
        log.warning(
            "%d a step: %d processes x %d x %d accumulated", fer.global_batch, config.world_size, each, steps
        )
    manifest = run_folder.manifest(stage.command, fer, config, model, start, own, family)
    this = TrainingRun(fer, config, model, start, family, manifest)
    _preflight(stage, this)
    dataset = stage.rows(this)
    this.resume = run_folder.claim(this.out, this.manifest, start.path, config, fresh=fer.fresh)
    return this, dataset


def make_trainer(stage: Stage, this: TrainingRun, dataset: Any) -> Any:
    """The stage's trainer, ready to train."""
    _set_common(this)
    trainer = stage.trainer(this, dataset)
    _dress(trainer, this, stage.command)
    return trainer


def _preflight(stage: Stage, this: TrainingRun) -> None:
    """What `unifer doctor` finds about this run; what would make it fail for certain is refused."""
    for text in mends.other_versions():
        log.warning(text)
    if not this.fer.preflight:
        return
    for finding in preflight(stage.command, this.fer, this.config, this.model):
        if finding.level != "ok":
            log.warning("%s: %s", finding.title, finding.text)


def _set_common(this: TrainingRun) -> None:
    import torch
    from transformers.utils import logging as logging_of_transformers

    config, model = this.config, this.model
    config.model_init_kwargs = {"dtype": model.dtype, "attn_implementation": model.attn_implementation}
    config.remove_unused_columns = False  # the columns that TRL reads are made when a row is fetched
    config.dataloader_pin_memory = config.dataloader_pin_memory and torch.cuda.is_available()
    logging_of_transformers.disable_progress_bar()  # ours stands on the same line


def _dress(trainer: Any, this: TrainingRun, command: str) -> None:
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from unifer.train.callbacks import TimeLimit, TrainingBar

    if this.fer.freeze_vision_tower:
        trained_parts.freeze_vision(trainer.model, this.family)
    for stock in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(stock)
    trainer.add_callback(TrainingBar(f"{command.upper()} {this.out.name}"))
    _watch(trainer, this)
    if this.fer.max_minutes is not None:
        window = getattr(this.config, "steps_per_generation", 1) * getattr(this.config, "num_iterations", 1)
        every = (
            math.lcm(window, this.config.gradient_accumulation_steps)
            // this.config.gradient_accumulation_steps
        )
        trainer.add_callback(TimeLimit(this.fer.max_minutes, this.started, every=every))


def _watch(trainer: Any, this: TrainingRun) -> None:
    """Held-out questions, where the run names some."""
    from unifer.train import heldout

    fer = this.fer
    if fer.eval_questions is None:
        return
    path = Path(fer.eval_questions)
    root = Path(fer.eval_image_root) if fer.eval_image_root else this.image_root
    most = fer.eval_max_new_tokens or getattr(this.config, "max_completion_length", None) or _REPLY_TOKENS
    held_out = heldout.HeldOut(path, read_questions(path), root, this.image_rule, most)
    every, best = int(this.config.eval_steps), fer.keep == "best"
    watch = heldout.Watch(held_out, trainer, this.out, every=every, keep_best=best, resumed=this.resume.step)
    trainer.add_callback(watch)


def _train(trainer: Any, this: TrainingRun) -> Any:
    checkpoint = this.resume.checkpoint
    try:
        return trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except InputError as error:  # a worker of the data loader wraps its own traceback around the message
        raise InputError(str(error).rpartition("InputError: ")[2].strip()) from None
    except KeyboardInterrupt:
        checkpoint_left = last_whole(this.out)
        where = f"{checkpoint_left.name} is kept" if checkpoint_left else "no checkpoint was due yet"
        raise Interrupted(f"stopped; {where}, the same command goes on from there") from None


def _finish(trainer: Any, this: TrainingRun, outcome: Json) -> None:
    """Write the final model with its processor, then the manifest's `finished`, which completes the run."""
    trainer.save_model(str(this.out / "adapter" if this.model.use_peft else this.out))
    this.config.distributed_state.wait_for_everyone()
    if this.config.process_index == 0:
        outcome |= _keep(this)
        if this.model.use_peft:
            _merge(this.out, this.model)
        check_checkpoint(this.out)
        run_folder.write_manifest(this.out, this.manifest, **outcome)
    _end_ranks(trainer, this)


def _end_ranks(trainer: Any, this: TrainingRun) -> None:
    """The sampler and the process groups, on every rank, once all are here."""
    this.config.distributed_state.wait_for_everyone()
    close_sampler(trainer)
    # A rank that exits with gloo's threads still running may be aborted on the way out, and the launcher then
    # ends the others.
    this.config.distributed_state.destroy_process_group()


def _keep(this: TrainingRun) -> Json:
    """The best model in the place of the last, where that is wanted; what the manifest says of it."""
    from unifer.train import heldout

    if this.fer.keep != "best":
        return {}
    step = heldout.restore_best(this.out, this.out / "adapter" if this.model.use_peft else this.out)
    return {"kept_step": step}


def close_sampler(trainer: Any) -> None:
    """End the vLLM engine inside the trainer, if any, while the process groups that it made still stand.

    Left to the interpreter's exit, it takes them down after the group that holds them: a traceback at the end
    of every good run.
    """
    engine = getattr(getattr(trainer, "vllm_generation", None), "llm", None)
    if engine is not None:
        engine.llm_engine.engine_core.shutdown()


def _merge(out: Path, model: Any) -> None:
    """The adapter folded into the start checkpoint, so that every engine loads the result like any model."""
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    # else, under ZeRO-3, this one rank would load a partitioned model and wait for the others
    unset_hf_deepspeed_config()
    base = AutoModelForImageTextToText.from_pretrained(model.model_name_or_path, dtype=model.dtype)
    PeftModel.from_pretrained(base, str(out / "adapter")).merge_and_unload().save_pretrained(out)
    AutoProcessor.from_pretrained(model.model_name_or_path).save_pretrained(out)


def speak() -> None:
    """Send warnings of rank 0 alone to standard error, as plain lines; drop what repeats per gather."""
    # DeepSpeed calls both for each partitioned weight: gigabytes of log on a real run.
    collectives = r"`torch\.distributed\.(all_gather_into_tensor|reduce_scatter_tensor)` is deprecated"
    warnings.filterwarnings("ignore", message=collectives, category=FutureWarning)
    level = logging.WARNING if int(os.environ.get("RANK", "0")) == 0 else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
