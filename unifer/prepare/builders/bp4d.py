"""BP4D: a table a subject and task, a row a frame, a column an AU: 1 present, 0 absent, 9 not coded, which is
not absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from unifer.action_units import FACS_NUMBERS
from unifer.errors import InputError
from unifer.prepare.builders import tables
from unifer.prepare.builders.source import ALL, TEST, TRAIN, Builder, DatasetSource, Need, SourceRow

USUAL = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
PRESENT, ABSENT, NOT_CODED = "1", "0", "9"
_IMAGES = ("Sequences(2D+3D)", "2D+3D", "Sequences", "2D", "Images", "BP4D-training")


def needs(_split: str) -> tuple[Need, ...]:
    """The codes, and the frames."""
    return (
        Need("codes", "AU codes, F001_T1.csv", ("AUCoding/AU_OCC", "AU_OCC", "AUCoding")),
        Need("images", "frames, F001/T1/0001.jpg", _IMAGES, image=True),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a code other than 0, 1 and 9, and for a table that lacks one of the twelve usual
    AUs.
    """
    folder = source.path("codes")
    names = source.tree.files(folder, r"[FM]\d+_T\d+\.csv")
    if not names:
        source.refuse([f"{folder}/F001_T1.csv: the codes of subject F001, task T1, and of the others"])
    for name in names:
        subject, _, task = name.rpartition(".")[0].partition("_")
        yield from _sequence(source, f"{folder}/{name}", subject, task)


def _sequence(source: DatasetSource, shown: str, subject: str, task: str) -> Iterator[SourceRow]:
    path = source.read(shown)
    table, _ = tables.open_table(path, [(f"AU{number}", str(number), f"AU{number:02d}") for number in USUAL])
    columns = {number: index for index, number in _au_columns(table.header)}
    frame_column = table.find(("frame", "frames", "frame_number")) or 0
    images = f"{source.path('images') if source.has('images') else _IMAGES[0]}/{subject}/{task}"
    frames = source.tree.frames(images) if source.has("images") else {}
    for row, (frame_cell, *cells) in table.rows(frame_column, *columns.values()):
        if not frame_cell.isdecimal():
            raise InputError.at(path, row, f"{frame_cell!r} is no frame number")
        codes = dict(zip(columns, cells, strict=True))
        strange = next((code for code in cells if code not in (PRESENT, ABSENT, NOT_CODED)), None)
        if strange is not None:
            raise InputError.at(
                path, row, f"{strange!r} is no AU code; allowed are 0 (absent), 1 (present), 9 (not coded)"
            )
        missing = [number for number in USUAL if codes[number] == NOT_CODED]
        if not missing:
            source.frames[subject] += 1
        frame = int(frame_cell)
        if (frame - 1) % source.options.frame_step:
            continue
        if missing:
            source.drop(f"AU{missing[0]} is not coded", shown, row)
            continue
        coded = sorted(number for number, code in codes.items() if code != NOT_CODED)
        present = tuple(number for number in coded if codes[number] == PRESENT)
        image = f"{images}/{frames.get(frame, f'{frame:04d}.jpg')}"
        extra = {"coded": coded, "subject": subject, "task": task, "frame": frame}
        yield SourceRow((image,), shown, row, action_units=present, extra=extra)


def _au_columns(header: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """(index, AU) of every column called `1`, `AU1` or `AU01` for an AU that FACS has; the first column
    numbers the frames.
    """
    for index, name in enumerate(header):
        match = re.fullmatch(r"(?:au)?[\s_]*0*(\d{1,2})", name.strip(), re.IGNORECASE)
        if match and int(match[1]) in FACS_NUMBERS and (index or name.strip().lower().startswith("au")):
            yield index, int(match[1])


BUILDER = Builder(
    name="bp4d",
    title="BP4D",
    splits=(ALL, TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="AUCoding/AU_OCC/F001_T1.csv and Sequences(2D+3D)/F001/T1/0001.jpg",
    bases=("", "BP4D"),
    flags=("frame_step", "fold", "folds"),
)
