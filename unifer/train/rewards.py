"""Verifiable rewards: one graded reply -> a number, by name, weighted, and as TRL's GRPOTrainer calls them.

Rewards see the grader's verdict (`dialogue/answers`), so what is paid for is what the metric counts. To add
one, write a function from a `Case` to a number and name it in `REWARDS`; `docs/rewards.md` has the table. The
rules of published work stand in `published_rewards`. Imports no torch: `unifer rewards` tries them anywhere.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from unifer.action_units import PROTOTYPES, f1
from unifer.dialogue.answers import Verdict, grade, is_correct
from unifer.dialogue.label_mentions import concluded
from unifer.emotions import canonical, spelled_in
from unifer.errors import InputError
from unifer.train import published_rewards as published
from unifer.train.continuing import CONTINUED, Continuation

OVERLONG_SHARE = 0.2
"""Share of the completion limit over which `length` falls to -1: DAPO's 4,096 of 20,480 tokens."""


@dataclass(frozen=True, slots=True)
class Case:
    """One graded reply with the facts of its row; `judge` makes it, so that all rewards see one verdict."""

    reply: str
    verdict: Verdict
    label: str | None
    """The true label, as the row spells it; None where the row has AUs alone."""
    candidate_labels: tuple[str, ...]
    action_units: frozenset[int] | None
    """AUs of the face; None where it was not annotated, which is not the same as none active."""
    completion_tokens: int | None = None
    completion_limit: int | None = None
    """Most tokens a completion may have."""
    continuation: Continuation | None = None
    """What the policy answers once an AU is deleted from its reasoning; None where that was not asked."""

    @property
    def correct(self) -> bool:
        """Whether the reply's one answer is the row's label, by protocol `strict`; False without a label."""
        truth = self.label
        if truth is not None and truth not in self.candidate_labels:
            truth = spelled_in(truth, self.candidate_labels)
        return is_correct(self.verdict, truth)


def judge(
    reply: str,
    label: str | None,
    candidate_labels: Sequence[str],
    action_units: Sequence[int] | None,
    completion_tokens: int | None = None,
    completion_limit: int | None = None,
    continuation: Continuation | None = None,
) -> Case:
    """Grade `reply` against its own row's vocabulary, once for all rewards."""
    candidates = tuple(candidate_labels)
    units = None if action_units is None else frozenset(action_units)
    verdict = grade(reply, candidates)
    return Case(reply, verdict, label, candidates, units, completion_tokens, completion_limit, continuation)


def accuracy(case: Case) -> float | None:
    """1 if the one answer is the row's label, as the metric WAR counts it, else 0; None without a label."""
    return None if case.label is None else float(case.correct)


def form(case: Case) -> float:
    """1 if the reply is one non-empty think block, then one non-empty answer block (any label), else 0."""
    return float(case.verdict.well_formed)


def au_f1(case: Case) -> float | None:
    """F1 of the AUs that the reply claims against the row's, in [0, 1]; None for a row without annotation.

    A reply claims the AUs that its reasoning affirms; where the row asks for AUs alone, those that the answer
    lists (`dialogue.answers`).
    """
    return None if case.action_units is None else f1(case.verdict.action_units, case.action_units)


def consistency(case: Case) -> float | None:
    """F1 of the AUs that the reasoning affirms against the prototype of the emotion answered, in [0, 1].

    The true label and the row's AUs play no part. Neutral's prototype is empty: 1 if no AU is claimed, else
    0. None without an answer from the list, and for an answer that is none of the eight emotions.
    """
    prototype = None if case.verdict.label is None else PROTOTYPES.get(canonical(case.verdict.label))
    return None if prototype is None else f1(case.verdict.action_units, prototype)


def conclusion(case: Case) -> float | None:
    """1 if the reasoning settles on the label that is answered, else 0; None without an answer of the list.

    The true label plays no part. Rewards that read AUs and the answer alone let the sentence between the two
    drift.
    """
    if case.verdict.label is None:
        return None
    return float(concluded(case.verdict.reasoning, case.candidate_labels) == case.verdict.label)


def faithful(case: Case) -> float | None:
    """1 if the answer follows the reasoning when one AU is deleted from it, else 0.

    Where FACS prototypes read the AUs that are left otherwise, the policy's answer from there on must be what
    they read; where they read the same, it must stay (`train.continuing`). The true label and the row's AUs
    play no part. None where no AU could be deleted, and outside training.
    """
    after = case.continuation
    if after is None:
        return None
    return float(after.after is not None and after.after == (after.reading if after.core else after.before))


def length(case: Case) -> float | None:
    """Soft overlong penalty in [-1, 0]: 0 up to 80 % of the limit, then falling linearly to -1 at the limit.

    DAPO (arXiv 2503.14476), equation 13, with L_max the completion limit and L_cache = `OVERLONG_SHARE` of
    it, in tokens. None where the number of tokens or the limit is not known.
    """
    if case.completion_tokens is None or case.completion_limit is None:
        return None
    cache = OVERLONG_SHARE * case.completion_limit
    left = case.completion_limit - cache - case.completion_tokens
    return min(0.0, max(-1.0, left / cache))


Reward = Callable[[Case], float | None]
"""None: the reward does not apply to this reply; it neither pays nor costs."""

REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        "accuracy": accuracy,
        "format": form,
        "au_f1": au_f1,
        "length": length,
        "consistency": consistency,
        "conclusion": conclusion,
        "faithful": faithful,
        "unifer_accuracy": lambda case: published.unifer_accuracy(case.reply, case.label),
        "unifer_format": lambda case: published.unifer_format(case.reply),
        "facial_r1_accuracy": lambda case: published.facial_r1_accuracy(case.reply, case.label),
        "facial_r1_au": lambda case: published.facial_r1_au(case.reply, case.action_units),
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
    numbers = ", ".join(map(str, weights))
    if len(weights) != len(names):
        raise InputError(
            f"{len(weights)} reward weights ({numbers}) for {len(names)} rewards ({', '.join(names)}); "
            "give each its own"
        )
    for name, weight in zip(names, weights, strict=True):
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 <= weight < math.inf:
            raise InputError(
                f"the weight of {name!r} is {weight!r}; a number from 0 is expected (0 logs a reward without "
                "paying it)"
            )
    if not any(weights):
        raise InputError(
            f"every reward weight is 0 ({numbers}): nothing would be learnt; give one at least a weight "
            "above 0"
        )
    return tuple(map(float, weights))


def total(rewards: WeightedRewards, values: Sequence[float | None]) -> float | None:
    """Weighted sum of one reply's rewards as TRL forms it, None as 0; None where no reward applies."""
    paid = [
        weight * value for weight, value in zip(rewards.weights, values, strict=True) if value is not None
    ]
    return sum(paid) if paid else None


def trainer_rewards(
    names: Sequence[str], *, completion_limit: int
) -> list[Callable[..., list[float | None]]]:
    """The rewards `names` as TRL's GRPOTrainer calls them, each with its name as `__name__`.

    They take the batch's `completions` (conversations of one assistant turn), `completion_ids`, and the
    columns `label`, `candidate_labels` and `action_units` (None where a row is not annotated), for `faithful`
    also `CONTINUED`, and return a float or None per completion. `completion_limit` is the most tokens of a
    completion. Whatever the number of rewards, each completion is graded once. Raises InputError as `choose`
    does.
    """
    batch = _Batch(completion_limit)
    return [_trainer_reward(name, batch) for name in choose(names).names]


class _Batch:
    """The cases of one batch: TRL hands every reward the same list object, so only the first call grades."""

    def __init__(self, completion_limit: int) -> None:
        self._limit = completion_limit
        # Held, not remembered by id(): a freed list's id may come back with the next batch.
        self._completions: Any = None
        self._cases: list[Case] = []

    def cases(self, completions: Any, completion_ids: Any, columns: Mapping[str, Any]) -> list[Case]:
        if completions is not self._completions:
            facts = (columns[name] for name in ("label", "candidate_labels", "action_units"))
            continued = columns.get(CONTINUED) or [None] * len(completions)
            rows = zip(completions, completion_ids, *facts, continued, strict=True)
            self._cases = [
                judge(completion[0]["content"], label, candidates, units, len(ids), self._limit, after)
                for completion, ids, label, candidates, units, after in rows
            ]
            self._completions = completions
        return self._cases


def _trainer_reward(name: str, batch: _Batch) -> Callable[..., list[float | None]]:
    reward = REWARDS[name]

    def pay(prompts: Any, completions: Any, completion_ids: Any, **columns: Any) -> list[float | None]:
        return [reward(case) for case in batch.cases(completions, completion_ids, columns)]

    pay.__name__ = name
    return pay
