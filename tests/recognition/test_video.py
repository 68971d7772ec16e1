"""A video as photos: frames by time, and faces that keep their number from frame to frame."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.recognition.doubles import face, recognizer
from unifer.dialogue.images import ImageError
from unifer.errors import InputError
from unifer.recognition.readings import Face
from unifer.recognition.video import Tracks, duration, frames

av = pytest.importorskip("av", reason="comes with the full environment")


def write_video(path: Path, seconds: float = 3.0, rate: int = 10) -> Path:
    """A film whose frames grow brighter: frame n is gray level 4 n (mod 256)."""
    levels = [4 * number % 256 for number in range(round(seconds * rate))]
    encode(path, [np.full((64, 96, 3), level, dtype=np.uint8) for level in levels], rate)
    return path


def encode(path: Path, pictures: Sequence[npt.NDArray[np.uint8]], rate: int) -> None:
    """The pictures, 64 x 96 x RGB, as a film."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for pixels in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def level(image: Image.Image) -> float:
    return float(np.asarray(image).mean())


def test_frames_come_by_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4")
    shown = list(frames(path, 0.5))
    assert [photo.time for photo in shown] == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.5], abs=0.002)
    assert [level(photo.open()) for photo in shown] == pytest.approx([0, 20, 40, 60, 80, 100], abs=8)
    assert len(list(frames(path, 0.01))) == 30
    assert len(list(frames(path, 10.0))) == 1
    assert duration(path) == pytest.approx(3.0, abs=0.2)
    with pytest.raises(InputError, match="above 0"):
        list(frames(path, 0.0))


def turned(path: Path, matrix: Sequence[int]) -> Path:
    """The film at `path` with another display matrix: nine fixed-point numbers in its track header."""
    film = path.read_bytes()
    at = film.index(b"tkhd") + 44
    path.write_bytes(film[:at] + struct.pack(">9i", *matrix) + film[at + 36 :])
    return path


ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "top", "left"),
    [
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, ONE << 14), 128, 255),
        ((0, ONE, 0, -ONE, 0, 0, 64 * ONE, 0, ONE << 14), 255, 128),
        ((-ONE, 0, 0, 0, -ONE, 0, 96 * ONE, 64 * ONE, ONE << 14), 128, 0),
        ((0, -ONE, 0, ONE, 0, 0, 0, 96 * ONE, ONE << 14), 0, 128),
        ((0, 0, 0, 0, 0, 0, 0, 0, ONE << 14), 128, 255),
    ],
    ids=["as stored", "a quarter clockwise", "upside down", "a quarter back", "no matrix at all"],
)
def test_a_film_of_a_telephone_stands_upright(
    matrix: Sequence[int], top: int, left: int, tmp_path: Path
) -> None:
    """Telephones store pixels as the sensor lies, and how to turn them beside: faces lay on their side."""
    pixels = np.zeros((64, 96, 3), dtype=np.uint8)
    pixels[:, :48] = 255
    path = tmp_path / "film.mp4"
    encode(path, [pixels] * 3, 10)
    (photo,) = frames(turned(path, matrix), 1.0)
    image = np.asarray(photo.open()).astype(float)
    assert image.shape[:2] == ((64, 96) if top == 128 else (96, 64))
    assert image[:20].mean() == pytest.approx(top, abs=6)
    assert image[:, :20].mean() == pytest.approx(left, abs=6)


def test_no_video_and_half_a_video_are_said_and_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"no film")
    (photo,) = frames(tmp_path / "none.mp4", 0.5)
    with pytest.raises(ImageError, match="cannot be opened as a video"):
        photo.open()
    whole = write_video(tmp_path / "film.ts", 4.0).read_bytes()
    (tmp_path / "half.ts").write_bytes(whole[: len(whole) // 2] + bytes(4000))
    assert list(frames(tmp_path / "half.ts", 0.5))
    (reading,) = recognizer()(tmp_path / "none.mp4")
    assert reading.failed


def test_a_video_is_read_frame_by_frame_with_times_and_tracks(tmp_path: Path) -> None:
    class Walking:
        name = "walking"

        def detect(self, image: Image.Image) -> list[Face]:
            at = level(image) / 4  # the frame's number
            return [face(10 + at, 10, 30), face(60 - at, 10, 20)]

    readings = recognizer(detector=Walking())(write_video(tmp_path / "film.mp4"))
    assert [reading.time for reading in readings][::2] == pytest.approx(
        [0, 0.5, 1.0, 1.5, 2.0, 2.5], abs=0.002
    )
    first = [reading.track for reading in readings if reading.face and reading.face.width > 25]
    assert first == [0] * 6
    assert len(readings.draw()) == 6


def test_boxes_are_linked_by_their_overlap() -> None:
    tracks = Tracks()
    assert tracks.follow([face(0, 0, 100), face(200, 0, 100)]) == [0, 1]
    assert tracks.follow([face(190, 5, 100), face(10, 5, 100)]) == [1, 0]
    assert tracks.follow([face(20, 5, 100)]) == [0]
    assert tracks.follow([]) == []
    assert tracks.follow([face(180, 5, 100), face(20, 5, 100), face(500, 0, 50)]) == [1, 0, 2]
    for _ in range(4):
        tracks.follow([])
    assert tracks.follow([face(20, 5, 100)]) == [3]
