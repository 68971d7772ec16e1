"""What a GRPO run can be told, and which combinations are refused before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unifer.errors import InputError
from unifer.models.devices import visible_gpus
from unifer.records import Json
from unifer.train.settings import FerArguments

MODES = ("colocate", "server", "none")


@dataclass
class GrpoArguments(FerArguments):
    """What a GRPO run needs beyond TRL's own arguments."""

    rollouts: str = field(
        default="colocate",
        metadata={"help": "Who samples: vLLM on the trainer's own devices (colocate), a vLLM server (server), transformers (none)."},
    )
    rewards: list[str] = field(
        default_factory=lambda: ["accuracy", "format", "au_f1"], metadata={"help": "Names of the rewards; weights in reward_weights."}
    )
    probe_limit: float | None = field(
        default=None,
        metadata={"help": "Mean |log-probability difference| of sampler and trainer that training accepts (default: by dtype)."},
    )


def check(fer: GrpoArguments, config: Any) -> Json:
    """Refuse what cannot work, set what follows; the GRPO part of the run's identity. Raises InputError."""
    _set_mode(fer, config)
    return {
        "rewards": dict(zip(fer.rewards, config.reward_weights or [1.0] * len(fer.rewards), strict=True)),
        "rollouts": fer.rollouts,
        **{name: getattr(config, name) for name in _IDENTITY},
    }


_IDENTITY = (
    "num_generations",
    "num_iterations",
    "steps_per_generation",
    "max_completion_length",
    "temperature",
    "beta",
    "loss_type",
    "epsilon",
    "epsilon_high",
    "scale_rewards",
    "importance_sampling_level",
    "vllm_importance_sampling_correction",
    "mask_truncated_completions",
)


def _set_mode(fer: GrpoArguments, config: Any) -> None:
    if fer.rollouts not in MODES:
        raise InputError(f"--rollouts {fer.rollouts}: no such way to sample; allowed are {', '.join(MODES)}")
    config.use_vllm = fer.rollouts != "none"
    if config.use_vllm:
        config.vllm_mode = fer.rollouts


def fit_context(config: Any, dataset: Any, processor: Any) -> None:
    """Set the engine's context to the longest prompt and a whole completion."""
    config.vllm_max_model_length = config.vllm_max_model_length or 512
