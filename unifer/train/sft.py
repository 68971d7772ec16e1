"""Cold-start supervised fine-tuning: CoT rows -> checkpoint, by `trl.SFTTrainer`.

The loop, the loss (on the reply alone) and the collation are TRL's; the frame of a run is `stage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer.records import Json
from unifer.train import cpu_ranks, rows, settings, stage


def run(argv: Sequence[str]) -> Path:
    """Train as `--config FILE` and flags say and return the folder of the final model; goes on with an interrupted run.

    Every rank of a torchrun launch calls this. Raises as `stage.run` does.
    """
    cpu_ranks.prepare()
    from trl import ModelConfig, SFTConfig

    return stage.run("sft", (settings.FerArguments, SFTConfig, ModelConfig), argv, _check, _trainer)


def _check(fer: settings.FerArguments, config: Any) -> Json:
    config.max_length = None  # a cut would fall into image tokens or the answer
    return {}


def _trainer(this: stage.Run) -> Any:
    from trl import SFTTrainer

    from unifer.models.loading import load_processor
    from unifer.train.resume import ResumesWholeModels

    class Trainer(ResumesWholeModels, SFTTrainer):
        """TRL's trainer with the resume that its base class breaks."""

    dataset = rows.cot_rows(Path(this.fer.rows), this.rows_digest, this.image_root, settings.image_rule(this.fer))
    return Trainer(
        model=this.model.model_name_or_path,
        args=this.config,
        train_dataset=dataset,
        processing_class=load_processor(this.start.path),
        peft_config=stage.lora(this),
    )


def main(argv: Sequence[str]) -> int:
    """Entry point of `unifer sft`."""
    stage.speak()
    run(argv)
    return 0
