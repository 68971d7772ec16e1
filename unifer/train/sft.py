"""Cold-start supervised fine-tuning: CoT rows -> checkpoint, by `trl.SFTTrainer`.

The loop, the loss (on the reply alone) and the collation are TRL's; the frame of a run is `stage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from unifer.models.loading import load_processor
from unifer.records import Json
from unifer.train import context, mends, rows, settings, stage, trained_parts


class SftStage:
    """The stage `sft`."""

    command: Literal["sft"] = "sft"

    def check(self, fer: settings.FerArguments, config: Any) -> Json:
        config.max_length = None  # a cut would fall into image tokens or the answer
        return {}

    def rows(self, this: stage.TrainingRun) -> Any:
        rule, processor = this.image_rule, load_processor(this.start.path)
        context.check_processor(this.start.path, processor, this.family)
        context.check_pixels(
            this.start.path, processor, rule, this.family, rescales=this.fer.processor_rescales
        )
        return rows.cot_rows(Path(this.fer.rows), this.rows_digest, this.image_root, rule)

    def trainer(self, this: stage.TrainingRun, dataset: Any) -> Any:
        from trl import SFTTrainer, get_quantization_config

        class Trainer(mends.ResumesWholeModels, SFTTrainer):
            """TRL's trainer with the resume that its base class breaks."""

        mends.score_labelled_tokens()
        trainer = Trainer(
            model=this.model.model_name_or_path,
            args=this.config,
            train_dataset=dataset,
            processing_class=load_processor(this.start.path),
            peft_config=trained_parts.lora(
                this.model, this.family, freezes_vision=this.fer.freeze_vision_tower
            ),
            quantization_config=get_quantization_config(this.model),
        )
        # Qwen2.5-VL's own forward does not take the number of tokens in a batch, so transformers does not
        # count them; TRL, which computes the loss, does take it. Else each rank and each accumulated batch
        # would weigh alike, however many tokens its replies have.
        trainer.model_accepts_loss_kwargs = True
        return trainer


def run(argv: Sequence[str]) -> Path:
    """Fine-tune as `argv` says; see `stage.run`."""
    return stage.run(SftStage(), types(), argv)


def types() -> tuple[type, ...]:
    """What the settings of this stage are parsed into; call before anything else that knows of ranks."""
    mends.connect_cpu_ranks()
    from trl import ModelConfig, SFTConfig

    return (settings.FerArguments, SFTConfig, ModelConfig)
