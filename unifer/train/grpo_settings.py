"""What a GRPO run can be told, and which combinations are refused before anything is loaded, and why."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from unifer.errors import InputError
from unifer.models.devices import visible_gpus
from unifer.records import Json
from unifer.train import rewards
from unifer.train.settings import FerArguments

MODES = ("colocate", "server", "none")


@dataclass
class GrpoArguments(FerArguments):
    """What a GRPO run needs beyond TRL's own arguments."""

    rollouts: str = field(
        default="colocate",
        metadata={
            "help": "Who samples: vLLM on the trainer's own devices (colocate), a vLLM server (server), "
            "transformers (none)."
        },
    )
    rewards: list[str] = field(
        default_factory=lambda: list(rewards.DEFAULT),
        metadata={"help": "Names of the rewards; their weights: reward_weights."},
    )
    hard_labels: float = field(
        default=0.0,
        metadata={
            "help": "Draw prompts by difficulty: 0 as the rows come, 1 in proportion to a label's share "
            "of wrong samples."
        },
    )
    trained_completions: int | None = field(
        default=None,
        metadata={
            "help": "Completions of each group that are trained on, those with the largest |advantage| "
            "(default: all)."
        },
    )
    probe_limit: float | None = field(
        default=None,
        metadata={
            "help": "Mean |log-probability difference| of sampler and trainer that training accepts "
            "(default: by dtype)."
        },
    )


_CHOICES = {
    "loss_type": ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"),
    "scale_rewards": ("group", "batch", "none"),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
}
"""Values as TRL names them; it looks at some of them only when the first loss is computed."""

_WHOLE = (
    "the trainer scores the whole distribution at that temperature; a sampler that cuts or bends it "
    "would be another policy"
)
_NEUTRAL = {"top_p": (1.0,), "top_k": (0, None), "min_p": (0.0, None), "repetition_penalty": (1.0,)}
_OURS = {
    "generation_kwargs": "sampling is set by temperature and max_completion_length",
    "use_transformers_continuous_batching": "it takes no images; use --rollouts colocate",
    "vllm_structured_outputs_regex": _WHOLE,
    "trust_remote_code": "checkpoints run no code of their own here",
}
_COLOCATE = (
    "vllm_gpu_memory_utilization",
    "vllm_tensor_parallel_size",
    "vllm_enable_sleep_mode",
    "vllm_max_model_length",
)
_SERVER = (
    "vllm_server_base_url",
    "vllm_server_host",
    "vllm_server_port",
    "vllm_server_timeout",
    "vllm_group_port",
)
_UNREAD = {
    "colocate": (_SERVER, "there is no server in this mode"),
    "server": (_COLOCATE, "the server's own flags decide; give it to run_vllm_server.sh"),
    "none": ((*_SERVER, *_COLOCATE), "no vLLM samples in this mode"),
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
    "multi_objective_aggregation",
    "vllm_importance_sampling_correction",
    "mask_truncated_completions",
)


def check(fer: GrpoArguments, config: Any) -> Json:
    """Refuse what cannot work, set what follows; the GRPO part of the run's identity.

    Raises InputError.
    """
    _set_mode(fer, config)
    for name, allowed in _CHOICES.items():
        _refuse_unknown(name, str(getattr(config, name)).lower(), allowed)
    chosen = check_choices(fer, config)
    _refuse_torn_windows(config)
    config.reward_weights = list(chosen.weights)
    facts = {name: getattr(config, name) for name in _IDENTITY}
    facts |= {"hard_labels": fer.hard_labels, "trained_completions": fer.trained_completions}
    return {
        "rewards": dict(zip(chosen.names, chosen.weights, strict=True)),
        "rollouts": fer.rollouts,
        **facts,
    }


def check_choices(fer: GrpoArguments, config: Any) -> rewards.WeightedRewards:
    """The rewards that are meant. Raises InputError for what works on no machine, whatever its batches."""
    _refuse_other_distributions(config)
    chosen = rewards.choose(fer.rewards, config.reward_weights)
    _refuse_choice_of_samples(fer, config)
    return chosen


def _refuse_choice_of_samples(fer: GrpoArguments, config: Any) -> None:
    faults = (
        (
            not 0 <= fer.hard_labels <= 1,
            f"--hard_labels {fer.hard_labels}: a number from 0 (as the rows come) to 1 (by errors alone) is "
            "expected",
        ),
        (
            fer.hard_labels and "accuracy" not in fer.rewards,
            "--hard_labels looks at the reward accuracy: name it in --rewards (a weight of 0 logs it without "
            "paying it)",
        ),
        (
            fer.hard_labels and not config.shuffle_dataset,
            "--hard_labels draws rows in an order of its own: leave --shuffle_dataset false out",
        ),
        (
            fer.probe_limit is not None and not 0 < fer.probe_limit < math.inf,
            f"--probe_limit {fer.probe_limit}: a number above 0 is expected, in nats per token; sums round "
            "differently",
        ),
        (
            "faithful" in fer.rewards and fer.rollouts == "none",
            "the reward faithful asks vLLM to go on with edited replies: say --rollouts colocate or server, "
            "or leave it out of --rewards",
        ),
        (
            fer.trained_completions is not None and fer.trained_completions < 2,
            f"--trained_completions {fer.trained_completions}: at least 2, one above and one below the mean "
            "of a group",
        ),
    )
    for applies, problem in faults:
        if applies:
            raise InputError(problem)


def _set_mode(fer: GrpoArguments, config: Any) -> None:
    _refuse_unknown("rollouts", fer.rollouts, MODES)
    if config.use_vllm and fer.rollouts == "none":
        raise InputError(
            "--use_vllm true with --rollouts none: say --rollouts colocate or server for vLLM, and "
            "leave use_vllm out"
        )
    if config.vllm_mode != "colocate" and config.vllm_mode != fer.rollouts:
        raise InputError(
            f"--vllm_mode {config.vllm_mode} with --rollouts {fer.rollouts}: say --rollouts alone "
            f"({', '.join(MODES)})"
        )
    names, reason = _UNREAD[fer.rollouts]
    for name in _changed(config, names):
        raise InputError(f"--{name} has no effect with --rollouts {fer.rollouts}: {reason}")
    if not visible_gpus():
        if fer.rollouts == "server":
            raise InputError(
                "--rollouts server needs GPUs: weights travel to the server by NCCL; without one use "
                "--rollouts colocate"
            )
        if config.vllm_enable_sleep_mode:
            raise InputError(
                "--vllm_enable_sleep_mode true frees GPU memory, and there is no GPU here: leave it out"
            )
    config.use_vllm = fer.rollouts != "none"
    if config.use_vllm:
        config.vllm_mode = fer.rollouts


def _changed(config: Any, names: Iterable[str]) -> Iterable[str]:
    return (name for name in names if getattr(config, name) != getattr(type(config), name, None))


def _refuse_other_distributions(config: Any) -> None:
    if config.temperature <= 0:
        raise InputError(
            f"--temperature {config.temperature}: greedy replies of a group are all alike and teach "
            "nothing; 1.0 is usual"
        )
    for name, neutral in _NEUTRAL.items():
        if getattr(config, name) not in neutral:
            raise InputError(f"--{name} {getattr(config, name)} is refused: {_WHOLE}")
    for name in _changed(config, _OURS):
        raise InputError(f"--{name} is refused: {_OURS[name]}")


def _refuse_unknown(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"--{name} {value}: no such choice; {hint}allowed: {', '.join(allowed)}")


def _refuse_torn_windows(config: Any) -> None:
    """A run resumes with fresh rollouts, so a checkpoint may lie only where a generation window ends."""
    window = config.steps_per_generation * config.num_iterations
    if config.save_strategy == "steps" and (config.save_steps * config.gradient_accumulation_steps) % window:
        raise InputError(
            f"--save_steps {config.save_steps} falls inside a generation window: "
            f"{config.steps_per_generation} batches a generation x {config.num_iterations} iterations "
            f"are used before the next one, a step takes {config.gradient_accumulation_steps}; choose a "
            "multiple, or a resumed run would train on other rollouts than the run it goes on with"
        )


def server_url(config: Any) -> str:
    """Where the vLLM server is asked, as TRL reads its own settings."""
    return str(
        config.vllm_server_base_url or f"http://{config.vllm_server_host}:{config.vllm_server_port}"
    ).rstrip("/")
