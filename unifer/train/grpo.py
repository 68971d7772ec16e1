"""GRPO with verifiable rewards: reward rows -> checkpoint, by `trl.GRPOTrainer` with rollouts of vLLM or transformers.

Knows how such a run is set up; its loop is TRL's (`trainer`), its sampler `rollouts`, its rewards `rewards`, the frame `stage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from unifer.models.engines.vllm_engine import prepare_environment
from unifer.records import Json
from unifer.train import cpu_ranks, grpo_settings, rows, settings, stage


def run(argv: Sequence[str]) -> Path:
    """Train as `--config FILE` and flags say and return the folder of the final model; goes on with an interrupted run.

    Every rank of a torchrun launch calls this. Raises as `stage.run` does, and InputError where sampler and trainer disagree.
    """
    cpu_ranks.prepare()
    prepare_environment()
    from trl import GRPOConfig, ModelConfig

    return stage.run("grpo", (grpo_settings.GrpoArguments, GRPOConfig, ModelConfig), argv, grpo_settings.check, _trainer)


def _trainer(this: stage.Run) -> Any:
    from unifer.models.loading import load_processor
    from unifer.train.history import MetricsLog, RolloutLog
    from unifer.train.probe import LIMITS
    from unifer.train.progress import MetricsRecorder
    from unifer.train.rewards import trainer_rewards
    from unifer.train.rollouts import open_engine, vllm_ban
    from unifer.train.trainer import Trainer

    fer, config = this.fer, this.config
    processor = load_processor(this.start.path)
    dataset = rows.reward_rows(Path(fer.rows), this.rows_digest, this.image_root, settings.image_rule(fer))
    if config.use_vllm:
        grpo_settings.fit_context(config, dataset, processor)
        config.generation_kwargs = {**(config.generation_kwargs or {}), "logit_bias": vllm_ban(this.start.path)}
    metrics, rollouts = MetricsLog(this.out), RolloutLog(this.out)
    if config.process_index == 0:
        begun = int(this.resume.checkpoint.name.rpartition("-")[2]) if this.resume.checkpoint else 0
        metrics.rewind(begun)
        rollouts.rewind(begun)
    with open_engine(this.model.dtype) if config.use_vllm else nullcontext():
        return Trainer(
            model=this.model.model_name_or_path,
            reward_funcs=trainer_rewards(fer.rewards, completion_limit=config.max_completion_length),
            args=config,
            train_dataset=dataset,
            processing_class=processor,
            peft_config=stage.lora(this),
            callbacks=[MetricsRecorder(metrics)],
            rollout_log=rollouts,
            probe_limit=fer.probe_limit or LIMITS[this.model.dtype],
        )


def main(argv: Sequence[str]) -> int:
    """Entry point of `unifer grpo`."""
    stage.speak()
    run(argv)
    return 0
