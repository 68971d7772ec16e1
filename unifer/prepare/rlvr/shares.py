"""How many rows of each dataset and class to take, and which, by a seed.

Knows counts; no rows, no pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from unifer.errors import InputError
from unifer.records import Json

Balance = Literal["none", "classes", "weights"]

Group = tuple[str, str]
"""Dataset and canonical class; the class is '' for rows of AUs alone."""


@dataclass(frozen=True)
class Shares:
    """What to take of what is there.

    `balance`: "classes" takes as many of every class (with `count`: as evenly as that many rows allow),
    "weights" takes all and weighs them. `mix`: dataset -> its share of the rows; empty where datasets count
    as they come. Raises InputError for values out of range.
    """

    balance: Balance = "none"
    count: int | None = None
    mix: Mapping[str, float] = field(default_factory=dict)
    seed: str = "0"

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise InputError(f"--count {self.count}: at least one row is needed")
        for name, share in self.mix.items():
            if not math.isfinite(share) or share < 0:
                raise InputError(f"--mix {name}={share}: a share is a number from 0")
        if self.mix and not sum(self.mix.values()):
            raise InputError("--mix: every share is 0; give one dataset at least a share above 0")

    def to_json(self) -> Json:
        return {"balance": self.balance, "count": self.count, "mix": dict(self.mix), "seed": self.seed}


def take(groups: Mapping[Group, Sequence[int]], shares: Shares) -> list[int]:
    """The chosen of the rows that `groups` lists, ascending. The same rows and shares choose the same.

    Raises InputError where `mix` does not speak of every dataset there is, or speaks of another one.
    """
    rng = Random(f"{shares.seed}/rlvr")
    chosen: list[int] = []
    for part, wanted in _parts(groups, shares):
        if shares.balance == "classes":
            quotas = even({name: len(rows) for name, rows in part.items()}, wanted)
            for name, rows in sorted(part.items()):
                chosen += rng.sample(sorted(rows), quotas[name])
        else:
            chosen += rng.sample(sorted(row for rows in part.values() for row in rows), wanted)
    return sorted(chosen)


def _parts(groups: Mapping[Group, Sequence[int]], shares: Shares) -> list[tuple[dict[str, list[int]], int]]:
    """(rows by class, how many to take) of each dataset; of all together where there is no `mix`."""
    if not shares.mix:
        pooled = _by_class(groups)
        available = _available(pooled, shares)
        return [(pooled, min(available, shares.count or available))]
    datasets = sorted({dataset for dataset, _ in groups})
    if set(shares.mix) != set(datasets):
        named = ", ".join(sorted(name or "(rows without a dataset)" for name in datasets))
        raise InputError(
            f"--mix names {', '.join(shares.mix)}; the rows left are of {named}: name each once, NAME=0 "
            "leaves one out"
        )
    parts = {
        name: _by_class({group: rows for group, rows in groups.items() if group[0] == name})
        for name in datasets
    }
    whole = sum(shares.mix.values())
    portions = {name: share / whole for name, share in shares.mix.items()}
    most = min(
        int(_available(parts[name], shares) / portion + 1e-9) for name, portion in portions.items() if portion
    )
    total = min(most, shares.count or most)
    return [(parts[name], wanted) for name, wanted in apportioned(portions, total).items()]


def _by_class(groups: Mapping[Group, Sequence[int]]) -> dict[str, list[int]]:
    pooled: dict[str, list[int]] = {}
    for (_, label), rows in sorted(groups.items()):
        pooled.setdefault(label, []).extend(rows)
    return pooled


def _available(part: Mapping[str, Sequence[int]], shares: Shares) -> int:
    """Rows that can be taken of a part.

    With classes to balance and no `count` to reach, as many of each class as the smallest has.
    """
    if not part:
        return 0
    sizes = [len(rows) for rows in part.values()]
    return min(sizes) * len(sizes) if shares.balance == "classes" and shares.count is None else sum(sizes)


def even(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """`total` in parts as equal as `sizes` allow.

    A class that has too few gives all, the others share what is missing. `even({"happy": 90, "fear": 5,
    "sad": 40}, 65)` -> fear 5, sad 30, happy 30.
    """
    quotas, left = {}, total
    ascending = sorted(sizes.items(), key=lambda item: (item[1], item[0]))
    for index, (name, size) in enumerate(ascending):
        quotas[name] = min(size, left // (len(ascending) - index))
        left -= quotas[name]
    return quotas


def apportioned(portions: Mapping[str, float], total: int) -> dict[str, int]:
    """`total` in whole parts of these portions (sum 1), by largest remainder; sums to `total`."""
    exact = {name: total * portion for name, portion in sorted(portions.items())}
    parts = {name: int(value + 1e-9) for name, value in exact.items()}
    for name in sorted(exact, key=lambda each: parts[each] - exact[each])[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def weights(counts: Mapping[Group, int]) -> dict[Group, float]:
    """Group -> weight of each of its rows, so that every class weighs the same and the mean over rows is 1.

    Rows of AUs alone weigh 1.
    """
    sizes: dict[str, int] = {}
    for (_, label), count in counts.items():
        if label:
            sizes[label] = sizes.get(label, 0) + count
    mean = sum(sizes.values()) / len(sizes) if sizes else 0.0
    return {(dataset, label): round(mean / sizes[label], 6) if label else 1.0 for dataset, label in counts}
