"""GRPO with verifiable rewards: reward rows -> checkpoint, by `trl.GRPOTrainer`.

Knows how such a run is set up; its loop is TRL's (`trainer`), its sampler `rollouts`, its rewards `rewards`,
the frame `stage`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from unifer.models.engines.vllm_engine import prepare_environment
from unifer.models.loading import load_processor
from unifer.processes import free_port
from unifer.questions import read_questions
from unifer.records import Json
from unifer.train import context, grpo_settings, mends, rows, stage, trained_parts
from unifer.train.alarms import AlarmLimits, Alarms
from unifer.train.curriculum import Curriculum
from unifer.train.history import MetricsLog, RolloutLog, read_metrics
from unifer.train.rewards import trainer_rewards


class GrpoStage:
    """The stage `grpo`."""

    command: Literal["grpo"] = "grpo"

    def check(self, fer: grpo_settings.GrpoArguments, config: Any) -> Json:
        return grpo_settings.check(fer, config)

    def rows(self, this: stage.TrainingRun) -> Any:
        rule, config = this.image_rule, this.config
        if config.use_vllm:
            from unifer.train.rollouts import check_engine

            check_engine(this.family)
        processor = load_processor(this.start.path)
        context.check_processor(this.start.path, processor, this.family)
        context.check_pixels(
            this.start.path, processor, rule, this.family, rescales=this.fer.processor_rescales
        )
        dataset = rows.reward_rows(Path(this.fer.rows), this.rows_digest, this.image_root, rule)
        texts = rows.distinct(dataset, "problem")
        if this.fer.eval_questions:
            texts = [*texts, *{question.prompt for question in read_questions(Path(this.fer.eval_questions))}]
        prompt = context.longest_prompt(texts, processor, rule, this.family)
        needed = context.check_context(
            this.start.path, prompt, config.max_completion_length, config.vllm_max_model_length
        )
        if this.fer.rollouts == "colocate":
            config.vllm_max_model_length = config.vllm_max_model_length or needed
        elif this.fer.rollouts == "server":
            from unifer.train.server import check_server

            check_server(grpo_settings.server_url(config), this.start.path, this.model.dtype, needed)
        return dataset

    def trainer(self, this: stage.TrainingRun, dataset: Any) -> Any:
        from unifer.train import probe
        from unifer.train.callbacks import MetricsRecorder
        from unifer.train.rollouts import open_engine, vllm_ban
        from unifer.train.trainer import FerGrpoTrainer

        config, processor = this.config, load_processor(this.start.path)
        limit = this.fer.probe_limit
        if limit is None:
            limit = probe.limit(this.model.dtype, config.device.type)
        if config.use_vllm:
            config.generation_kwargs = {"logit_bias": vllm_ban(this.family, processor.tokenizer)}
        if this.fer.rollouts == "colocate":
            config.generation_kwargs["detokenize"] = (
                False  # TRL decodes the tokens itself; a sixth of vLLM's time on CPU
            )
        metrics, rollouts, alarms = _logs(this, limit)
        side = this.image_rule.size
        with open_engine(this.family, this.model.dtype, side) if config.use_vllm else nullcontext():
            return FerGrpoTrainer(
                model=this.model.model_name_or_path,
                reward_funcs=trainer_rewards(this.fer.rewards, completion_limit=config.max_completion_length),
                args=config,
                train_dataset=dataset,
                processing_class=processor,
                peft_config=trained_parts.lora(
                    this.model, this.family, freezes_vision=this.fer.freeze_vision_tower
                ),
                family=this.family,
                callbacks=[MetricsRecorder(metrics, rollouts, alarms)],
                rollout_log=rollouts,
                probe_limit=limit,
                curriculum=_curriculum(this, dataset),
                trained=this.fer.trained_completions,
            )


def _curriculum(this: stage.TrainingRun, dataset: Any) -> Curriculum | None:
    """Who draws rows by difficulty, as of the checkpoint that the run goes on from; None: TRL draws them."""
    config = this.config
    if not this.fer.hard_labels:
        return None
    curriculum = Curriculum(
        dataset.data.column("label").to_pylist(),
        prompts=config.generation_batch_size // config.num_generations,
        group=config.num_generations,
        repeats=config.num_iterations * config.steps_per_generation,
        strength=this.fer.hard_labels,
        seed=config.seed,
    )
    if this.resume.checkpoint is not None:
        curriculum.load(this.resume.checkpoint)
    return curriculum


def _logs(this: stage.TrainingRun, limit: float) -> tuple[MetricsLog, RolloutLog, Alarms]:
    """The run's logs and alarms as they stood at the checkpoint that it goes on from."""
    metrics, rollouts, alarms = (
        MetricsLog(this.out),
        RolloutLog(this.out),
        Alarms(AlarmLimits(logp_difference=limit)),
    )
    if this.config.process_index == 0:
        metrics.rewind(this.resume.step)
        rollouts.rewind(this.resume.step)
        if this.resume.step:
            alarms.replay(read_metrics(this.out))
    return metrics, rollouts, alarms


def run(argv: Sequence[str]) -> Path:
    """Train as `argv` says; see `stage.run`. Raises InputError also where sampler and trainer disagree."""
    return stage.run(GrpoStage(), types(), argv)


def types() -> tuple[type, ...]:
    """What the settings of this stage are parsed into; call before anything else that knows of ranks."""
    mends.connect_cpu_ranks()
    prepare_environment()
    from trl import GRPOConfig, ModelConfig

    # vLLM inside the trainer wants a rendezvous even for one rank. TRL takes port 29500 whenever that is free
    # at the start, half a minute before it is used: of two runs started together on a machine one died.
    os.environ.setdefault("MASTER_PORT", str(free_port()))

    return (grpo_settings.GrpoArguments, GRPOConfig, ModelConfig)
