"""Faces -> the questions that the model is asked: n blind ones per face, and guided ones where label and AUs
are shown.

Each question's id says whose it is: `face#0`, `face#1`, ... blind, `face#guided-0` guided, `face#try-0`,
`face#try-1`, ... guided and, where an earlier reply was wrong, corrected (`correcting`). `unifer infer` asks
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unifer.dialogue import prompts
from unifer.prepare.synthesis.pool import Links, PoolFace
from unifer.prepare.synthesis.settings import GenerateSettings
from unifer.records import Question

GUIDANCE = "guided-1"
"""Version of the words that show the label; in the provenance of every guided reply."""

_GUIDED = (
    "{question}\nFor this face {known}. Go by what can be seen in the image and let it lead to that "
    "answer; write as one who was not told."
)


def question_of(face: PoolFace, generation: GenerateSettings) -> str:
    """What a face is asked, and what a row that comes of it asks: the row's own words, or those of the
    template.
    """
    template = _template(face, generation)
    return face.row.problem if template is None else prompts.question(template, face.known.candidate_labels)


def _template(face: PoolFace, generation: GenerateSettings) -> str | None:
    """The template in which a face is asked: none for one of AUs alone where the template asks for a
    label.
    """
    template = generation.template
    return (
        None
        if template is None or (face.label is None and prompts.TEMPLATES[template].needs_labels)
        else template
    )


def prompt_version(face: PoolFace, generation: GenerateSettings) -> str | None:
    """The version of the words in which a face is asked; None where its row does not say."""
    template = _template(face, generation)
    if template is not None:
        return prompts.version(template)
    version: str | None = (face.row.provenance or {}).get("prompt")
    return version


def blind_questions(
    faces: Sequence[PoolFace], generation: GenerateSettings, links: Links
) -> Iterator[Question]:
    """`generation.samples` questions a face."""
    for face in faces:
        for sample in range(generation.samples):
            yield ask(face, question_of(face, generation), f"{face.key}#{sample}", links)


def guided_questions(
    faces: Sequence[PoolFace], generation: GenerateSettings, links: Links
) -> Iterator[Question]:
    """`generation.guided_samples` questions a face, which show its label, and its AUs where they are
    known.
    """
    for face in faces:
        for sample in range(generation.guided_samples):
            yield ask(face, guided_text(face, generation), f"{face.key}#guided-{sample}", links)


def face_of(key: str) -> tuple[str, bool]:
    """(key of the face, whether guided) of a question's id."""
    face, _, sample = key.rpartition("#")
    return face, sample.startswith(("guided-", "try-"))


def guided_text(face: PoolFace, generation: GenerateSettings) -> str:
    """A face's question with what is known of it."""
    units, known = face.known.action_units, []
    if face.label is not None:
        known.append(f"the expression is {face.label}")
    if units is not None:
        known.append(
            "the action units are " + (", ".join(f"AU{number}" for number in units) or "all at rest")
        )
    return _GUIDED.format(question=question_of(face, generation), known=" and ".join(known))


def ask(face: PoolFace, text: str, key: str, links: Links) -> Question:
    """The question `text` about a face."""
    row = face.row
    path = links.path(row.image_path, face.source)
    return Question(
        path,
        face.label,
        text,
        face.known.candidate_labels,
        key,
        row.dataset,
        row.action_units,
        row.provenance,
    )
