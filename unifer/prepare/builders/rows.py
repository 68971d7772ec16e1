"""Faces -> the rows on disk: question rows or reward rows, each with its template and provenance.

Knows no dataset. `read_words` takes the words of a question file that the user has, for questions of another
set: the same prompt over the set's own labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
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
    faces: Iterable[SourceRow], facts: BuildFacts, template: str | None = EXPRESSION
) -> Iterator[Json]:
    """One question row per face; `template` None asks each for what is known of it.

    The key is the source's own id, else the image path, as in the published files.
    """
    text_of = _texts(facts)
    for face in faces:
        name = template or usual_template(face)
        prompt, version = text_of(name, face)
        labelled = name != ACTION_UNITS
        yield Question(
            image_path=face.image_path,
            true_label=face.label if labelled else None,
            prompt=prompt,
            candidate_labels=(face.labels or facts.labels) if labelled else (),
            id=face.id,
            dataset=facts.dataset,
            action_units=face.action_units,
            provenance=_provenance(face, facts, version),
            votes=face.votes,
        ).to_json()


def rewards(faces: Iterable[SourceRow], facts: BuildFacts, template: str | None = None) -> Iterator[Json]:
    """One reward row per face, which is also what `unifer data cot` reads.

    AU rows have no solution and no candidates.
    """
    text_of = _texts(facts)
    for face in faces:
        name = template or usual_template(face)
        problem, version = text_of(name, face)
        labelled = name != ACTION_UNITS
        yield RewardRow(
            image_path=face.image_path,
            problem=problem,
            solution=face.label if labelled else None,
            id=face.id,
            dataset=facts.dataset,
            candidate_labels=(face.labels or facts.labels) if labelled else None,
            action_units=face.action_units,
            provenance=_provenance(face, facts, version) | ({"votes": face.votes} if face.votes else {}),
        ).to_json()


def wording(faces: Iterable[SourceRow], facts: BuildFacts, template: str | None) -> Wording:
    """In whose words the rows of `faces` ask."""
    text_of = _texts(facts)
    used = {(template or usual_template(face), face.labels or facts.labels): face for face in faces}
    return together(
        wordings.wording(text_of(name, face)[0], () if name == ACTION_UNITS else labels)
        for (name, labels), face in sorted(used.items(), key=str)
    )


def _texts(facts: BuildFacts) -> Callable[[str, SourceRow], tuple[str, str]]:
    """(template, face) -> the question's text and its version, each list of labels filled in once.

    Words that are not ours have their fingerprint for a version.
    """

    @cache
    def text(name: str, labels: tuple[str, ...]) -> tuple[str, str]:
        if name == EXPRESSION and facts.words is not None:
            words = facts.words.over(labels)
            return words, fingerprint(words)
        return prompts.question(name, labels), prompts.version(name)

    return lambda name, face: text(name, () if name == ACTION_UNITS else face.labels or facts.labels)


def _provenance(face: SourceRow, facts: BuildFacts, version: str) -> Json:
    source = f"{facts.base}/{face.source}" if facts.base else face.source
    known = {"builder": facts.builder, "source": source, "split": facts.split, "prompt": version}
    return known | face.extra if face.extra else known


_REMEDY = "give a file whose questions all ask in the same words for a label of a list"


def read_words(path: Path) -> Words:
    """The one prompt in which every question of `path` asks, around its label list.

    Raises InputError `file:row` for a row that is no question, whose label list is not in its prompt, or that
    asks in other words.
    """
    first: tuple[int, Words] | None = None
    words_of_text = cache(words_of)  # a file holds few texts, and many rows
    for number, row in files.read_rows(path):
        try:
            question = Question.from_json(row)
            words = words_of_text(question.prompt, question.candidate_labels)
        except ValueError as error:
            raise InputError.at(path, number, f"{error}; {_REMEDY}") from None
        first = first or (number, words)
        if words != first[1]:
            raise InputError.at(path, number, f"asks in other words than row {first[0]}; {_REMEDY}")
    if first is None:
        raise InputError(f"{path}: holds no questions; {_REMEDY}")
    return first[1]
