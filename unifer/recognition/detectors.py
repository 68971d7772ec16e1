"""Where the faces are: one small protocol, and the detectors that come with it.

- `whole`: none is looked for, the picture is a crop already. What benchmark files hold.
- `cascade`: scikit-image's frontal LBP cascade, in its own package: offline, right after the install. Upright
  faces seen from the front, no points.
- `yunet`: OpenCV's `FaceDetectorYN` with a model file of its own (`yunet`): turned and small faces, five
  points.
- `boxes`: where the user says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from unifer.errors import InputError
from unifer.recognition.readings import Face

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
WHOLE, CASCADE, YUNET, BOXES = "whole", "cascade", "yunet", "boxes"
DETECTORS = (CASCADE, YUNET, WHOLE, BOXES)


class Detector(Protocol):
    """Finds faces in an upright RGB picture. `detect` is called from several threads at once."""

    name: str

    def detect(self, image: Image) -> Sequence[Face]:
        """Boxes in pixels of `image` with scores, and five points where there are any; empty: no face."""
        ...


class Whole:
    """No detector: the picture is a face already."""

    name = WHOLE

    def detect(self, image: Image) -> Sequence[Face]:
        return ()


def detector(name: str, yunet: Path | None = None) -> Detector:
    """The detector called `name`; `yunet` is its model file.

    Raises InputError: unknown, or what it needs is not there.
    """
    if name in (WHOLE, BOXES):
        return Whole()
    if name == CASCADE:
        from unifer.recognition.cascade import Cascade

        return Cascade()
    if name == YUNET:
        from unifer.recognition.yunet import YuNet

        return YuNet(yunet)
    raise InputError(f"detector {name!r} is not one of {', '.join(DETECTORS)}")


class Lending(Generic[T]):
    """Things of which a thread needs one for itself: made when all are lent, kept for the next who asks.

    Not one per thread: threads come and go with every call, and loading a network takes longer than using it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._free: SimpleQueue[T] = SimpleQueue()

    @contextmanager
    def one(self) -> Iterator[T]:
        """One of them, for the length of the block."""
        try:
            thing = self._free.get_nowait()
        except Empty:
            thing = self._make()
        try:
            yield thing
        finally:
            self._free.put(thing)


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (_area(one) + _area(other) - both)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def faces_in(boxes: Sequence[Sequence[float]], name: str) -> tuple[Face, ...]:
    """The faces that a user names by their boxes, for the photo `name`.

    Raises InputError for a box that is none.
    """
    for box in boxes:
        if (
            len(box) != 4
            or not all(isinstance(value, int | float) for value in box)
            or box[0] >= box[2]
            or box[1] >= box[3]
        ):
            raise InputError(f"{name}: {list(box)} is no box; [left, top, right, bottom] in pixels is one")
    return tuple(Face((float(box[0]), float(box[1]), float(box[2]), float(box[3]))) for box in boxes)


def read_boxes(path: Path) -> Mapping[str, tuple[Face, ...]]:
    """Photo -> its faces, from a JSON object `{"photo.jpg": [[left, top, right, bottom], ...]}`.

    Raises InputError.
    """
    from unifer import files

    table = files.read_json(path)
    if not isinstance(table, dict) or not all(isinstance(boxes, list) for boxes in table.values()):
        raise InputError(
            f'{path}: a JSON object {{"photo.jpg": [[left, top, right, bottom], ...]}} is expected'
        )
    return {name: faces_in(boxes, f"{path}: {name}") for name, boxes in table.items()}
