"""The rule-based reader names every prototype, knows what hangs on one AU, and says where it is unsure."""

from __future__ import annotations

from random import Random

import pytest

from unifer.action_units import PROTOTYPES
from unifer.au_reader import agreement, core_units, read_units
from unifer.prepare.corpus import balanced, emotional_face


@pytest.mark.parametrize("emotion", PROTOTYPES)
def test_a_prototype_is_read_as_its_emotion_for_sure(emotion: str) -> None:
    assert read_units(PROTOTYPES[emotion]) == (emotion, True)


def test_agreement_by_hand() -> None:
    # Happiness: AU6 1, AU12 3, AU25 1. Of AU12 and AU1 it has 3; 2 * 3 / (5 + 3 + 1).
    assert agreement([12, 1], "happiness") == pytest.approx(6 / 9)
    assert agreement([], "happiness") == 0.0
    assert agreement([], "neutral") == 0.0


def test_fear_without_lowered_brows_is_surprise() -> None:
    assert read_units([1, 2, 4, 25]).emotion == "fear"
    assert read_units([1, 2, 25]).emotion == "surprise"
    assert core_units([1, 2, 4, 25]) >= {4}
    assert core_units(PROTOTYPES["fear"]) == frozenset()  # the whole prototype hangs on no single AU


def test_the_order_of_aus_says_nothing() -> None:
    units = [1, 2, 4, 5, 25]
    Random(0).shuffle(units)
    assert read_units(units) == read_units(sorted(units))


def test_it_reads_ordinary_drawn_faces_as_well_as_their_ambiguity_allows() -> None:
    """Its own score: faces of the corpora are weak, blended or stray in one case of five."""
    faces = [emotional_face("reader", index, emotion) for index, emotion in enumerate(balanced(400))]
    right = [read_units(face.action_units).emotion == face.emotion for face in faces]
    assert sum(right) / len(right) > 0.75
