"""A family differs in one thing per face, is fixed by its seed, and its core AUs are those of the reader."""

from __future__ import annotations

import numpy as np
import pytest

from unifer.au_reader import core_units, read_units
from unifer.counterfactuals import SIZE, CounterfactualFace
from unifer.prepare.counterfactuals.variants import EMOTIONAL, clear_variants, make_family

FAMILIES = [make_family("test", index, EMOTIONAL[index % len(EMOTIONAL)]) for index in range(70)]


def test_twelve_faces_that_differ_from_their_base_in_one_thing_each() -> None:
    for family in FAMILIES:
        base = family[0]
        assert len(family) == SIZE
        for other in family[1:]:
            same = (
                other.expression == base.expression,
                other.identity == base.identity,
                other.conditions == base.conditions,
            )
            assert same.count(False) == (other.face.change != "control"), other.face
            if other.face.action_unit is not None:
                changed = {unit[:2] for unit in base.expression.units} ^ {
                    unit[:2] for unit in other.expression.units
                }
                assert {number for number, _ in changed} == {other.face.action_unit}


def test_the_same_seed_draws_the_same_pixels_and_the_control_is_identical() -> None:
    family, again = (make_family("pixels", 3, "fear") for _ in range(2))
    assert [one.face for one in family] == [one.face for one in again]
    pictures = [np.asarray(one.draw()) for one in family]
    assert all(
        (picture == np.asarray(one.draw())).all() for picture, one in zip(pictures, again, strict=True)
    )
    differ = [bool((picture != pictures[0]).any()) for picture in pictures]
    assert differ == [False, False, *[True] * 10]


def test_core_is_what_the_reader_hangs_on() -> None:
    for family in FAMILIES:
        base = family[0].face
        assert read_units(base.intensities) == (base.emotion, True)
        core = [one.face for one in family if one.face.core]
        assert core, base
        assert {face.action_unit for face in core} <= core_units(base.intensities)
        for face in (one.face for one in family):
            assert (face.reading != base.reading) == face.core
            assert read_units(face.intensities).clear


@pytest.mark.parametrize("emotion", EMOTIONAL)
def test_every_emotion_has_bases(emotion: str) -> None:
    assert clear_variants(emotion)


def test_moved_parts_beside_the_aus_own_region_are_named() -> None:
    """AU26 changes the outline of the face: a reader of outlines would otherwise pass for one of AUs."""
    jaw = [one.face for family in FAMILIES for one in family if one.face.action_unit == 26]
    assert jaw
    assert all("outline" in face.side_effects for face in jaw)
    brows = [one.face for family in FAMILIES for one in family if one.face.action_unit == 2]
    assert all(face.side_effects == () for face in brows)


def test_a_face_survives_its_row() -> None:
    for one in FAMILIES[6]:  # contempt: one-sided
        assert CounterfactualFace.from_json(one.face.to_json()) == one.face
