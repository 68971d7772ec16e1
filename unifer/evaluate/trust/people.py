"""How far the voters on one face agree with each other, and with an answer. Exact; knows ten numbers.

An answer is held against four references: a voter drawn at random, the published label, and the labels that
nine of the voters and five of them give by the vote rule `published`. People stand beside it as a second
voter, the tenth voter, and the other five.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from unifer.ballots import EMOTION_COLUMNS, Votes, decide

FIVE = 5


@dataclass(frozen=True)
class Agreement:
    """Agreement on one face, each a chance in [0, 1] over which voters are drawn.

    `pair`: two voters name the same emotion. `one`: one voter names the label of the others; `five`: the
    label of five voters is that of the other five. None where there are too few voters, or for `five` not
    ten. `voter`, `by_others` and `by_five` hold the chance of each emotion to be what one voter names, the
    label of all but one, and the label of five.
    """

    pair: float | None
    one: float | None
    five: float | None
    voter: Mapping[str, float]
    by_others: Mapping[str, float] = field(default_factory=dict)
    by_five: Mapping[str, float] = field(default_factory=dict)


@lru_cache(maxsize=2**16)
def agreement(votes: Votes) -> Agreement:
    """Of ten numbers in the order of `ballots.VOTED`; `unknown` and `NF` agree with nobody.

    Raises ValueError without any vote.
    """
    voters = sum(votes)
    if not voters:
        raise ValueError("nobody voted")
    emotions = dict(zip(EMOTION_COLUMNS, votes, strict=False))
    voter = {name: count / voters for name, count in emotions.items() if count}
    if voters < 2:
        return Agreement(None, None, None, voter)
    pair = sum(count * (count - 1) for count in emotions.values()) / (voters * (voters - 1))
    one, by_others = _one_against_others(votes, voters)
    if voters != 2 * FIVE:
        return Agreement(pair, one, None, voter, by_others)
    five, by_five = _five_against_five(votes)
    return Agreement(pair, one, five, voter, by_others, by_five)


def _one_against_others(votes: Votes, voters: int) -> tuple[float, dict[str, float]]:
    """How often one voter names the label of the others, and how often that label is which."""
    agree, labels = 0.0, defaultdict[str, float](float)
    for column, count in enumerate(votes):
        if count:
            others = [number - (index == column) for index, number in enumerate(votes)]
            label, _ = decide(others, "published")
            if label is not None:
                labels[label] += count / voters
                agree += (column < len(EMOTION_COLUMNS) and EMOTION_COLUMNS[column] == label) * count / voters
    return agree, labels


def _five_against_five(votes: Votes) -> tuple[float, dict[str, float]]:
    """How often five voters and the other five give one label, and how often that of five is which."""
    agree, labels = 0.0, defaultdict[str, float](float)
    for side, chance in _halves(votes):
        label, _ = decide(side, "published")
        other, _ = decide([total - part for total, part in zip(votes, side, strict=True)], "published")
        if label is not None:
            labels[label] += chance
            agree += chance * (label == other)
    return agree, labels


def _halves(votes: Votes) -> Iterator[tuple[Votes, float]]:
    """The votes of every five of ten voters, with the chance of each (multivariate hypergeometric)."""
    sides: list[tuple[Votes, int]] = [((), 1)]
    for count in votes:
        sides = [
            ((*side, part), ways * math.comb(count, part))
            for side, ways in sides
            for part in range(min(count, FIVE - sum(side)) + 1)
        ]
    whole = math.comb(2 * FIVE, FIVE)
    return ((side, ways / whole) for side, ways in sides if sum(side) == FIVE)
