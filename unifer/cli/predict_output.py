"""What `unifer predict` shows: a table for terminals, a row for pipes, pictures in a folder."""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console

if TYPE_CHECKING:
    from unifer.recognition.answering import PhotoReadings
    from unifer.recognition.log import ReadingLog
    from unifer.recognition.readings import Reading

_PHOTO, _FACE, _LABEL = 26, 4, 22
_AUS = console.WIDTH - _PHOTO - _FACE - _LABEL - 3
_MOST_ROWS = 200
"""Rows of a table that a terminal is given; more are for --out."""


def print_row(reading: Reading) -> None:
    """One reading as a line of JSON on standard output, at once: the next program waits for it."""
    print(json.dumps(reading.to_json(), ensure_ascii=False), flush=True)


def table(readings: Sequence[Reading]) -> Iterator[str]:
    """Photo, face, label and AUs of every reading in 80 columns, without the photos' common folder."""
    yield f"{'photo':<{_PHOTO}} {'face':<{_FACE}} {'label':<{_LABEL}} AUs"
    for reading in readings[:_MOST_ROWS]:
        cells = (
            textwrap.wrap(_photo(reading), _PHOTO),
            [str(reading.index + 1) if reading.face else "-"],
            textwrap.wrap(_label(reading), _LABEL),
            textwrap.wrap(_units(reading), _AUS, break_on_hyphens=False) or [""],
        )
        for line in range(max(map(len, cells))):
            texts = [cell[line] if line < len(cell) else "" for cell in cells]
            widths = zip(texts, (_PHOTO, _FACE, _LABEL, 0), strict=True)
            yield " ".join(f"{text:<{width}}" for text, width in widths).rstrip()
    if len(readings) > _MOST_ROWS:
        yield f"... and {len(readings) - _MOST_ROWS} more; --out FILE keeps all"


def _photo(reading: Reading) -> str:
    name = Path(reading.photo).name
    return name if reading.time is None else f"{name} {reading.time:.1f} s"


def _label(reading: Reading) -> str:
    if reading.failed:
        return "failed"
    if reading.label is None:
        return "off the list" if reading.outcome == "off_list" else "no answer"
    if reading.votes is None:
        return reading.label
    share = f"{reading.label} {100 * reading.votes.confidence:.0f} %"
    return share if reading.sure else f"not sure: {share}"


def _units(reading: Reading) -> str:
    if reading.failed:
        return str(reading.error)
    return ", ".join(f"AU{claim.number}" for claim in reading.action_units) or "none claimed"


def summary(readings: Sequence[Reading], of_model: Sequence[str]) -> Iterator[str]:
    """Warnings with how many readings carry them, those of the model first and once; then what failed."""
    counts = Counter(
        warning for reading in readings for warning in reading.warnings if warning not in of_model
    )
    for warning in of_model:
        yield from console.wrapped(f"beware: {warning}")
    for warning, count in counts.most_common(8):
        yield from console.wrapped(f"{count} of {len(readings)}: {warning}")
    failed = [reading for reading in readings if reading.failed]
    for reading in failed[:3]:
        # Errors of images name theirs, errors of engines do not.
        photo = "" if reading.photo in str(reading.error) else f"{reading.photo}: "
        yield from console.wrapped(f"failed: {photo}{reading.error}")
    if len(failed) > 3:
        yield f"... and {len(failed) - 3} further photos failed"


def count_photos(sources: Sequence[Any], every: float) -> int:
    """How many photos there are to read; frames of a video by its length, which its header states."""
    from unifer.recognition import inputs, video

    return sum(
        max(1, math.ceil(video.duration(each) / every))
        if isinstance(each, Path) and inputs.is_video(each)
        else 1
        for each in sources
    )


class ReadingOutput:
    """Where readings go as they come: the pictures' folder, the file, the pipe, and memory for the table."""

    def __init__(self, log: ReadingLog | None, pictures: Pictures | None, *, piped: bool) -> None:
        self._log, self._pictures, self._piped = log, pictures, piped and log is None
        self.photos = 0
        self.readings: list[Reading] = []

    def add(self, result: PhotoReadings) -> None:
        """Take the readings of one photo. Raises InputError: the disk is full."""
        # Drawn first: a photo whose rows are there is not opened again.
        if self._pictures is not None:
            self._pictures.draw(result)
        if self._log is not None:
            self._log.add(result.readings)
        elif self._piped:
            for reading in result.readings:
                print_row(reading)
        self.readings += result.readings
        self.photos += 1


class Pictures:
    """The folder of drawn photos: one PNG per photo or frame, under a name that no other of this run has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}

    def draw(self, result: PhotoReadings) -> None:
        """Draw one photo with its readings; one that could not be opened has no picture."""
        if result.photo.preview is None:
            return
        from unifer.recognition.drawing import draw, save

        save(draw(result.photo.preview, result.readings), self._folder / self._name(result))

    def _name(self, result: PhotoReadings) -> str:
        path = Path(result.photo.name)
        frame = "" if result.photo.time is None else f"@{result.photo.time:08.3f}s"
        for number in range(1, 1_000_000):
            name = f"{path.stem}{frame}{f'-{number}' if number > 1 else ''}.png"
            if self._names.setdefault(name, result.photo.key) == result.photo.key:
                return name
        raise AssertionError("a million photos of one name")


def draw_timelines(readings: Sequence[Reading], folder: Path) -> Iterator[Path]:
    """A figure per video: labels and AUs of each face over time."""
    from unifer.report.timeline import timeline_png

    videos: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.time is not None:
            videos.setdefault(reading.photo, []).append(reading)
    for name, rows in videos.items():
        path = folder / f"{Path(name).stem}.timeline.png"
        timeline_png(path, sorted(rows, key=lambda row: row.time or 0.0), Path(name).name)
        yield path
