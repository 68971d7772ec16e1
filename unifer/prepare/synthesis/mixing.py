"""The rows that a round trains on, `cot.json` and `rlvr.json`, and no held-out face among them.

Held-out faces are known by id, by file, and by the bytes of the picture; `unifer data check` finds copies
that were resized or saved again. What was chosen, and why, is `selection`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unifer import files
from unifer.dialogue import images
from unifer.errors import InputError
from unifer.prepare.curation.filter import VERSION
from unifer.prepare.synthesis.pool import GUIDANCE, Links, PoolFace, prompt_version, question_of, shuffled
from unifer.prepare.synthesis.quality import Candidate, Rate
from unifer.prepare.synthesis.settings import GenerateSettings
from unifer.records import CoTRow, Json, RewardRow

BUILDER = "synthesis"


def synthesised(
    candidates: Sequence[Candidate],
    rates: Mapping[str, Rate],
    generation: GenerateSettings,
    links: Links,
    origin: Json,
) -> list[CoTRow]:
    """A CoT row for each candidate, in their order.

    It asks the blind question, whatever its writer was shown.
    """
    return [_row(candidate, rates, generation, links, origin) for candidate in candidates]


def _row(
    candidate: Candidate, rates: Mapping[str, Rate], generation: GenerateSettings, links: Links, origin: Json
) -> CoTRow:
    face, row = candidate.face, candidate.face.row
    own: Json = {
        "builder": BUILDER,
        **origin,
        "guided": candidate.guided,
        "rate": str(rates[face.key]) if face.key in rates else None,
    }
    own |= {"filter": VERSION, "prompt": prompt_version(face, generation)} | (
        {"guidance": GUIDANCE} if candidate.guided else {}
    )
    own |= candidate.provenance
    return CoTRow(
        image_path=links.path(row.image_path, face.source),
        question=question_of(face, generation),
        response=candidate.reply,
        id=candidate.key,
        dataset=row.dataset,
        candidate_labels=face.known.candidate_labels or None,
        action_units=row.action_units,
        provenance=(row.provenance or {}) | {key: value for key, value in own.items() if value is not None},
    )


def original(
    path: Path, ratio: float, beside: int, links: Links, seed: int, without: Sequence[PoolFace] = ()
) -> tuple[list[CoTRow], int]:
    """`ratio` x `beside` rows of the CoT file `path`, as far as there are any, drawn by the seed.

    And how many there are. Rows of the faces `without`, by id or by picture, are none of them.
    """
    withheld = {face.key for face in without} | {
        links.path(face.row.image_path, face.source) for face in without
    }
    rows = [
        _moved(row, path, links) for row in files.read_records(path, CoTRow.from_json, key=lambda row: row.id)
    ]
    rows = [row for row in rows if row.id not in withheld and row.image_path not in withheld]
    numbered = sorted(range(len(rows)), key=lambda number: shuffled(seed, str(number)))[
        : round(ratio * beside)
    ]
    return [rows[number] for number in sorted(numbered)], len(rows)


def _moved(row: CoTRow, source: Path, links: Links) -> CoTRow:
    return CoTRow.from_json(row.to_json() | {"image_path": links.path(row.image_path, source)})


def reward_rows(
    faces: Sequence[PoolFace], rates: Mapping[str, Rate], links: Links, origin: Json
) -> list[RewardRow]:
    """The faces' own reward rows, with their rate in the provenance where they have one."""
    rows = []
    for face in faces:
        raw = face.row.to_json()
        rate = {"rate": str(rates[face.key])} if face.key in rates else {}
        provenance = (face.row.provenance or {}) | origin | rate
        rows.append(
            RewardRow.from_json(
                raw | {"image_path": links.path(face.row.image_path, face.source), "provenance": provenance}
            )
        )
    return rows


class RowImage(NamedTuple):
    """One row's picture.

    The row file, the row's own id if it has one, its path as the row says it, and the file that this means.
    """

    source: Path
    id: str | None
    image_path: str
    file: Path


@dataclass(frozen=True, slots=True)
class Compared:
    """How many pictures were compared.

    Those that may be trained on, those held out, and those of the former that are not there.
    """

    trained: int
    held_out: int
    missing: int


def picture(source: Path, id: str | None, image_path: str, image_root: Path | None) -> RowImage:
    """The picture of a row. Raises InputError for a path that climbs out of its folder."""
    try:
        return RowImage(source, id, image_path, images.resolve(image_path, image_root, source.parent))
    except images.ImageError as error:
        raise InputError(f"{source}: {error}") from None


def refuse_held_out(trained: Iterable[RowImage], held_out: Iterable[RowImage]) -> Compared:
    """Raise InputError if a picture to train on is held out too, naming the first and how many there are.

    Else what was compared. Only pictures of equal size are read, so the cost is that of looking at the files.
    """
    images = list(held_out)
    ids = {each.id: each for each in images if each.id is not None}
    places = {each.file.resolve(): each for each in images}
    sized = defaultdict(list)
    for each in images:
        if each.file.is_file():
            sized[each.file.stat().st_size].append(each)
    digests: dict[Path, str] = {}
    leaked: list[tuple[RowImage, RowImage, str]] = []
    looked, missing = 0, 0
    for each in trained:
        looked += 1
        missing += not each.file.is_file()
        same = next(_same(each, ids, places, sized, digests), None)
        if same is not None:
            leaked.append((each, *same))
    if leaked:
        first, other, why = leaked[0]
        raise InputError(
            f"{first.source}: {len(leaked):,} of its faces or of the other files' are held out, the "
            f"first {first.image_path!r}: {why} as {other.image_path!r} of {other.source}. Scores on "
            "faces that were trained on say nothing; take them out of either"
        )
    return Compared(looked, len(images), missing)


def _same(
    each: RowImage,
    ids: dict[str, RowImage],
    places: dict[Path, RowImage],
    sized: dict[int, list[RowImage]],
    digests: dict[Path, str],
) -> Iterator[tuple[RowImage, str]]:
    """The held-out picture that `each` is, and by what."""
    if each.id is not None and each.id in ids:
        yield ids[each.id], "the same id"
    if each.file.resolve() in places:
        yield places[each.file.resolve()], "the same file"
    if not each.file.is_file():
        return
    alike = sized.get(each.file.stat().st_size, [])
    own = files.sha256(each.file) if alike else ""
    for other in alike:
        if digests.setdefault(other.file, "") == "":
            digests[other.file] = files.sha256(other.file)
        if digests[other.file] == own:
            yield other, "the same bytes"
