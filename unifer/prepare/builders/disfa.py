"""DISFA: twelve AUs of 27 people, a file an AU, a line a frame with its intensity 0 to 5; frames extracted
from the videos by the user.

An AU is present from intensity 2 (`--au-threshold`). Frames count from 1, as the label files do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unifer.errors import InputError
from unifer.prepare.builders import tables
from unifer.prepare.builders.source import ALL, TEST, TRAIN, Builder, DatasetSource, Need, SourceRow

USUAL = (1, 2, 4, 6, 9, 12, 25, 26)
_IMAGES = ("Images", "Images/Left", "Video_LeftCamera", "Videos_LeftCamera")


def needs(_split: str) -> tuple[Need, ...]:
    """The labels, and the extracted frames."""
    return (
        Need("labels", "intensities, SN001/SN001_au1.txt", ("ActionUnit_Labels",)),
        Need("images", "extracted frames, SN001/000001.jpg", _IMAGES, image=True),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for an intensity outside 0..5, a subject without one of the eight usual AUs, frames
    that count from 0.
    """
    labels = source.path("labels")
    subjects = source.tree.folders(labels)
    files = {subject: _files(source, f"{labels}/{subject}") for subject in subjects}
    lacking = [(subject, number) for subject in subjects for number in USUAL if number not in files[subject]]
    if not subjects:
        source.refuse([f"{labels}/SN001: the intensities of subject SN001, and of the others"])
    if lacking:
        source.refuse(
            [f"{labels}/{subject}/{subject}_au{number}.txt: its intensities" for subject, number in lacking]
        )
    for subject in subjects:
        yield from _subject(source, subject, f"{labels}/{subject}", files[subject])


def _files(source: DatasetSource, folder: str) -> dict[int, str]:
    names = source.tree.files(folder, r".*_au\d+\.txt")
    return {int(name.lower().rpartition("_au")[2].removesuffix(".txt")): name for name in names}


def _subject(source: DatasetSource, subject: str, folder: str, names: dict[int, str]) -> Iterator[SourceRow]:
    intensities = {
        number: _intensities(source.read(f"{folder}/{name}")) for number, name in sorted(names.items())
    }
    images, frames = _frames(source, subject)
    for frame in sorted({frame for values in intensities.values() for frame in values}):
        coded = [number for number, values in intensities.items() if frame in values]
        missing = [number for number in USUAL if number not in coded]
        if not missing:
            source.frames[subject] += 1
        if (frame - 1) % source.options.frame_step:
            continue
        if missing:
            source.drop(f"AU{missing[0]} is not coded", f"{folder}/{names[missing[0]]}", frame)
            continue
        present = tuple(
            number for number in coded if intensities[number][frame] >= source.options.au_threshold
        )
        name = frames.get(frame, f"{frame:06d}.jpg")
        yield SourceRow(
            (f"{images}/{name}",),
            folder,
            frame,
            action_units=present,
            extra={"coded": coded, "subject": subject, "frame": frame},
        )


def _intensities(path: Path) -> dict[int, int]:
    values = {}
    for number, line in tables.lines(path):
        frame, _, value = line.partition(",")
        if not frame.strip().isdecimal() or not value.strip().isdecimal():
            raise InputError.at(path, number, f"{line!r} is not a line such as '1,0' (frame, intensity)")
        if int(value) > 5:
            raise InputError.at(
                path,
                number,
                f"intensity {value.strip()} is out of range; allowed are 0 (absent) to 5 (maximum)",
            )
        values[int(frame)] = int(value)
    return values


def _frames(source: DatasetSource, subject: str) -> tuple[str, dict[int, str]]:
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
        counted = (
            "frames count from 0 there, the label files from 1; extract them again counting from 1 "
            "(ffmpeg: -start_number 1)"
        )
        raise InputError(f"{source.tree.root / folder}/{frames[0]}: {counted}")
    return folder, frames


BUILDER = Builder(
    name="disfa",
    title="DISFA",
    splits=(ALL, TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="ActionUnit_Labels/SN001/SN001_au1.txt and extracted frames Images/SN001/000001.jpg",
    bases=("", "DISFA"),
    flags=("au_threshold", "frame_step", "fold", "folds"),
)
