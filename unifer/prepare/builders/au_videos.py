"""BP4D and DISFA: Action Units coded frame by frame in videos of people, for a model to recognise AUs.

BP4D: a table per subject and task, a row per frame, a column per AU: 1 present, 0 absent, 9 not coded, which
is not absent. DISFA: twelve AUs of 27 people, a file per AU, a line per frame with its intensity 0 to 5; the
user extracts the frames from the videos. There an AU is present from intensity 2 (`--au-threshold`). Frames
count from 1 in both, as the label files do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from unifer.action_units import FACS_NUMBERS
from unifer.errors import InputError
from unifer.prepare.builders import label_tables
from unifer.prepare.builders.source import ALL, TEST, TRAIN, Builder, DatasetSource, Need, SourceRow

BP4D_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA_UNITS = (1, 2, 4, 6, 9, 12, 25, 26)
"""The AUs that the literature scores on each set."""
PRESENT, ABSENT, NOT_CODED = "1", "0", "9"
_BP4D_IMAGES = ("Sequences(2D+3D)", "2D+3D", "Sequences", "2D", "Images", "BP4D-training")
_DISFA_IMAGES = ("Images", "Images/Left", "Video_LeftCamera", "Videos_LeftCamera")


def _taken(
    source: DatasetSource, row: SourceRow, usual: tuple[int, ...], files: Mapping[int, str]
) -> Iterator[SourceRow]:
    """`row`, unless `--frame-step` passes it over or one of its `usual` AUs is not coded.

    Every frame whose usual AUs are coded counts for the balance of folds, taken or not. `files` says where
    the codes of an AU stand, if not in the row's own file.
    """
    about = row.extra or {}
    missing = [number for number in usual if number not in about["coded"]]
    if not missing:
        source.frames[about["subject"]] += 1
    if (about["frame"] - 1) % source.options.frame_step:
        return
    if missing:
        source.drop(f"AU{missing[0]} is not coded", files.get(missing[0], row.file), row.row)
    else:
        yield row


def bp4d_needs(_split: str) -> tuple[Need, ...]:
    """The codes, and the frames."""
    return (
        Need("codes", "AU codes, F001_T1.csv", ("AUCoding/AU_OCC", "AU_OCC", "AUCoding")),
        Need("images", "frames, F001/T1/0001.jpg", _BP4D_IMAGES, image=True),
    )


def bp4d_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a code other than 0, 1 and 9, and for a table that lacks a usual AU."""
    folder = source.path("codes")
    names = source.tree.files(folder, r"[FM]\d+_T\d+\.csv")
    if not names:
        source.refuse([f"{folder}/F001_T1.csv: the codes of subject F001, task T1, and of the others"])
    for name in names:
        subject, _, task = name.rpartition(".")[0].partition("_")
        yield from _sequence(source, f"{folder}/{name}", subject, task)


def _sequence(source: DatasetSource, file: str, subject: str, task: str) -> Iterator[SourceRow]:
    path = source.read(file)
    table, _ = label_tables.open_table(
        path, [(f"AU{number}", str(number), f"AU{number:02d}") for number in BP4D_UNITS]
    )
    columns = {number: index for index, number in _au_columns(table.header)}
    frame_column = table.find(("frame", "frames", "frame_number")) or 0
    images = f"{source.path('images') if source.has('images') else _BP4D_IMAGES[0]}/{subject}/{task}"
    frames = source.tree.frames(images) if source.has("images") else {}
    for row, (frame_cell, *cells) in table.rows(frame_column, *columns.values()):
        if not frame_cell.isdecimal():
            raise InputError.at(path, row, f"{frame_cell!r} is no frame number")
        strange = next((code for code in cells if code not in (PRESENT, ABSENT, NOT_CODED)), None)
        if strange is not None:
            raise InputError.at(
                path, row, f"{strange!r} is no AU code; allowed are 0 (absent), 1 (present), 9 (not coded)"
            )
        codes, frame = dict(zip(columns, cells, strict=True)), int(frame_cell)
        coded = sorted(number for number, code in codes.items() if code != NOT_CODED)
        face = SourceRow(
            (f"{images}/{frames.get(frame, f'{frame:04d}.jpg')}",),
            file,
            row,
            action_units=tuple(number for number in coded if codes[number] == PRESENT),
            extra={"coded": coded, "subject": subject, "task": task, "frame": frame},
        )
        yield from _taken(source, face, BP4D_UNITS, {})


def _au_columns(header: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """(index, AU) of every column called `1`, `AU1` or `AU01`; the first column numbers the frames."""
    for index, name in enumerate(header):
        match = re.fullmatch(r"(?:au)?[\s_]*0*(\d{1,2})", name.strip(), re.IGNORECASE)
        if match and int(match[1]) in FACS_NUMBERS and (index or name.strip().lower().startswith("au")):
            yield index, int(match[1])


def disfa_needs(_split: str) -> tuple[Need, ...]:
    """The labels, and the extracted frames."""
    return (
        Need("labels", "intensities, SN001/SN001_au1.txt", ("ActionUnit_Labels",)),
        Need("images", "extracted frames, SN001/000001.jpg", _DISFA_IMAGES, image=True),
    )


def disfa_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError: an intensity outside 0..5, a usual AU without a file, frames that count from 0."""
    labels = source.path("labels")
    subjects = source.tree.folders(labels)
    names = {subject: _label_files(source, f"{labels}/{subject}") for subject in subjects}
    lacking = [
        f"{labels}/{subject}/{subject}_au{number}.txt: its intensities"
        for subject in subjects
        for number in DISFA_UNITS
        if number not in names[subject]
    ]
    if not subjects:
        source.refuse([f"{labels}/SN001: the intensities of subject SN001, and of the others"])
    if lacking:
        source.refuse(lacking)
    for subject in subjects:
        yield from _subject(source, subject, f"{labels}/{subject}", names[subject])


def _label_files(source: DatasetSource, folder: str) -> dict[int, str]:
    """AU -> its file in `folder`, by the number in the file's name."""
    names = source.tree.files(folder, r".*_au\d+\.txt")
    return {int(name.lower().rpartition("_au")[2].removesuffix(".txt")): f"{folder}/{name}" for name in names}


def _subject(source: DatasetSource, subject: str, folder: str, names: dict[int, str]) -> Iterator[SourceRow]:
    intensities = {number: _intensities(source.read(name)) for number, name in sorted(names.items())}
    images, frames = _extracted_frames(source, subject)
    for frame in sorted({frame for values in intensities.values() for frame in values}):
        coded = [number for number, values in intensities.items() if frame in values]
        face = SourceRow(
            (f"{images}/{frames.get(frame, f'{frame:06d}.jpg')}",),
            folder,
            frame,
            action_units=tuple(
                number for number in coded if intensities[number][frame] >= source.options.au_threshold
            ),
            extra={"coded": coded, "subject": subject, "frame": frame},
        )
        yield from _taken(source, face, DISFA_UNITS, names)


def _intensities(path: Path) -> dict[int, int]:
    """Frame -> intensity, 0 to 5."""
    values = {}
    for number, line in label_tables.lines(path):
        frame, value = (part.strip() for part in line.partition(",")[::2])
        if not frame.isdecimal() or not value.isdecimal():
            raise InputError.at(path, number, f"{line!r} is not a line such as '1,0' (frame, intensity)")
        if int(value) > 5:
            raise InputError.at(
                path, number, f"intensity {value} is out of range; allowed are 0 (absent) to 5 (maximum)"
            )
        values[int(frame)] = int(value)
    return values


def _extracted_frames(source: DatasetSource, subject: str) -> tuple[str, dict[int, str]]:
    """The folder of the subject's frames, and frame number -> image name."""
    if not source.has("images"):
        return f"Images/{subject}", {}
    parent = source.path("images")
    names = (subject, f"LeftVideo{subject}", f"LeftVideo{subject}_comp")
    folder = next(
        (f"{parent}/{name}" for name in names if source.tree.images(f"{parent}/{name}")),
        f"{parent}/{subject}",
    )
    frames = source.tree.frames(folder)
    if 0 in frames:
        raise InputError(
            f"{source.tree.root / folder}/{frames[0]}: frames count from 0 there, the label files from 1; "
            "extract them again counting from 1 (ffmpeg: -start_number 1)"
        )
    return folder, frames


BP4D = Builder(
    name="bp4d",
    title="BP4D",
    splits=(ALL, TRAIN, TEST),
    needs=bp4d_needs,
    faces=bp4d_faces,
    layout="AUCoding/AU_OCC/F001_T1.csv and Sequences(2D+3D)/F001/T1/0001.jpg",
    bases=("", "BP4D"),
    flags=("frame_step", "fold", "folds"),
)
DISFA = Builder(
    name="disfa",
    title="DISFA",
    splits=(ALL, TRAIN, TEST),
    needs=disfa_needs,
    faces=disfa_faces,
    layout="ActionUnit_Labels/SN001/SN001_au1.txt and extracted frames Images/SN001/000001.jpg",
    bases=("", "DISFA"),
    flags=("au_threshold", "frame_step", "fold", "folds"),
)
