"""`Recognizer`: one model and one way to read photos, behind one call.

    from unifer import Recognizer
    with Recognizer("model/UniFER-7B") as recognizer:
        for reading in recognizer("photo.jpg"):
            print(reading.label, reading.action_units)

Knows engines by `models`, detectors by their protocol; heavy things load when the first photo is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from unifer.dialogue import images
from unifer.dialogue.images import ImageError
from unifer.models.checkpoints import knows_drawn_faces_only, usable_checkpoint
from unifer.models.engines import EngineSpec, GenerationSettings, default_engine
from unifer.models.engines.base import Engine
from unifer.prefetching import AHEAD, DECODERS, prefetched
from unifer.recognition import crops
from unifer.recognition.answering import FaceQuestion, PhotoReadings, PreparedPhoto, answer
from unifer.recognition.detectors import BOXES, WHOLE, Detector, detector, faces_in
from unifer.recognition.inputs import EVERY, Photo, photos
from unifer.recognition.readings import Face, Reading
from unifer.recognition.results import Readings
from unifer.recognition.settings import ReadingSettings
from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image

DRAWN_FACES_ONLY = "UniFER-Tiny knows drawn faces only: what it says of a photograph means nothing"
PREVIEW = 1600
"""Pixels of the longer side of the copy that boxes are drawn on."""


class Recognizer:
    """Reads the expressions of faces in photos with one model.

    `model` is a checkpoint folder or hub id; None: `model/UniFER-7B` of the project, else the quickstart's
    UniFER-Tiny. `engine` is `vllm`, `transformers`, or `server` with its `urls`; None: vLLM where installed.
    Further keywords are those of `ReadingSettings` (`labels`, `prompt`, `detector`, `which`, `votes`,
    `temperature`, `threshold`, `calibration`) and of its crop (`margin`, `align`); a call can change each for
    itself. Raises InputError for what can be known before a photo is read. One thread at a time may read;
    `prepare` and `faces` are free to any.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        engine: str | None = None,
        urls: Sequence[str] = (),
        max_new_tokens: int = 1024,
        seed: int = 0,
        yunet: Path | None = None,
        spec: EngineSpec | None = None,
        make_engine: Any = None,
        name: str | None = None,
        **settings: Any,
    ) -> None:
        self._yunet = yunet
        self._detectors: dict[str, Detector] = {}
        self._making = threading.Lock()
        self.settings = self._settings_of(ReadingSettings(), settings)
        if spec is None:
            checkpoint = usable_checkpoint(None if model is None else str(model))
            generation = GenerationSettings(max_new_tokens=max_new_tokens, seed=seed)
            chosen: Any = engine or default_engine()
            spec = EngineSpec(chosen, checkpoint.path, generation, urls=tuple(urls))
            name = name or checkpoint.name
        self.spec = spec
        self.model = name or spec.path.name
        self.warnings: tuple[str, ...] = (DRAWN_FACES_ONLY,) if knows_drawn_faces_only(spec.path) else ()
        """What every reading of this model is marked with."""
        self._make_engine = make_engine or spec.open
        self._engine: Engine | None = None
        self.detector(self.settings.detector)

    def __call__(
        self, source: Any, *, every: float = EVERY, boxes: Sequence[Sequence[float]] = (), **changes: Any
    ) -> Readings:
        """The readings of all photos in `source`, in its order, one per face.

        `source` is a path, a folder, a video (a frame every `every` seconds), a PIL image, an array, the
        bytes of an image file, or an iterable of those. `boxes` name the faces of each photo, in place of a
        detector. A photo that cannot be read is a reading with an `error`. Raises InputError for a source
        that is none, or a setting out of range.
        """
        settings = self._settings_of(self.settings, changes | ({"detector": BOXES} if boxes else {}))
        given = faces_in(boxes, "boxes") if boxes else None
        items = [_with_faces(photo, given) for photo in photos(source, every)]
        order = {id(photo): at for at, photo in enumerate(items)}
        answered: dict[int, tuple[Reading, ...]] = {}
        for photo, result in self._stream(items, settings, preview=False):
            answered[order[id(photo)]] = result.readings
        return Readings(
            (reading for at in sorted(answered) for reading in answered[at]),
            {at: (photo, answered.get(at, ())) for at, photo in enumerate(items)},
        )

    def stream(
        self, source: Any, *, every: float = EVERY, preview: bool = False, **changes: Any
    ) -> Iterator[PhotoReadings]:
        """The readings photo by photo as they finish, for sources that are too many to wait for.

        With `preview` each brings a copy of its photo to draw on.
        """
        settings = self._settings_of(self.settings, changes)
        for _, result in self._stream(photos(source, every), settings, preview=preview):
            yield result

    def faces(self, source: Any, detector: str | None = None) -> tuple[Face, ...]:
        """The faces in one photo, from left to right, without asking the model.

        Raises ImageError, InputError.
        """
        (photo,) = photos(source)
        return self._faces(photo, photo.open(), detector or self.settings.detector)

    def prepare(
        self, photo: Photo, settings: ReadingSettings | None = None, preview: bool = False
    ) -> PreparedPhoto:
        """Open a photo, find its faces and cut them out. An unreadable photo is one with an `error`.

        For any thread.
        """
        settings = settings or self.settings
        named = {"name": photo.name, "key": photo.key, "settings": settings, "time": photo.time}
        try:
            image = photo.open()
            found = self._faces(photo, image, settings.detector)
            questions = self._questions(photo, image, found, settings)
        except ImageError as error:
            return PreparedPhoto(**named, error=str(error))
        how = BOXES if photo.faces is not None else settings.detector
        copy = _small_copy(image) if preview else None
        return PreparedPhoto(
            **named, questions=questions, faces=len(found), detector=how, size=image.size, preview=copy
        )

    def answer(self, prepared: Iterable[PreparedPhoto]) -> Iterator[PhotoReadings]:
        """Ask the model about photos that `prepare` made, as they come; readings come as they finish.

        One at a time.
        """
        return answer(prepared, self.load(), self.model, self.warnings)

    def detector(self, name: str | Detector) -> Detector:
        """The detector called `name`, made once.

        Raises InputError where there is none, or what it needs is missing.
        """
        with self._making:
            if not isinstance(name, str):
                return self._detectors.setdefault(name.name, name)
            if name not in self._detectors:
                self._detectors[name] = detector(name, self._yunet)
            return self._detectors[name]

    def about(self) -> Json:
        """Model, engine, settings and warnings, as plain values."""
        return {
            "model": self.model,
            "engine": self.spec.identity(),
            "settings": self.settings.identity(),
            "warnings": list(self.warnings),
        }

    def load(self) -> Engine:
        """Load the model if it is not. Raises InputError where checkpoint or installation do not allow it."""
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine

    def close(self) -> None:
        """Give back what the engine holds. A further photo loads it again."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settings_of(self, base: ReadingSettings, changes: dict[str, Any]) -> ReadingSettings:
        wanted = changes.get("detector")
        if wanted is not None:
            changes = changes | {
                "detector": self.detector(wanted).name if not isinstance(wanted, str) else wanted
            }
        settings = base.but(changes)
        self.detector(settings.detector)
        return settings

    def _stream(
        self, items: Iterable[Photo], settings: ReadingSettings, *, preview: bool
    ) -> Iterator[tuple[Photo, PhotoReadings]]:
        of: dict[int, Photo] = {}

        def prepared() -> Iterator[PreparedPhoto]:
            work = lambda photo: self.prepare(photo, settings, preview)  # noqa: E731
            for photo, ready in prefetched(items, work, DECODERS, AHEAD):
                of[id(ready)] = photo
                yield ready

        for result in self.answer(prepared()):
            yield of.pop(id(result.photo)), result

    def _faces(self, photo: Photo, image: Image, name: str) -> tuple[Face, ...]:
        found = photo.faces if photo.faces is not None else self.detector(name).detect(image)
        return tuple(sorted(found, key=lambda face: face.box[0]))

    def _questions(
        self, photo: Photo, image: Image, found: Sequence[Face], settings: ReadingSettings
    ) -> tuple[FaceQuestion, ...]:
        if not found:
            looked = settings.detector not in (WHOLE, BOXES) and photo.faces is None
            note = f"no face found by {settings.detector}: the whole picture was read"
            return (
                FaceQuestion(self._fitted(image, photo.name), None, None, warnings=(note,) if looked else ()),
            )
        chosen = list(enumerate(found))
        left_out = ()
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
        """The picture as the model is shown it; None for replies from a file, which look at none."""
        return None if self.spec.name == "scripted" else images.fit(picture, self.spec.image_rule, name)


def _with_faces(photo: Photo, faces: tuple[Face, ...] | None) -> Photo:
    return photo if faces is None else Photo(photo.name, photo.open, photo.time, faces)


def _small_copy(image: Image) -> Image:
    copy = image.copy()
    copy.thumbnail((PREVIEW, PREVIEW))
    return copy
