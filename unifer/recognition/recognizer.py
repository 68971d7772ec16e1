"""`Recognizer`: one model and one way to read photos, behind one call.

    from unifer import Recognizer
    with Recognizer("model/UniFER-7B") as recognizer:
        for reading in recognizer("photo.jpg"):
            print(reading.label, reading.action_units)

Knows engines by `models`, detectors by their protocol; heavy things load when the first photo is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unifer.errors import InputError
from unifer.models import devices
from unifer.models.checkpoints import knows_drawn_faces_only, usable_checkpoint
from unifer.models.engines import ENGINES, Engine, EngineSpec, GenerationSettings, default_engine
from unifer.prefetching import AHEAD, DECODERS, prefetched
from unifer.recognition.answering import PhotoReadings, PreparedPhoto, answer
from unifer.recognition.detectors import Detector, faces_in
from unifer.recognition.inputs import EVERY, Photo, photos
from unifer.recognition.preparing import Preparer
from unifer.recognition.readings import Face, Reading
from unifer.recognition.results import Readings
from unifer.recognition.settings import ReadingSettings
from unifer.recognition.video import Tracks
from unifer.records import Json

DRAWN_FACES_ONLY = "UniFER-Tiny knows drawn faces only: what it says of a photograph means nothing"


class Recognizer:
    """Reads the expressions of faces in photos with one model.

    `model` is a checkpoint folder or hub id; None: `model/UniFER-7B` of the project, else the quickstart's
    UniFER-Tiny. `engine` is `vllm`, `transformers`, or `server` with its `urls`; None: vLLM where installed.
    `spec` names an engine in full, in place of those. `yunet` is that detector's model file. Further keywords
    are those of `ReadingSettings` (`labels`, `prompt`, `detector`, `which`, `votes`, `temperature`,
    `threshold`, `calibration`) and of its crop (`margin`, `align`); a call can change each for itself.

    One thread at a time may ask the model; `prepare` and `faces` are free to any. Raises InputError for what
    can be known before a photo is read.
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
        name: str | None = None,
        make_engine: Callable[[], Engine] | None = None,
        **settings: Any,
    ) -> None:
        if spec is None:
            generation = GenerationSettings(max_new_tokens=max_new_tokens, seed=seed)
            spec, found = _spec(model, engine, urls, generation)
            name = name or found
        self.spec = spec
        self.model = name or spec.path.name
        self.warnings: tuple[str, ...] = (DRAWN_FACES_ONLY,) if knows_drawn_faces_only(spec.path) else ()
        """What every reading of this model is marked with."""
        self._preparer = Preparer(None if spec.name == "scripted" else spec.image_rule, yunet)
        self._make_engine = make_engine or spec.open
        self._engine: Engine | None = None
        self.settings = self.settings_with(settings, ReadingSettings())

    def __call__(
        self, source: Any, *, every: float = EVERY, boxes: Sequence[Sequence[float]] = (), **changes: Any
    ) -> Readings:
        """The readings of all photos in `source`, in its order, one per face.

        `source` is a path, a folder, a video (a frame every `every` seconds), a PIL image, an array, the
        bytes of an image file, or an iterable of those. `boxes` name the faces of each photo, in place of a
        detector. A photo that cannot be read is a reading with an `error`. Raises InputError for a source
        that is none, or a setting out of range.
        """
        # Readings are drawn on photos that are opened anew, so an iterator must be held.
        held = list(source) if isinstance(source, Iterator) else source
        given = faces_in(boxes, "boxes") if boxes else None

        def again() -> Iterator[Photo]:
            return (photo.with_faces(given) for photo in photos(held, every))

        answered: dict[int, tuple[Reading, ...]] = {}
        settings = self.settings_with(changes)
        for at, result in self._stream(again(), settings):
            answered[at] = result.readings
        return Readings([answered[at] for at in sorted(answered)], again)

    def stream(
        self,
        source: Any,
        *,
        every: float = EVERY,
        preview: bool = False,
        known: Callable[[Photo], Sequence[Reading]] = lambda photo: (),
        **changes: Any,
    ) -> Iterator[PhotoReadings]:
        """The readings photo by photo as they finish, for sources that are too many to wait for.

        With `preview` each brings a copy of its photo to draw on. Photos whose readings are `known` are
        passed over; in a video their faces are followed all the same.
        """
        settings = self.settings_with(changes)
        for _, result in self._stream(photos(source, every), settings, preview, known):
            yield result

    def faces(self, source: Any, detector: str | None = None) -> tuple[Face, ...]:
        """The faces in one photo, from left to right, without asking the model.

        Raises ImageError, InputError.
        """
        (photo,) = photos(source)
        return self._preparer.faces(photo, photo.open(), detector or self.settings.detector)

    def prepare(
        self, photo: Photo, settings: ReadingSettings | None = None, preview: bool = False
    ) -> PreparedPhoto:
        """Open a photo, find its faces and cut them out: what `answer` takes. For any thread.

        A photo that cannot be read is one with an `error`.
        """
        return self._preparer.prepare(photo, settings or self.settings, preview)

    def answer(self, prepared: Iterable[PreparedPhoto]) -> Iterator[PhotoReadings]:
        """Ask the model about prepared photos as they come; readings come as they finish.

        One call at a time.
        """
        return answer(prepared, self.load(), self.model, self.warnings)

    def settings_with(self, changes: dict[str, Any], base: ReadingSettings | None = None) -> ReadingSettings:
        """This recognizer's settings, or `base`, with keywords of a call in place of some.

        Raises InputError: no such setting, a value out of range, a detector whose model is missing.
        """
        detector: str | Detector | None = changes.get("detector")
        if detector is not None:
            changes = changes | {"detector": self._preparer.detector(detector).name}
        settings = (base or self.settings).but(changes)
        self._preparer.detector(settings.detector)
        return settings

    def about(self) -> Json:
        """Model, engine, settings and warnings, as plain values."""
        return {
            "model": self.model,
            **self.spec.identity(),
            "reading": self.settings.identity(),
            "warnings": list(self.warnings),
        }

    def load(self) -> Engine:
        """Load the model if it is not. Raises InputError where checkpoint or installation do not allow it."""
        if self._engine is None:
            if self.spec.name == "vllm":
                devices.refuse_full(self.spec.gpu_memory_utilization, self.spec.tensor_parallel_size)
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

    def _stream(
        self,
        items: Iterable[Photo],
        settings: ReadingSettings,
        preview: bool = False,
        known: Callable[[Photo], Sequence[Reading]] = lambda photo: (),
    ) -> Iterator[tuple[int, PhotoReadings]]:
        """(place in `items`, readings) of each photo as it finishes."""
        places: dict[int, int] = {}

        def work(photo: Photo) -> PreparedPhoto | Sequence[Reading]:
            return known(photo) or self.prepare(photo, settings, preview)

        def prepared() -> Iterator[PreparedPhoto]:
            tracks: dict[str, Tracks] = {}
            for at, (photo, ready) in enumerate(prefetched(items, work, DECODERS, AHEAD)):
                follow = None if photo.time is None else tracks.setdefault(photo.name, Tracks()).follow
                if not isinstance(ready, PreparedPhoto):
                    if follow is not None:
                        follow([reading.face for reading in ready if reading.face])
                    continue
                if follow is not None:
                    ready = ready.with_tracks(follow)
                places[id(ready)] = at
                yield ready

        for result in self.answer(prepared()):
            yield places.pop(id(result.photo)), result


def _spec(
    model: str | Path | None, engine: str | None, urls: Sequence[str], generation: GenerationSettings
) -> tuple[EngineSpec, str]:
    """The engine for a checkpoint, and the checkpoint's name. Raises InputError."""
    name = engine or ("server" if urls else default_engine())
    known = next((each for each in ENGINES if each == name and each != "scripted"), None)
    if known is None:
        raise InputError(f"engine {name!r} is not one of transformers, vllm, server")
    if bool(urls) != (known == "server"):
        raise InputError("engine 'server' and its urls go together: give both, or neither")
    checkpoint = usable_checkpoint(None if model is None else str(model))
    return EngineSpec(known, checkpoint.path, generation, urls=tuple(urls)), checkpoint.name
