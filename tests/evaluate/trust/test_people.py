"""Agreement among voters, exact, against drawing voters one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from unifer.ballots import VOTED, Votes, decide
from unifer.evaluate.trust.people import agreement

BALLOTS: list[Votes] = [
    (10, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (5, 0, 0, 5, 0, 0, 0, 0, 0, 0),
    (4, 0, 0, 3, 0, 0, 2, 0, 1, 0),
    (0, 1, 2, 0, 0, 0, 0, 3, 2, 2),
    (1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    (0, 0, 0, 0, 0, 0, 0, 1, 9, 0),
]


def voters(votes: Votes) -> list[str]:
    return [name for name, count in zip(VOTED, votes, strict=True) for _ in range(count)]


def label(names: list[str]) -> str | None:
    return decide([names.count(name) for name in VOTED], "published")[0]


def by_hand(votes: Votes) -> tuple[float, float, float]:
    """Every pair, every voter against the rest, every five against the other five."""
    people = voters(votes)
    pair = [
        people[a] == people[b] and people[a] not in ("unknown", "NF")
        for a, b in combinations(range(len(people)), 2)
    ]
    one = [people[a] == label(people[:a] + people[a + 1 :]) for a in range(len(people))]
    five = []
    for chosen in combinations(range(10), 5):
        side = label([people[at] for at in chosen])
        other = label([people[at] for at in range(10) if at not in chosen])
        five.append(side is not None and side == other)
    return float(np.mean(pair)), float(np.mean(one)), float(np.mean(five))


@pytest.mark.parametrize("votes", BALLOTS)
def test_people_agree_as_often_as_when_every_draw_is_counted(votes: Votes) -> None:
    """A tie broken otherwise, or `unknown` counted as an emotion, moves the human lines of every table."""
    people = agreement(votes)
    assert (people.pair, people.one, people.five) == pytest.approx(by_hand(votes), abs=1e-12)


def test_random_ballots_agree_with_the_count_too() -> None:
    draw = np.random.default_rng(0)
    for _ in range(40):
        votes = tuple(int(n) for n in draw.multinomial(10, draw.dirichlet(np.full(10, 0.4))))
        people = agreement(votes)
        assert (people.pair, people.one, people.five) == pytest.approx(by_hand(votes), abs=1e-12)


def test_an_answer_is_held_against_the_same_labels_as_a_person() -> None:
    """4 neutral, 3 sad, 2 fear, 1 unknown: any nine give neutral, which stands first where it ties."""
    people = agreement((4, 0, 0, 3, 0, 0, 2, 0, 1, 0))
    assert people.voter == pytest.approx({"neutral": 0.4, "sadness": 0.3, "fear": 0.2})
    assert people.by_others == pytest.approx({"neutral": 1.0})
    assert sum(people.by_five.values()) == pytest.approx(1.0)


def test_five_people_need_ten_voters() -> None:
    assert agreement((3, 0, 0, 0, 0, 0, 0, 0, 0, 0)).five is None
    assert agreement((1, 0, 0, 0, 0, 0, 0, 0, 0, 0)).pair is None
    with pytest.raises(ValueError, match="nobody voted"):
        agreement((0,) * 10)
