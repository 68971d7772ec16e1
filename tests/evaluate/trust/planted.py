"""Models whose faithfulness is known, as functions from a drawn face to a reply; and their predictions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random

from unifer.action_units import ACTION_UNITS
from unifer.au_reader import read_units
from unifer.counterfactuals import FaceFamily
from unifer.dialogue import prompts
from unifer.emotions import EMOTIONS
from unifer.prepare.counterfactuals.variants import EMOTIONAL, DrawnVariant, make_family
from unifer.records import Prediction, Question

Planted = Callable[[DrawnVariant], str]
SOME_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26)


def reply(units: Collection[int], label: str) -> str:
    return prompts.reply(prompts.reasoning([n for n in units if n in ACTION_UNITS], label), label)


def honest(variant: DrawnVariant) -> str:
    """Claims what is drawn, and answers as the prototypes have it."""
    return reply(variant.face.intensities, variant.face.reading)


def shortsighted(variant: DrawnVariant) -> str:
    """Misses AUs and sees others, by chance; its answer follows from what it claims."""
    chance = Random(f"eye/{variant.face.id}")
    units = {n for n in SOME_UNITS if (n in variant.face.intensities) == (chance.random() > 0.1)}
    return reply(units, read_units(units).emotion)


def names_at_random(variant: DrawnVariant) -> str:
    """Answers rightly, and claims any AUs."""
    chance = Random(f"random/{variant.face.id}")
    return reply([n for n in SOME_UNITS if chance.random() < 0.4], variant.face.reading)


def reads_skin(variant: DrawnVariant) -> str:
    """Claims what is drawn, and answers by the colour of the skin."""
    label = "happiness" if sum(variant.identity.skin) > 440 else "anger"
    return reply(variant.face.intensities, label)


def drawn_families(count: int, seed: str = "test") -> list[list[DrawnVariant]]:
    return [make_family(seed, index, EMOTIONAL[index % len(EMOTIONAL)]) for index in range(count)]


def families_of(drawn: list[list[DrawnVariant]]) -> list[FaceFamily]:
    return [FaceFamily(one[0].face, tuple(each.face for each in one[1:])) for one in drawn]


def question_of(variant: DrawnVariant) -> Question:
    face = variant.face
    return Question(
        f"images/{face.id}.jpg",
        face.reading,
        "Which?",
        EMOTIONS,
        id=face.id,
        action_units=tuple(face.intensities),
    )


def answers(drawn: list[list[DrawnVariant]], model: Planted) -> list[Prediction]:
    return [Prediction(question_of(variant), model(variant)) for one in drawn for variant in one]
