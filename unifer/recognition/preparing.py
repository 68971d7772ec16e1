"""A photo opened, its faces found, cut out and brought to the size that the model is shown."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.dialogue import images
from unifer.dialogue.images import ImageError, ImageRule
from unifer.recognition import crops
from unifer.recognition.answering import FaceQuestion, PreparedPhoto
from unifer.recognition.detectors import BOXES, WHOLE, Detector, detector
from unifer.recognition.inputs import Photo
from unifer.recognition.readings import Face
from unifer.recognition.settings import ReadingSettings

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW = 1600
"""Pixels of the longer side of the copy that boxes are drawn on."""


class Preparer:
    """Prepares photos in any number of threads.

    `rule` None: the engine looks at no pictures; `yunet`: its model file.
    """

    def __init__(self, rule: ImageRule | None, yunet: Path | None) -> None:
        self._rule, self._yunet = rule, yunet
        self._detectors: dict[str, Detector] = {}
        self._making = threading.Lock()

    def detector(self, name: str | Detector) -> Detector:
        """The detector called `name`, made once; one of the caller's own is known by its name from then on.

        Raises InputError where there is none, or what it needs is missing.
        """
        with self._making:
            if not isinstance(name, str):
                self._detectors[name.name] = name
                return name
            if name not in self._detectors:
                self._detectors[name] = detector(name, self._yunet)
            return self._detectors[name]

    def faces(self, photo: Photo, image: Image, name: str) -> tuple[Face, ...]:
        """The faces that the photo brings, else those that detector `name` finds; from left to right."""
        found = photo.faces if photo.faces is not None else self.detector(name).detect(image)
        return tuple(sorted(found, key=lambda face: face.box[0]))

    def prepare(self, photo: Photo, settings: ReadingSettings, preview: bool) -> PreparedPhoto:
        """The photo with its questions; one that cannot be read has an `error`.

        `preview`: with a copy to draw on.
        """
        prepared = PreparedPhoto(
            photo.name,
            photo.key,
            settings,
            time=photo.time,
            detector=BOXES if photo.faces is not None else settings.detector,
        )
        try:
            image = photo.open()
            found = self.faces(photo, image, settings.detector)
            questions = self._questions(photo, image, found, settings)
        except ImageError as error:
            return prepared.but(error=str(error))
        copy = _small_copy(image) if preview else None
        return prepared.but(questions=questions, faces=len(found), size=image.size, preview=copy)

    def _questions(
        self, photo: Photo, image: Image, found: Sequence[Face], settings: ReadingSettings
    ) -> tuple[FaceQuestion, ...]:
        if not found:
            looked = settings.detector not in (WHOLE, BOXES) and photo.faces is None
            note = f"no face found by {settings.detector}: the whole picture was read"
            picture = self._fitted(image, photo.name)
            return (FaceQuestion(picture, None, None, warnings=(note,) if looked else ()),)
        chosen = list(enumerate(found))
        left_out: tuple[str, ...] = ()
        if settings.which == "largest" and len(found) > 1:
            chosen = [max(chosen, key=lambda each: each[1].width * each[1].height)]
            left_out = (f"{len(found)} faces found: the largest was read",)
        made = []
        for index, face in chosen:
            picture, area = crops.crop(image, face, settings.crop)
            notes = (*left_out, *crops.flaws(face, image.size, settings.crop))
            made.append(FaceQuestion(self._fitted(picture, photo.name), face, area, index, warnings=notes))
        return tuple(made)

    def _fitted(self, picture: Image, name: str) -> Image | None:
        return None if self._rule is None else images.fit(picture, self._rule, name)


def _small_copy(image: Image) -> Image:
    copy = image.copy()
    copy.thumbnail((PREVIEW, PREVIEW))
    return copy
