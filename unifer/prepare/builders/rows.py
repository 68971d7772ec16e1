"""Faces -> the rows on disk: question rows or reward rows, each with its template and provenance. Knows no dataset and no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from unifer.dialogue import prompts, wordings
from unifer.dialogue.wordings import Wording, Words, fingerprint, together
from unifer.prepare.builders.source import Face
from unifer.records import Json, Question, RewardRow

EXPRESSION, JOINT, ACTION_UNITS = "expression", "joint", "action-units"
TEMPLATES = (EXPRESSION, JOINT, ACTION_UNITS)


class Asked(NamedTuple):
    """What all rows of one build share."""

    builder: str
    split: str
    dataset: str
    labels: tuple[str, ...]
    base: str = ""
    """Where below the dataset's root the sources begin."""
    words: Words | None = None
    """The words of `expression`, where they are not the template's."""


def usual_template(face: Face) -> str:
    """The template that asks for what is known: the label, the AUs, or both."""
    if face.label is None:
        return ACTION_UNITS
    return EXPRESSION if face.action_units is None else JOINT


def lacking(face: Face, template: str | None) -> str | None:
    """Why `face` cannot answer `template` (None: the usual one); None if it can."""
    if (template or usual_template(face)) == ACTION_UNITS:
        return None if face.action_units is not None else "no AUs for the template"
    return None if face.label is not None else "no label for the template"


def questions(faces: Iterable[Face], asked: Asked, template: str | None = EXPRESSION) -> Iterator[Json]:
    """One question row a face; `template` None asks each for what is known of it.

    The key is the source's own id, else the image path, as in the published files.
    """
    texts = _texts(asked)
    for face in faces:
        name = template or usual_template(face)
        prompt, version = texts[name]
        labelled = name != ACTION_UNITS
        yield Question(
            image_path=face.image_path,
            true_label=face.label if labelled else None,
            prompt=prompt,
            candidate_labels=asked.labels if labelled else (),
            id=face.id,
            dataset=asked.dataset,
            action_units=face.action_units,
            provenance=_provenance(face, asked, version),
        ).to_json()


def rewards(faces: Iterable[Face], asked: Asked, template: str | None = None) -> Iterator[Json]:
    """One reward row a face, which is also what `unifer data cot` reads. AU rows have no solution and no candidates."""
    texts = _texts(asked)
    for face in faces:
        name = template or usual_template(face)
        problem, version = texts[name]
        labelled = name != ACTION_UNITS
        yield RewardRow(
            image_path=face.image_path,
            problem=problem,
            solution=face.label if labelled else None,
            id=face.id,
            dataset=asked.dataset,
            candidate_labels=asked.labels if labelled else None,
            action_units=face.action_units,
            provenance=_provenance(face, asked, version),
        ).to_json()


def wording(faces: Iterable[Face], asked: Asked, template: str | None) -> Wording:
    """In whose words the rows of `faces` ask."""
    texts = _texts(asked)
    used = sorted({template or usual_template(face) for face in faces})
    return together(wordings.wording(texts[name][0], () if name == ACTION_UNITS else asked.labels) for name in used)


def _texts(asked: Asked) -> dict[str, tuple[str, str]]:
    """Template -> (its text, its version); those that ask for a label are left out where the set has none.

    Words that are not ours have their fingerprint for a version.
    """
    usable = TEMPLATES if asked.labels else (ACTION_UNITS,)
    texts = {name: (prompts.question(name, () if name == ACTION_UNITS else asked.labels), prompts.version(name)) for name in usable}
    if asked.words is not None:
        text = asked.words.over(asked.labels)
        texts[EXPRESSION] = (text, fingerprint(text))
    return texts


def _provenance(face: Face, asked: Asked, version: str) -> Json:
    source = f"{asked.base}/{face.source}" if asked.base else face.source
    known = {"builder": asked.builder, "source": source, "split": asked.split, "prompt": version}
    return known | face.extra if face.extra else known
