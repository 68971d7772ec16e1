"""What was chosen -> the files that a round trains on: `cot.json` (synthesised and original rows) and
`rlvr.json`.

Knows rows and files; what was chosen, and why, is `selection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from unifer import files
from unifer.prepare.curation.filter import VERSION
from unifer.prepare.synthesis.asking import GUIDANCE, prompt_version, question_of
from unifer.prepare.synthesis.pool import Links, PoolFace, shuffled
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
    """A CoT row for each candidate, in their order. It asks the blind question, whatever its writer was
    shown.
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
    """`ratio` x `beside` rows of the CoT file `path`, as far as there are any, drawn by the seed; and how
    many there are.

    Rows of the faces `without`, by id or by picture, are none of them.
    """
    held = {face.key for face in without} | {links.path(face.row.image_path, face.source) for face in without}
    rows = [
        _moved(row, path, links) for row in files.read_records(path, CoTRow.from_json, key=lambda row: row.id)
    ]
    rows = [row for row in rows if row.id not in held and row.image_path not in held]
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
    made = []
    for face in faces:
        raw = face.row.to_json()
        rate = {"rate": str(rates[face.key])} if face.key in rates else {}
        provenance = (face.row.provenance or {}) | origin | rate
        made.append(
            RewardRow.from_json(
                raw | {"image_path": links.path(face.row.image_path, face.source), "provenance": provenance}
            )
        )
    return made
