"""Drawn faces: the same arguments give the same face, and every AU is there to be seen."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from PIL import Image

from unifer.action_units import ACTION_UNITS, PROTOTYPES
from unifer.emotions import EMOTIONS
from unifer.prepare.faces import (
    Conditions,
    Expression,
    Identity,
    contact_sheet,
    draw,
    sample_expression,
    sample_free,
)
from unifer.prepare.faces.expressions import IMPOSSIBLE

PERSON = Identity()
CLEAR = Conditions.clear()


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean())


@pytest.fixture(scope="module")
def relaxed() -> Image.Image:
    return draw(Expression(), PERSON, CLEAR)


def test_same_arguments_draw_the_same_bytes() -> None:
    def face() -> bytes:
        rng = Random("determinism")
        return draw(sample_expression("fear", rng), Identity.sample(rng), Conditions.sample(rng)).tobytes()

    assert face() == face()


def test_another_seed_draws_another_noise() -> None:
    first, second = (draw(Expression(), PERSON, Conditions(noise=4.0, seed=seed)) for seed in (1, 2))
    assert 0 < difference(first, second) < 10


@pytest.mark.parametrize("number", sorted(ACTION_UNITS))
def test_every_au_shows_and_shows_more_when_stronger(number: int, relaxed: Image.Image) -> None:
    """An AU that moved nothing would be an AU the model is asked about in vain."""
    seen = [
        difference(relaxed, draw(Expression.of({number: float(level)}), PERSON, CLEAR)) for level in (1, 3, 5)
    ]
    assert seen[0] > 0.1, seen
    assert seen[2] > 0.5, seen
    assert all(weaker < stronger for weaker, stronger in pairwise(seen)), seen


LOOKALIKES = [
    (1, 2),
    (2, 4),
    (6, 7),
    (9, 10),
    (12, 13),
    (12, 14),
    (15, 17),
    (18, 22),
    (20, 23),
    (23, 24),
    (24, 28),
    (25, 26),
    (26, 27),
]


@pytest.mark.parametrize("pair", LOOKALIKES)
def test_similar_aus_look_different(pair: tuple[int, int]) -> None:
    first, second = (draw(Expression.of({number: 4.0}), PERSON, CLEAR) for number in pair)
    assert difference(first, second) > 0.6


def test_a_one_sided_au_leaves_the_other_half_alone(relaxed: Image.Image) -> None:
    """The person's left is on the right of the image."""
    smirk = draw(Expression.of({14: 4.0}, {14: "L"}), PERSON, CLEAR)
    left, right = (0, 0, 54, 112), (58, 0, 112, 112)
    assert difference(relaxed.crop(left), smirk.crop(left)) == 0
    assert difference(relaxed.crop(right), smirk.crop(right)) > 0.3


@pytest.mark.parametrize("size", [56, 112, 224])
def test_the_image_is_rgb_of_the_asked_size(size: int) -> None:
    rng = Random(size)
    image = draw(sample_free(rng), Identity.sample(rng), Conditions.sample(rng), size=size)
    assert (image.size, image.mode) == ((size, size), "RGB")


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_sampled_expressions_are_possible_and_never_empty(emotion: str) -> None:
    rng = Random(emotion)
    faces = [sample_expression(emotion, rng) for _ in range(300)]
    for face in faces:
        assert all(0 < unit.intensity <= 5 for unit in face.units)
    shown = sum(bool(set(face.numbers) & set(PROTOTYPES[emotion])) for face in faces)
    assert shown == (0 if emotion == "neutral" else 300)


def test_neutral_faces_hardly_move() -> None:
    rng = Random("neutral")
    strongest = [max(sample_expression("neutral", rng).intensities.values(), default=0.0) for _ in range(500)]
    assert sum(value > 2 for value in strongest) < 50
    assert sum(value == 0 for value in strongest) > 250


def test_free_expressions_reach_every_au_and_no_impossible_pair() -> None:
    rng = Random("free")
    faces = [sample_free(rng) for _ in range(2000)]
    assert {number for face in faces for number in face.numbers} == set(ACTION_UNITS)
    assert {len(face.units) for face in faces} == set(range(7))
    assert not [face for face in faces for pair in IMPOSSIBLE if pair <= set(face.numbers)]


@pytest.mark.parametrize("intensities", [{3: 1.0}, {12: 0.0}, {12: 5.1}, {12: float("nan")}])
def test_an_expression_refuses_what_cannot_be_drawn(intensities: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="AU"):
        Expression.of(intensities)


def test_expressions_with_the_same_units_are_equal_whatever_their_order() -> None:
    assert len({Expression.of({12: 2.0, 6: 1.0}), Expression.of({6: 1.0, 12: 2.0})}) == 1


def test_a_contact_sheet_holds_every_image(relaxed: Image.Image) -> None:
    sheet = contact_sheet([("neutral", [relaxed] * 3), ("one", [relaxed])], title="faces")
    assert sheet.width >= 3 * 112
    assert sheet.height >= 2 * 112
