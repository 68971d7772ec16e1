"""The rewards of both papers against a second, literal writing of their rules, on invented replies."""

from __future__ import annotations

import random

import pytest

from tests import literal
from unifer.train.rewards import REWARDS, judge

COUNT = 20_000


@pytest.mark.parametrize("seed", [1, 2])
def test_all_four_pay_what_the_literal_rules_pay(seed: int) -> None:
    """Both look at one reply and one row; `AU06`, doubled blocks, half tags, rows without AUs are there."""
    rng = random.Random(seed)
    paid: dict[str, set[float]] = {
        name: set() for name in ("unifer_accuracy", "unifer_format", "facial_r1_accuracy", "facial_r1_au")
    }
    for _ in range(COUNT // 2):
        reply = literal.reasoned(rng)
        label = rng.choice((*literal.EMOTIONS, None))
        units = None if rng.random() < 0.1 else [unit for unit in literal.UNITS if rng.random() < 0.3]
        wanted = {
            "unifer_accuracy": None if label is None else literal.unifer_accuracy(reply, label),
            "unifer_format": literal.unifer_format(reply),
            "facial_r1_accuracy": literal.facial_r1_accuracy(reply, label),
            "facial_r1_au": literal.facial_r1_au(reply, units),
        }
        case = judge(reply, label, literal.EMOTIONS if label else (), units)
        for name, value in wanted.items():
            found = REWARDS[name](case)
            assert found == (value if value is None else pytest.approx(value, rel=0, abs=1e-12)), (
                name,
                reply,
                label,
                units,
            )
            paid[name].add(round(found or 0.0, 6))
    assert {name: len(values) > 1 for name, values in paid.items()} == dict.fromkeys(paid, True), (
        "a reward that never moved was not tried"
    )
