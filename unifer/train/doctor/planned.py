"""A training config read for what it says, on a machine that need not be able to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer.configs import read_config
from unifer.errors import InputError
from unifer.train import grpo_settings, settings


def stage_of(config: Path, flags: Sequence[str]) -> Any:
    """`grpo` if the config or the flags hold a setting that only GRPO has, else `sft`."""
    given = {*read_config(config), *(flag.lstrip("-").split("=")[0] for flag in flags)}
    return (
        "grpo"
        if given & {"num_generations", "max_completion_length", "rollouts", "rewards", "beta"}
        else "sft"
    )


def parse(stage: str, argv: Sequence[str], processes: int = 1) -> tuple[Any, Any, Any]:
    """`settings.parse` without the checks that ask this machine for a GPU or start DeepSpeed: a plan for
    another one can be read.

    Raises InputError as `settings.parse` does.
    """
    from trl import GRPOConfig, ModelConfig, SFTConfig

    base: Any = SFTConfig if stage == "sft" else GRPOConfig

    @dataclass
    class Planned(base):
        """The arguments as they were given."""

        def __post_init__(self: Any) -> None:
            self.bf16 = not self.fp16 if self.bf16 is None else self.bf16
            self.report_to = [self.report_to] if isinstance(self.report_to, str) else self.report_to

    own: Any = settings.FerArguments if stage == "sft" else grpo_settings.GrpoArguments
    fer, config, model = settings.parse((own, Planned, ModelConfig), argv, processes)
    if stage == "grpo":
        if fer.rollouts not in grpo_settings.MODES:
            raise InputError(
                "--rollouts "
                f"{fer.rollouts}: no such way to sample; allowed are {', '.join(grpo_settings.MODES)}"
            )
        grpo_settings.check_choices(fer, config)
        config.use_vllm, config.vllm_mode = fer.rollouts != "none", fer.rollouts
    return fer, config, model
