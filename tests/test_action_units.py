"""The FACS table: complete for the prompts, and consistent with itself."""

from __future__ import annotations

import pytest

from unifer.action_units import ACTION_UNITS, FACS_NUMBERS, PROTOTYPES, REGIONS, f1, letter, name
from unifer.emotions import EMOTIONS


def test_every_emotion_has_a_prototype_of_known_units_and_no_two_are_alike() -> None:
    assert tuple(PROTOTYPES) == EMOTIONS
    assert all(set(units) <= set(ACTION_UNITS) for units in PROTOTYPES.values())
    assert len(set(PROTOTYPES.values())) == len(EMOTIONS)


def test_the_table_is_keyed_by_its_own_numbers_and_regions() -> None:
    assert all(number == unit.number for number, unit in ACTION_UNITS.items())
    assert {unit.region for unit in ACTION_UNITS.values()} == set(REGIONS)
    assert len({unit.name for unit in ACTION_UNITS.values()}) == len(ACTION_UNITS)
    assert set(ACTION_UNITS) <= FACS_NUMBERS


def test_numbers_that_facs_never_gave_are_not_units() -> None:
    assert not {0, 3, 47, 60, 99} & FACS_NUMBERS


@pytest.mark.parametrize(
    ("intensity", "expected"), [(0.2, "A"), (1, "A"), (2.4, "B"), (2.6, "C"), (4, "D"), (5, "E")]
)
def test_intensity_letters(intensity: float, expected: str) -> None:
    assert letter(intensity) == expected


@pytest.mark.parametrize("intensity", [0, -1, 5.1, float("nan")])
def test_an_absent_or_impossible_intensity_has_no_letter(intensity: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        letter(intensity)


def test_names() -> None:
    assert name(12) == "lip corner puller"
    with pytest.raises(KeyError):
        name(3)


def test_f1_of_two_empty_sets_is_one() -> None:
    assert f1([], ()) == 1.0
    assert f1([1], ()) == 0.0
    assert f1([1, 2], [2, 4]) == pytest.approx(0.5)
