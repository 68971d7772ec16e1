"""A video as photos: frames by time, and faces followed from frame to frame by the overlap of their boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.dialogue.images import ImageError
from unifer.errors import InputError
from unifer.recognition.detectors import overlap
from unifer.recognition.inputs import Photo
from unifer.recognition.readings import Face

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST_OVERLAP = 0.3
"""Intersection over union from which a box goes on with the track of a box before."""
LONGEST_GAP = 3
"""Frames that a track may miss: a blink of the detector makes no new person."""


def frames(path: Path, every: float) -> Iterator[Photo]:
    """A photo per `every` seconds: the first frame shown at or after each such time.

    One frame is held at a time. A file that is no video, and damage in the middle, end it with a photo that
    says so. Raises InputError: `every` is not above 0, PyAV is missing.
    """
    if not every > 0:
        raise InputError(f"every {every}: seconds above 0 are wanted between the frames of a video")
    av = _pyav()
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        yield _unread(path, f"cannot be opened as a video: {_reason(error)}", None)
        return
    with container:
        if container.streams.video:
            yield from _frames(container, path, every)
        else:
            yield _unread(path, "holds no video", None)


def duration(path: Path) -> float:
    """Seconds that the file says it lasts; 0 where it does not say, or is no video."""
    av = _pyav()
    try:
        with av.open(str(path)) as container:
            return float(container.duration or 0) / 1_000_000
    except (av.FFmpegError, OSError):
        return 0.0


def _frames(container: Any, path: Path, every: float) -> Iterator[Photo]:
    av = _pyav()
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    wanted, last = 0.0, 0.0
    try:
        for frame in container.decode(stream):
            shown = float(frame.time) if frame.time is not None else last
            last = shown
            # Half a millisecond of slack: times are fractions that seldom come out even.
            if shown + 0.0005 < wanted:
                continue
            yield _photo(path, frame, shown)
            while wanted <= shown + 0.0005:
                wanted += every
    except (av.FFmpegError, OSError) as error:
        yield _unread(path, f"is damaged after {last:.1f} s: {_reason(error)}", round(last + every, 3))


def _photo(path: Path, frame: Any, shown: float) -> Photo:
    image: Image = _upright(frame)
    return Photo(str(path), lambda: image, round(shown, 3))


def _upright(frame: Any) -> Image:
    """The frame as RGB, turned as the recording says: telephones store films on their side."""
    image: Image = frame.to_image()
    turn = round(float(getattr(frame, "rotation", 0) or 0)) % 360
    # Cameras turn by quarters. Anything between comes of a matrix that is none, and would cost the corners.
    return image.rotate(turn, expand=True) if turn in (90, 180, 270) else image


def _unread(path: Path, reason: str, time: float | None) -> Photo:
    def refuse() -> Image:
        raise ImageError(str(path), reason)

    return Photo(str(path), refuse, time)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _pyav() -> Any:
    try:
        import av
    except ImportError as error:
        raise InputError(
            f"videos need PyAV ({error}); install it: `uv pip install av` in the active environment"
        ) from None
    return av


class Tracks:
    """Numbers for the faces of one video, frame after frame in the order of time.

    Greedy: the pair of box and track that overlaps most is linked first, and what is left over starts a track
    of its own. It follows places, not persons: two who swap seats between two frames swap numbers.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[tuple[float, ...], int]] = {}
        self._frame = self._new = 0

    def follow(self, faces: Sequence[Face]) -> list[int]:
        """The track of each of `faces`, all of one frame."""
        self._frame += 1
        near = {track: box for track, (box, seen) in self._last.items() if self._frame - seen <= LONGEST_GAP}
        pairs = sorted(
            (
                (overlap(box, face.box), track, at)
                for track, box in near.items()
                for at, face in enumerate(faces)
            ),
            key=lambda pair: (-pair[0], pair[1]),
        )
        tracks: dict[int, int] = {}
        for shared, track, at in pairs:
            if shared >= LEAST_OVERLAP and at not in tracks and track not in tracks.values():
                tracks[at] = track
        for at in range(len(faces)):
            if at not in tracks:
                tracks[at], self._new = self._new, self._new + 1
            self._last[tracks[at]] = faces[at].box, self._frame
        return [tracks[at] for at in range(len(faces))]
