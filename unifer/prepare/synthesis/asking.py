"""Faces -> the questions that the model is asked: n blind ones a face, and guided ones where the label is shown.

Each question's id says whose it is: `face#0`, `face#1`, ... blind, `face#guided-0` guided. `unifer infer` asks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unifer.dialogue import prompts
from unifer.prepare.synthesis.pool import Face, Links
from unifer.prepare.synthesis.settings import Generation
from unifer.records import Question

GUIDANCE = "guided-1"
"""Version of the words that show the label; in the provenance of every guided reply."""

_GUIDED = (
    "{question}\nFor this face the expression is {label}{units}. Go by what can be seen in the image and let it lead to that answer; "
    "write as one who was not told."
)


def question_of(face: Face, generation: Generation) -> str:
    """What a face is asked, and what a row that comes of it asks: the row's own words, or those of the template."""
    if generation.template is None:
        return face.row.problem
    return prompts.question(generation.template, face.known.candidate_labels)


def prompt_version(face: Face, generation: Generation) -> str | None:
    """The version of the words in which a face is asked; None where its row does not say."""
    if generation.template is not None:
        return prompts.version(generation.template)
    version: str | None = (face.row.provenance or {}).get("prompt")
    return version


def blind_questions(faces: Sequence[Face], generation: Generation, links: Links) -> Iterator[Question]:
    """`generation.samples` questions a face."""
    for face in faces:
        for sample in range(generation.samples):
            yield _question(face, question_of(face, generation), f"{face.key}#{sample}", links)


def guided_questions(faces: Sequence[Face], generation: Generation, links: Links) -> Iterator[Question]:
    """`generation.guided_samples` questions a face, which show its label, and its AUs where they are known."""
    for face in faces:
        for sample in range(generation.guided_samples):
            yield _question(face, _guided(face, generation), f"{face.key}#guided-{sample}", links)


def face_of(key: str) -> tuple[str, bool]:
    """(key of the face, whether guided) of a question's id."""
    face, _, sample = key.rpartition("#")
    return face, sample.startswith("guided-")


def _guided(face: Face, generation: Generation) -> str:
    units = face.known.action_units
    shown = "" if units is None else " and the action units are " + (", ".join(f"AU{number}" for number in units) or "all at rest")
    return _GUIDED.format(question=question_of(face, generation), label=face.label, units=shown)


def _question(face: Face, text: str, key: str, links: Links) -> Question:
    row = face.row
    path = links.path(row.image_path, face.source)
    return Question(path, face.label, text, face.known.candidate_labels, key, row.dataset, row.action_units, row.provenance)
