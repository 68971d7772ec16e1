"""Rewards over replies on disk, before or after training: how each spreads, and why one does not move.

Knows row and reply files and the arithmetic of groups; not how numbers are shown. Policy gradients come from
differences within a group, the replies to one row (of one training step): a reward that is equal throughout a
group teaches nothing there.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files
from unifer.dialogue.answers import OUTCOMES
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError
from unifer.records import Json, Question, RewardRow
from unifer.train.history import read_rollouts
from unifer.train.rewards import REWARDS, Case, WeightedRewards, judge, total

_NAMES = ("id", "key", "image_path", "image")
_REPLIES = ("reply", "completion", "model_response")
_EQUAL = 1e-8
"""Rewards of a group this close are equal, as TRL counts `frac_reward_zero_std`."""

_APPLIES = {
    "au_f1": "only rows with an AU annotation have one",
    "consistency": "only an answer from the list has one",
    "conclusion": "only an answer from the list can be agreed with",
    "faithful": "only training asks the policy to go on with a reply that lost an AU",
    "length": "it needs completion_tokens in the replies and --completion-limit",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a row holds its replies against, and the names that replies call it by."""

    names: tuple[str, ...]
    label: str | None
    candidate_labels: tuple[str, ...]
    action_units: tuple[int, ...] | None

    @classmethod
    def from_json(cls, raw: Any) -> Target:
        """A reward row, or a question if it has a `true_label`. Raises ValueError as these do."""
        if isinstance(raw, Mapping) and "true_label" in raw:
            question = Question.from_json(raw)
            return cls(
                _names(question), question.true_label, question.candidate_labels, question.action_units
            )
        row = RewardRow.from_json(raw)
        return cls(_names(row), row.label, vocabulary(row), row.action_units)


def _names(row: Question | RewardRow) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (row.id, row.image_path))))


class _TargetRows:
    """The rows of one file, found by the name that a reply gives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.targets = list(files.read_records(path, Target.from_json))
        if not self.targets:
            raise InputError(f"{path}: holds no rows; reward rows or questions are expected")
        self._named: dict[str, list[int]] = {}
        for index, target in enumerate(self.targets):
            for name in target.names:
                self._named.setdefault(name, []).append(index)

    def find(self, raw: Mapping[str, Any]) -> int:
        """Index of the row that the reply row `raw` belongs to.

        Raises ValueError: unnamed, not there, or several rows of that name.
        """
        given = [str(raw[field]) for field in _NAMES if raw.get(field) is not None]
        if not given:
            has = ", ".join(map(repr, raw)) or "nothing"
            raise ValueError(
                f"a reply row says which row it answers under one of {', '.join(_NAMES)}; it has {has}"
            )
        name = next((name for name in given if name in self._named), None)
        if name is None:
            raise ValueError(
                f"no row of {self._path} has the id or image_path {given[0]!r}; name the file of these "
                "rows with --rows"
            )
        indices = self._named[name]
        if len(indices) > 1:
            places = ", ".join(str(index + 1) for index in indices[:3])
            raise ValueError(
                f"rows {places} of {self._path} all go by {name!r}; give rows and replies an 'id' each"
            )
        return indices[0]


@dataclass(frozen=True, slots=True)
class RewardSpread:
    """One reward over all replies.

    `groups` counts the groups in which it applies to two replies or more, `equal` those without spread.
    """

    n: int
    none: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    groups: int
    equal: int

    @property
    def zero_variance(self) -> float | None:
        """Share of groups that have no spread; None where no row has two replies to compare."""
        return self.equal / self.groups if self.groups else None

    def to_json(self) -> Json:
        values = {
            "n": self.n,
            "none": self.none,
            "mean": self.mean,
            "std": self.std,
            "min": self.low,
            "max": self.high,
        }
        return values | {"groups": self.groups, "zero_variance": self.zero_variance}


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the chosen rewards pay: a spread each and one of the total, the outcomes, and what cannot move."""

    chosen: WeightedRewards
    rows: int
    """Rows that have a reply."""
    replies: int
    failed: int
    """Rows of the replies file that record an error instead of a reply; they are left out."""
    outcomes: Mapping[str, int]
    spreads: Mapping[str, RewardSpread]
    total: RewardSpread
    problems: tuple[str, ...]

    @property
    def stuck(self) -> bool:
        """The total cannot move a policy, whatever its parts do."""
        return _problem("total", self.total) is not None

    def to_json(self) -> Json:
        weights = dict(zip(self.chosen.names, self.chosen.weights, strict=True))
        return {
            "rows": self.rows,
            "replies": self.replies,
            "failed": self.failed,
            "outcomes": dict(self.outcomes),
            "rewards": {
                name: {"weight": weights[name]} | spread.to_json() for name, spread in self.spreads.items()
            },
            "total": self.total.to_json(),
            "problems": list(self.problems),
        }


def dry_run(
    rows: Path, replies: Path, chosen: WeightedRewards, completion_limit: int | None = None
) -> DryRun:
    """The rewards `chosen` over every reply of `replies`, each held against its own row of `rows`.

    `replies` is a file, or the folder of a GRPO run, whose rollouts it then reads. Raises InputError for rows
    or replies that cannot be read, and for the first reply whose row is not there or not certain.
    """
    known = _TargetRows(rows)
    groups: dict[tuple[str, int], list[Case]] = {}
    failed = 0
    for number, raw in enumerate(read_rollouts(replies), 1) if replies.is_dir() else files.read_rows(replies):
        try:
            index, reply, tokens = _reply(raw, known)
        except ValueError as error:
            raise InputError.at(replies, number, str(error)) from None
        if reply is None:
            failed += 1
            continue
        target = known.targets[index]
        case = judge(
            reply, target.label, target.candidate_labels, target.action_units, tokens, completion_limit
        )
        groups.setdefault((str(raw.get("step", "")), index), []).append(case)
    if not groups:
        raise InputError(
            f"{replies}: holds no reply ({failed} failed rows); a row has id or image_path, and reply "
            "or model_response"
        )
    return _measured(chosen, groups, failed)


def _reply(raw: Any, known: _TargetRows) -> tuple[int, str | None, int | None]:
    """(index of its row, the reply or None for a recorded failure, its tokens).

    Raises ValueError saying what is wrong.
    """
    if not isinstance(raw, Mapping):
        raise ValueError(f"a reply row must be a JSON object, not {type(raw).__name__}")
    index = known.find(raw)
    if raw.get("error"):
        return index, None, None
    field = next((field for field in _REPLIES if field in raw), None)
    if field is None or not isinstance(raw[field], str):
        problem = "there is none" if field is None else f"{field!r} is {raw[field]!r}"
        raise ValueError(f"a reply is a string under one of {', '.join(_REPLIES)}; {problem}")
    tokens = raw.get("completion_tokens", raw.get("tokens"))
    if tokens is not None and (type(tokens) is not int or tokens < 0):
        raise ValueError(f"'completion_tokens' must be a whole number from 0 or null, not {tokens!r}")
    return index, raw[field], tokens


def _measured(
    chosen: WeightedRewards, groups: Mapping[tuple[str, int], Sequence[Case]], failed: int
) -> DryRun:
    cases = [case for group in groups.values() for case in group]
    paid = [[[REWARDS[name](case) for name in chosen.names] for case in group] for group in groups.values()]
    spreads = {
        name: _spread([[values[at] for values in group] for group in paid])
        for at, name in enumerate(chosen.names)
    }
    whole = _spread([[total(chosen, values) for values in group] for group in paid])
    outcomes: dict[str, int] = {
        name: sum(case.verdict.outcome == name for case in cases) for name in OUTCOMES if name != "failed"
    }
    outcomes["well_formed"] = sum(case.verdict.well_formed for case in cases)
    problems = [_problem(name, spread) for name, spread in (*spreads.items(), ("total", whole))]
    rows = len({index for _, index in groups})
    return DryRun(chosen, rows, len(cases), failed, outcomes, spreads, whole, tuple(filter(None, problems)))


def _spread(groups: Sequence[Sequence[float | None]]) -> RewardSpread:
    applicable = [[value for value in group if value is not None] for group in groups]
    values = [value for group in applicable for value in group]
    none = sum(map(len, groups)) - len(values)
    comparable = [group for group in applicable if len(group) > 1]
    equal = sum(max(group) - min(group) <= _EQUAL for group in comparable)
    if not values:
        return RewardSpread(0, none, None, None, None, None, 0, 0)
    std = statistics.stdev(values) if len(values) > 1 else None
    return RewardSpread(
        len(values), none, statistics.fmean(values), std, min(values), max(values), len(comparable), equal
    )


def _problem(name: str, spread: RewardSpread) -> str | None:
    """Why this reward cannot move a policy, in a sentence; None if it can."""
    if spread.low is None or spread.high is None:
        return f"{name}: applies to no reply; {_APPLIES.get(name, 'no reward does')}"
    if spread.n > 1 and spread.high - spread.low <= _EQUAL:
        return f"{name}: every reply earns {spread.high:.2f}, so no reply is better than another"
    if spread.zero_variance == 1:
        return f"{name}: 100 % of groups have equal rewards, so no group says which of its replies is better"
    return None
