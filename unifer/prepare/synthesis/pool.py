"""The labelled faces that a model reasons about, and the questions that it is asked about each of them.

Knows reward rows, where their pictures lie, and what the filter knows of each; not what a model says. Each
question's id says whose it is: `face#0`, `face#1`, ... blind, `face#guided-0` guided (shown label and AUs),
`face#try-0`, `face#try-1`, ... guided and, where an earlier reply was wrong, corrected (`correcting`).
`unifer infer` asks them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from unifer import files
from unifer.dialogue import prompts
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.prepare.curation.filter import Known
from unifer.prepare.curation.outcome import NO_LABEL
from unifer.prepare.synthesis.settings import GenerateSettings
from unifer.records import Question, RewardRow


@dataclass(frozen=True, slots=True)
class PoolFace:
    """One row of the pool, the file it stands in, and what is known of it."""

    row: RewardRow
    source: Path
    known: Known

    @property
    def key(self) -> str:
        return self.row.key

    @property
    def label(self) -> str | None:
        """The label as the row's candidates spell it; None where AUs alone are known."""
        return self.known.label

    @property
    def emotion(self) -> str:
        """The label's canonical name: what classes are balanced by, across vocabularies."""
        return NO_LABEL if self.label is None else canonical(self.label)

    @property
    def subject(self) -> str:
        """The person shown, where the row tells; else the face's own key."""
        return str((self.row.provenance or {}).get("subject", self.key))


@dataclass(frozen=True, slots=True)
class Pool:
    """The faces, keys unique, in the order of their files.

    `unlabelled` counts rows of AUs alone that were left out.
    """

    faces: tuple[PoolFace, ...]
    unlabelled: int


def read_pool(paths: Sequence[Path], *, of_units_alone: bool = False) -> Pool:
    """The faces of `paths`.

    Rows of AUs alone are counted and left out, for no reply to them is right or wrong by its label, unless
    `of_units_alone` keeps them. Raises InputError: a row that is none, a vocabulary that lacks its label, a
    key that stands in two rows, no labelled row at all.
    """
    faces: dict[str, PoolFace] = {}
    unlabelled = 0
    for path in paths:
        for face in files.read_records(path, partial(_face, path=path), key=lambda face: face.key):
            if face.label is None and not of_units_alone:
                unlabelled += 1
            elif face.key in faces:
                first = faces[face.key].source
                raise InputError(
                    f"{path}: {face.key!r} stands in {first} too; each row of a pool needs its own id"
                )
            else:
                faces[face.key] = face
    if not faces:
        named = ", ".join(map(str, paths))
        raise InputError(
            f"{named}: none of the {unlabelled:,} rows has a label ('solution'); reasoning cannot be "
            "checked without one"
        )
    return Pool(tuple(faces.values()), unlabelled)


def _face(raw: Any, path: Path) -> PoolFace:
    row = RewardRow.from_json(raw)
    # A row of AUs alone may list candidates, of which none is asked for.
    return PoolFace(row, path, Known(None, (), row.action_units) if row.label is None else Known.of(row))


def drawn(faces: Sequence[PoolFace], count: int | None, seed: int) -> tuple[PoolFace, ...]:
    """`count` of the faces, the same for the same seed whatever their order; all of them where None."""
    if count is None or count >= len(faces):
        return tuple(faces)
    return tuple(sorted(faces, key=lambda face: shuffled(seed, face.key))[:count])


def shuffled(seed: int, key: str) -> bytes:
    """A sort key that puts keys in an order of the seed's own, independent of what else is sorted."""
    return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()


class Links:
    """Rows of several folders in one.

    A relative image path goes through a link to the folder that it was relative to. With an image root, and
    for paths that start with `/`, nothing changes: they mean the same from anywhere.
    """

    def __init__(self, folder: Path, image_root: Path | None, sources: Iterable[Path]) -> None:
        self._as_they_are = image_root is not None
        parents = dict.fromkeys(source.parent.resolve() for source in sources)
        self._names = {parent: f"source-{number}" for number, parent in enumerate(parents, 1)}
        folder.mkdir(parents=True, exist_ok=True)
        for parent, name in self._names.items() if not self._as_they_are else ():
            link = folder / name
            if not link.is_symlink():
                link.symlink_to(os.path.relpath(parent, folder.resolve()), target_is_directory=True)

    def path(self, image_path: str, source: Path) -> str:
        """`image_path` of a row of the file `source`, as a row in this folder says it."""
        if self._as_they_are or image_path.startswith("/"):
            return image_path
        return f"{self._names[source.parent.resolve()]}/{image_path}"


GUIDANCE = "guided-1"
"""Version of the words that show the label; in the provenance of every guided reply."""

_GUIDED = (
    "{question}\nFor this face {known}. Go by what can be seen in the image and let it lead to that "
    "answer; write as one who was not told."
)


def question_of(face: PoolFace, generation: GenerateSettings) -> str:
    """What a face is asked, in the row's own words or those of the template.

    A row that comes of it asks the same.
    """
    template = _template(face, generation)
    return face.row.problem if template is None else prompts.question(template, face.known.candidate_labels)


def _template(face: PoolFace, generation: GenerateSettings) -> str | None:
    """The template in which a face is asked; None: its row's own words.

    A face of AUs alone has none where the template asks for a label.
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
    """`generation.guided_samples` questions per face, which show its label, and its AUs if known."""
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
