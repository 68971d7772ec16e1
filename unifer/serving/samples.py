"""Photos to try: drawn faces, one per picture, and a picture with three of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unifer.emotions import EMOTIONS
from unifer.prepare import corpus
from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 224
_SEED = "serve"
_IN_GROUP = ("surprise", "happiness", "anger")
_GAP = 24


@dataclass(frozen=True)
class SamplePicture:
    """One picture with what it shows."""

    name: str
    caption: str
    png: bytes
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    """Of its faces, where there are several; the whole picture is one face otherwise."""

    def about(self) -> Json:
        """What the page needs to know of it."""
        return {"name": self.name, "caption": self.caption, "boxes": [list(box) for box in self.boxes]}


def sample_pictures() -> dict[str, SamplePicture]:
    """File name -> picture: a face per emotion, then the group. Drawn anew, the same each time."""
    faces = {emotion: _face(emotion) for emotion in EMOTIONS}
    made = [
        SamplePicture(f"{emotion}.png", f"drawn {emotion}", _png(picture))
        for emotion, picture in faces.items()
    ]
    made.append(_group([faces[emotion] for emotion in _IN_GROUP]))
    return {sample.name: sample for sample in made}


def _face(emotion: str) -> Image:
    return corpus.emotional_face(_SEED, EMOTIONS.index(emotion), emotion).draw(SIDE)


def _group(faces: list[Image]) -> SamplePicture:
    from PIL import Image

    step = SIDE + _GAP
    picture = Image.new("RGB", (_GAP + step * len(faces), SIDE + 2 * _GAP), (58, 64, 72))
    boxes = []
    for number, face in enumerate(faces):
        left = _GAP + number * step
        picture.paste(face, (left, _GAP))
        boxes.append((left, _GAP, left + SIDE, _GAP + SIDE))
    return SamplePicture("group.png", "three drawn faces", _png(picture), tuple(boxes))


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
