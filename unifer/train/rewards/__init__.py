"""Verifiable rewards by name: what is paid for a reply, chosen and weighted, and in the form that TRL's
GRPOTrainer calls.

Rewards see the grader's verdict (`dialogue/answers`), so what is paid for is what the metric counts.
`docs/rewards.md` has the table. Imports no torch: `unifer rewards` dry-runs them on any machine.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from unifer.errors import InputError
from unifer.train.rewards import own, published
from unifer.train.rewards.cases import Case, judge

__all__ = [
    "DEFAULT",
    "REWARDS",
    "Case",
    "Reward",
    "WeightedRewards",
    "choose",
    "judge",
    "total",
    "trainer_rewards",
]

Reward = Callable[[Case], float | None]
"""None: the reward does not apply to this reply; it neither pays nor costs."""

REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        "accuracy": own.accuracy,
        "format": own.form,
        "au_f1": own.au_f1,
        "length": own.length,
        "consistency": own.consistency,
        "conclusion": own.conclusion,
        "unifer_accuracy": published.unifer_accuracy,
        "unifer_format": published.unifer_format,
        "facial_r1_accuracy": published.facial_r1_accuracy,
        "facial_r1_au": published.facial_r1_au,
    }
)

DEFAULT = ("accuracy", "format", "au_f1")


@dataclass(frozen=True, slots=True)
class WeightedRewards:
    """Names of `REWARDS`, each once, and as many weights."""

    names: tuple[str, ...]
    weights: tuple[float, ...]


def choose(names: Sequence[str] = DEFAULT, weights: Sequence[float] | None = None) -> WeightedRewards:
    """The rewards `names` with `weights`, 1 each where None.

    Raises InputError: a name that does not exist (with the nearest), a name twice, no name; another number of
    weights than of names, a weight that is negative or no finite number, no weight above 0.
    """
    if not names:
        raise InputError(f"no reward is named; choose from {', '.join(REWARDS)}")
    for position, name in enumerate(names):
        if name not in REWARDS:
            near = difflib.get_close_matches(str(name), REWARDS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"there is no reward {name!r}; {hint}choose from {', '.join(REWARDS)}")
        if name in names[:position]:
            raise InputError(
                f"the reward {name!r} is named twice; name it once and give it the sum of the weights"
            )
    return WeightedRewards(tuple(names), _weights(names, weights))


def _weights(names: Sequence[str], weights: Sequence[float] | None) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * len(names)
    listed = ", ".join(str(weight) for weight in weights)
    if len(weights) != len(names):
        raise InputError(
            f"{len(weights)} reward weights ({listed}) for {len(names)} rewards ({', '.join(names)}); "
            "give each its own"
        )
    for name, weight in zip(names, weights, strict=True):
        if (
            isinstance(weight, bool)
            or not isinstance(weight, int | float)
            or not math.isfinite(weight)
            or weight < 0
        ):
            raise InputError(
                "the weight of "
                f"{name!r} is {weight!r}; a number from 0 is expected (0 logs a reward without paying "
                "it)"
            )
    if not any(weights):
        raise InputError(
            "every reward weight is 0 "
            f"({listed}): nothing would be learnt; give one at least a weight above 0"
        )
    return tuple(float(weight) for weight in weights)


def total(chosen: WeightedRewards, values: Sequence[float | None]) -> float | None:
    """Weighted sum of one reply's rewards as TRL forms it: None counts as 0, and a reply to which no reward
    applies has no total.
    """
    paid = [weight * value for weight, value in zip(chosen.weights, values, strict=True) if value is not None]
    return sum(paid) if paid else None


def trainer_rewards(
    names: Sequence[str], *, completion_limit: int
) -> list[Callable[..., list[float | None]]]:
    """The rewards `names` as TRL's GRPOTrainer calls them, in that order, each with its name as `__name__`
    (so `rewards/<name>/mean`).

    They take the batch's `completions` (conversations of one assistant turn), `completion_ids`, and the
    columns `label`, `candidate_labels` and `action_units` (None where a row is not annotated), and return a
    float or None a completion. `completion_limit` is the most tokens of a completion. Whatever their number,
    each completion is graded once. Raises InputError as `choose` does.
    """
    batch = _Batch(completion_limit)
    return [_trainer_reward(name, batch) for name in choose(names).names]


class _Batch:
    """The cases of the batch that the trainer hands from one reward to the next: the same list object, so
    graded at the first only.
    """

    def __init__(self, completion_limit: int) -> None:
        self._limit = completion_limit
        # Held, not remembered by id(): a freed list's id may come back with the next batch.
        self._completions: Any = None
        self._cases: list[Case] = []

    def cases(self, completions: Any, completion_ids: Any, columns: Mapping[str, Any]) -> list[Case]:
        if completions is not self._completions:
            rows = zip(
                completions,
                completion_ids,
                columns["label"],
                columns["candidate_labels"],
                columns["action_units"],
                strict=True,
            )
            self._cases = [
                judge(completion[0]["content"], label, candidates, units, len(ids), self._limit)
                for completion, ids, label, candidates, units in rows
            ]
            self._completions = completions
        return self._cases


def _trainer_reward(name: str, batch: _Batch) -> Callable[..., list[float | None]]:
    reward = REWARDS[name]

    def paid(prompts: Any, completions: Any, completion_ids: Any, **columns: Any) -> list[float | None]:
        return [reward(case) for case in batch.cases(completions, completion_ids, columns)]

    paid.__name__ = name
    return paid
