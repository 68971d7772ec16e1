"""Faces -> the rows on disk: question rows or reward rows, each with its template and provenance. Knows no
dataset and no file.

The words of a question file that the user has, for questions of another set: the same prompt over the
set's own labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from unifer import files
from unifer.dialogue import prompts, wordings
from unifer.dialogue.wordings import Wording, Words, fingerprint, together, words_of
from unifer.errors import InputError
from unifer.prepare.builders.source import SourceRow
from unifer.records import Json, Question, RewardRow

EXPRESSION, JOINT, ACTION_UNITS = "expression", "joint", "action-units"


class BuildFacts(NamedTuple):
    """What all rows of one build share."""

    builder: str
    split: str
    dataset: str
    labels: tuple[str, ...]
    base: str = ""
    """Where below the dataset's root the sources begin."""
    words: Words | None = None
    """The words of `expression`, where they are not the template's."""


def usual_template(face: SourceRow) -> str:
    """The template that asks for what is known: the label, the AUs, or both."""
    if face.label is None:
        return ACTION_UNITS
    return EXPRESSION if face.action_units is None else JOINT


def lacking(face: SourceRow, template: str | None) -> str | None:
    """Why `face` cannot answer `template` (None: the usual one); None if it can."""
    if (template or usual_template(face)) == ACTION_UNITS:
        return None if face.action_units is not None else "no AUs for the template"
    return None if face.label is not None else "no label for the template"


def questions(
    faces: Iterable[SourceRow], asked: BuildFacts, template: str | None = EXPRESSION
) -> Iterator[Json]:
    """One question row a face; `template` None asks each for what is known of it.

    The key is the source's own id, else the image path, as in the published files.
    """
    texts = _Texts(asked)
    for face in faces:
        name = template or usual_template(face)
        prompt, version = texts.of(name, face)
        labelled = name != ACTION_UNITS
        yield Question(
            image_path=face.image_path,
            true_label=face.label if labelled else None,
            prompt=prompt,
            candidate_labels=(face.labels or asked.labels) if labelled else (),
            id=face.id,
            dataset=asked.dataset,
            action_units=face.action_units,
            provenance=_provenance(face, asked, version),
            votes=face.votes,
        ).to_json()


def rewards(faces: Iterable[SourceRow], asked: BuildFacts, template: str | None = None) -> Iterator[Json]:
    """One reward row a face, which is also what `unifer data cot` reads. AU rows have no solution and no
    candidates.
    """
    texts = _Texts(asked)
    for face in faces:
        name = template or usual_template(face)
        problem, version = texts.of(name, face)
        labelled = name != ACTION_UNITS
        yield RewardRow(
            image_path=face.image_path,
            problem=problem,
            solution=face.label if labelled else None,
            id=face.id,
            dataset=asked.dataset,
            candidate_labels=(face.labels or asked.labels) if labelled else None,
            action_units=face.action_units,
            provenance=_provenance(face, asked, version) | ({"votes": face.votes} if face.votes else {}),
        ).to_json()


def wording(faces: Iterable[SourceRow], asked: BuildFacts, template: str | None) -> Wording:
    """In whose words the rows of `faces` ask."""
    texts = _Texts(asked)
    used = {(template or usual_template(face), face.labels or asked.labels): face for face in faces}
    return together(
        wordings.wording(texts.of(name, face)[0], () if name == ACTION_UNITS else labels)
        for (name, labels), face in sorted(used.items(), key=str)
    )


class _Texts:
    """Templates filled in, each list of labels once."""

    def __init__(self, asked: BuildFacts) -> None:
        self._asked = asked
        self._made: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def of(self, name: str, face: SourceRow) -> tuple[str, str]:
        """The text of the template `name` for `face`, and its version; words that are not ours have their
        fingerprint for a version.
        """
        labels = () if name == ACTION_UNITS else face.labels or self._asked.labels
        if (name, labels) not in self._made:
            self._made[name, labels] = self._make(name, labels)
        return self._made[name, labels]

    def _make(self, name: str, labels: tuple[str, ...]) -> tuple[str, str]:
        if name == EXPRESSION and self._asked.words is not None:
            text = self._asked.words.over(labels)
            return text, fingerprint(text)
        return prompts.question(name, labels), prompts.version(name)


def _provenance(face: SourceRow, asked: BuildFacts, version: str) -> Json:
    source = f"{asked.base}/{face.source}" if asked.base else face.source
    known = {"builder": asked.builder, "source": source, "split": asked.split, "prompt": version}
    return known | face.extra if face.extra else known


_REMEDY = "give a file whose questions all ask in the same words for a label of a list"


def read_words(path: Path) -> Words:
    """The one prompt in which every question of `path` asks, around its label list.

    Raises InputError `file:row` for a row that is no question, whose label list is not in its prompt, or that
    asks in other words.
    """
    found: dict[tuple[str, tuple[str, ...]], tuple[int, Words]] = {}
    for number, row in files.read_rows(path):
        try:
            question = Question.from_json(row)
            asked = (question.prompt, question.candidate_labels)
            if asked not in found:
                found[asked] = (number, words_of(*asked))
        except ValueError as error:
            raise InputError.at(path, number, f"{error}; {_REMEDY}") from None
        first, words = next(iter(found.values()))
        if found[asked][1] != words:
            raise InputError.at(path, number, f"asks in other words than row {first}; {_REMEDY}")
    if not found:
        raise InputError(f"{path}: holds no questions; {_REMEDY}")
    return next(iter(found.values()))[1]
