"""Which of the replies that passed are learned from, and which faces GRPO trains on.

They are chosen by difficulty, balanced by class and by AU. Knows candidates and rates; nothing of files. The
same candidates, settings and seed choose the same rows, in whatever order they come.

The rules, in words:
- A face teaches something if its rate of right blind replies lies between the bounds. Faces always right may
  fill a small share, so that a class the model has mastered does not vanish; replies whose writer was shown
  the label may fill another.
- The class with the fewest rows so far chooses next, and none exceeds its cap.
- Within a class the next row is one whose AUs are rarest among the rows chosen so far; the seed decides
  between equals.
- A face gives at most `per_face` rows, and none whose reasoning nearly repeats what was chosen.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.near_duplicates import NearDuplicates
from unifer.prepare.synthesis.pool import PoolFace, shuffled
from unifer.prepare.synthesis.quality import Candidate, Rate
from unifer.prepare.synthesis.settings import SelectSettings
from unifer.records import Json

Stratum = Literal["between", "guided", "always"]
STRATA: tuple[Stratum, ...] = ("between", "guided", "always")
"""In the order of preference.

Faces sometimes right, replies that were shown the label, faces always right.
"""

_NO_UNIT = 0
"""Stands for a face without any active AU, so that such faces are balanced like the others."""


class Item(NamedTuple):
    """Something to choose, and what balances the choice."""

    key: str
    face: str
    label: str
    action_units: frozenset[int]
    stratum: Stratum


@dataclass(frozen=True, slots=True)
class ChosenItems:
    """What was chosen, in that order, and what there was."""

    items: tuple[Item, ...]
    available: tuple[Item, ...]
    near_duplicates: tuple[Item, ...] = ()

    def to_json(self) -> Json:
        """Counts of available and taken: in all, per stratum, per class, per AU."""
        return {
            "available": len(self.available),
            "taken": len(self.items),
            "near_duplicates": len(self.near_duplicates),
            "strata": self._counts(lambda item: [item.stratum]),
            "classes": self._counts(lambda item: [item.label]),
            "action_units": self._counts(
                lambda item: [f"AU{unit}" for unit in sorted(item.action_units)] or ["none"]
            ),
        }

    def _counts(self, names: Callable[[Item], Iterable[str]]) -> Json:
        available, taken = (
            Counter(name for item in items for name in names(item)) for items in (self.available, self.items)
        )
        ordered = sorted(
            available, key=lambda name: (len(name), name) if name.startswith("AU") else (0, name)
        )
        return {name: {"available": available[name], "taken": taken[name]} for name in ordered}


def choose_rows(
    candidates: Sequence[Candidate],
    rates: Mapping[str, Rate],
    settings: SelectSettings,
    filters: FilterSettings,
    seed: int,
) -> ChosenItems:
    """The replies to learn from."""
    reasoning = {candidate.key: candidate.reasoning for candidate in candidates}
    items = []
    for candidate in candidates:
        stratum = "guided" if candidate.guided else _stratum(rates[candidate.face.key], settings)
        if stratum is not None:
            items.append(
                Item(
                    candidate.key, candidate.face.key, candidate.face.emotion, candidate.action_units, stratum
                )
            )
    memory = NearDuplicates(filters)
    shares: dict[Stratum, float] = {"guided": settings.guided_share, "always": settings.easy_share}
    return _choose(
        items,
        settings,
        settings.rows,
        settings.per_face,
        shares,
        seed,
        lambda it: not memory.seen(it.face, reasoning[it.key]),
    )


def choose_faces(
    faces: Sequence[PoolFace], rates: Mapping[str, Rate], settings: SelectSettings, seed: int
) -> ChosenItems:
    """The faces for GRPO: those sometimes right.

    A group of replies that are all right, or all wrong, has no advantage to learn from.
    """
    items = [
        Item(face.key, face.key, face.emotion, frozenset(face.known.action_units or ()), "between")
        for face in faces
        if face.key in rates and _stratum(rates[face.key], settings) == "between"
    ]
    return _choose(items, settings, settings.faces, 1, {}, seed, lambda _: True)


def difficulty(rates: Iterable[Rate]) -> Json:
    """How many faces were read right how often: `{"0/4": 12, "1/4": 30, ...}`.

    `none` counts faces without any reply.
    """
    counts = Counter(rates_as_text(rate) for rate in rates)
    return {name: counts[name] for name in sorted(counts, key=lambda name: (name == "none", name))}


def rates_as_text(rate: Rate) -> str:
    """`2/4`; `none` where no reply came."""
    return str(rate) if rate.answered else "none"


def _stratum(rate: Rate, settings: SelectSettings) -> Stratum | None:
    if rate.value is None or rate.value <= settings.min_rate:
        return None
    return "between" if rate.value < settings.max_rate else "always"


def _choose(
    items: Sequence[Item],
    settings: SelectSettings,
    limit: int,
    per_face: int,
    shares: Mapping[Stratum, float],
    seed: int,
    accept: Callable[[Item], bool],
) -> ChosenItems:
    queues = {
        label: _Class([item for item in items if item.label == label], seed)
        for label in sorted({item.label for item in items})
    }
    cap = math.ceil(settings.class_cap * limit / max(1, len(queues)))
    most = {stratum: math.floor(shares.get(stratum, 1.0) * limit) for stratum in STRATA}
    chosen: list[Item] = []
    refused: list[Item] = []
    of_face, of_unit, of_stratum = Counter[str](), Counter[int](), Counter[Stratum]()
    while queues and len(chosen) < limit:
        label = min(queues, key=lambda name: (queues[name].taken, name))
        open_strata = [stratum for stratum in STRATA if of_stratum[stratum] < most[stratum]]
        item = queues[label].next(open_strata, of_unit) if queues[label].taken < cap else None
        if item is None:
            del queues[label]
        elif of_face[item.face] >= per_face:
            continue
        elif not accept(item):
            refused.append(item)
        else:
            queues[label].taken += 1
            chosen.append(item)
            of_face[item.face] += 1
            of_stratum[item.stratum] += 1
            of_unit.update(item.action_units or (_NO_UNIT,))
    for stratum, share in shares.items():
        _trim(chosen, stratum, share)
    return ChosenItems(tuple(chosen), tuple(items), tuple(refused))


def _trim(chosen: list[Item], stratum: Stratum, share: float) -> None:
    """Take the last items of `stratum` back until they are no more than `share` of what is left."""
    places = [place for place, item in enumerate(chosen) if item.stratum == stratum]
    while places and len(places) > share * len(chosen):
        del chosen[places.pop()]


class _Class:
    """The items of one class, by stratum and by set of AUs; `taken` counts those chosen."""

    def __init__(self, items: Sequence[Item], seed: int) -> None:
        self.taken = 0
        self._groups: dict[Stratum, dict[frozenset[int], list[Item]]] = {stratum: {} for stratum in STRATA}
        for item in sorted(items, key=lambda item: shuffled(seed, item.key), reverse=True):
            self._groups[item.stratum].setdefault(item.action_units, []).append(item)
        # The worth of a group only falls, as its AUs are chosen: what stands in the heap is an upper bound,
        # looked at again when on top.
        self._heaps = {
            stratum: [(-math.inf, tuple(sorted(units)), units) for units in groups]
            for stratum, groups in self._groups.items()
        }
        for heap in self._heaps.values():
            heapq.heapify(heap)

    def next(self, strata: Iterable[Stratum], of_unit: Mapping[int, int]) -> Item | None:
        """The next item of the first of `strata` that has any, from the group whose AUs were chosen least.

        None if none has.
        """
        for stratum in strata:
            heap, groups = self._heaps[stratum], self._groups[stratum]
            while heap:
                _, order, units = heapq.heappop(heap)
                if not groups[units]:
                    continue
                entry = (-_rarity(units, of_unit), order, units)
                heapq.heappush(heap, entry)
                if heap[0] is entry:
                    return groups[units].pop()
        return None


def _rarity(units: frozenset[int], of_unit: Mapping[int, int]) -> float:
    """Mean of 1 / (1 + times chosen) over the AUs: 1 where all are new."""
    return sum(1 / (1 + of_unit.get(unit, 0)) for unit in units or (_NO_UNIT,)) / max(1, len(units))
