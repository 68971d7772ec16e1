"""FERPlus: ten people's votes for every face of FER2013, in fer2013new.csv; faces as PNGs, or as pixels in
fer2013.csv.

The published questions call a face `/FERPlus/test/<label>/<image>.png`. Two vote rules are known:

- `published`: most votes among the eight emotions; on a tie the first in the order of the official columns;
  unknown and NF (not a face) never win. So are all but 47 of the 3,573 published rows labelled (default of
  the test split).
- `majority`: most votes among all ten columns; ties, unknown and NF are dropped (default of the other
  splits).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unifer.emotions import spelled_in
from unifer.errors import InputError
from unifer.prepare.builders import tables
from unifer.prepare.builders.source import TEST, TRAIN, VALID, Builder, DatasetSource, Need, SourceRow

EMOTION_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
VOTED = (*EMOTION_COLUMNS, "unknown", "NF")
COLUMNS = ("Usage", "Image name", *VOTED)
USAGES = {TRAIN: "Training", VALID: "PublicTest", TEST: "PrivateTest"}
RULES = ("published", "majority")
_FOLDERS = {TRAIN: "FER2013Train", VALID: "FER2013Valid", TEST: "FER2013Test"}


def needs(split: str) -> tuple[Need, ...]:
    """The votes, and the faces as files or as pixels."""
    folders = (_FOLDERS[split], f"data/{_FOLDERS[split]}", split)
    return (
        Need("votes", "the votes", ("fer2013new.csv", "FERPlus/fer2013new.csv")),
        Need("images", "the faces", (*folders, "fer2013.csv", "fer2013/fer2013.csv"), image=True),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a Usage that is none of the three, and for votes that are no whole numbers from
    0.
    """
    path, shown = source.file("votes"), source.path("votes")
    rule = source.options.votes or ("published" if source.split == TEST else "majority")
    table, columns = source.table("votes", [(name,) for name in COLUMNS])
    in_csv = source.has("images") and source.path("images").endswith(".csv")
    folder = source.path("images") if source.has("images") and not in_csv else _FOLDERS[source.split]
    source.pixels = source.file("images") if in_csv else None
    source.report.notes.append(f"labels by the vote rule {rule!r}")
    for index, (number, (usage, name, *cells)) in enumerate(table.rows(*columns)):
        if usage not in USAGES.values():
            raise InputError.at(
                path, number, f"{usage!r} is no Usage; allowed are {', '.join(USAGES.values())}"
            )
        if usage != USAGES[source.split]:
            continue
        votes = [_votes(cell, path, number) for cell in cells]
        label, reason = decide(votes, rule)
        if not name:
            label, reason = None, "no image name: not a face"
        if label is None:
            source.drop(reason, shown, number)
            continue
        spelled = spelled_in(label, source.labels) or label
        pixels = (index, usage) if in_csv else None
        candidates = (f"{folder}/{name}", f"{folder}/{spelled}/{name}")
        yield SourceRow(
            candidates,
            shown,
            number,
            f"/FERPlus/{source.split}/{spelled}/{name}",
            label,
            pixels=pixels,
            votes=dict(zip(VOTED, votes, strict=True)),
        )


def _votes(cell: str, path: Path, row: int) -> int:
    if not cell.isdecimal():
        raise InputError.at(
            path,
            row,
            f"{cell!r} is no number of votes; a whole number from 0 is expected in each of the ten columns",
        )
    return int(cell)


def read_votes(path: Path) -> dict[str, list[int]]:
    """Image name -> its ten votes, in the order of `VOTED`, of a `fer2013new.csv`. Raises InputError as
    `faces`.
    """
    table, columns = tables.open_table(path, [(name,) for name in COLUMNS])
    rows = table.rows(*columns)
    return {
        name: [_votes(cell, path, number) for cell in cells] for number, (_, name, *cells) in rows if name
    }


def decide(votes: list[int], rule: str) -> tuple[str | None, str]:
    """(emotion, "") by `rule` of `RULES`, or (None, why not). `votes` in the order of the official columns,
    ten of them.
    """
    if not any(votes):
        return None, "no votes"
    if rule == "published":
        emotions = votes[: len(EMOTION_COLUMNS)]
        return (
            (EMOTION_COLUMNS[emotions.index(max(emotions))], "")
            if any(emotions)
            else (None, "no votes for an emotion")
        )
    best = max(votes)
    if votes.count(best) > 1:
        return None, "tie"
    winner = (*EMOTION_COLUMNS, "unknown", "not a face")[votes.index(best)]
    return (winner, "") if winner in EMOTION_COLUMNS else (None, winner)


BUILDER = Builder(
    name="ferplus",
    title="FERPlus",
    splits=(TRAIN, VALID, TEST),
    needs=needs,
    faces=faces,
    layout="fer2013new.csv with FER2013Train/, FER2013Valid/, FER2013Test/ or fer2013.csv",
    eval_folder="eval_ferplus",
    bases=("", "FERPlus"),
    flags=("votes",),
)
