"""From an upload to its answer: who may enter, how long it may take, what is sent back.

Knows photos, recognizers and limits; of HTTP only the status that a refusal will have. All methods but
`start` and `close` run in one event loop, whatever takes long in threads beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from unifer.dialogue import images
from unifer.dialogue.images import ImageError
from unifer.errors import InputError
from unifer.prefetching import DECODERS
from unifer.recognition.answering import PhotoReadings, PreparedPhoto
from unifer.recognition.detectors import faces_in
from unifer.recognition.inputs import Photo
from unifer.recognition.readings import Face
from unifer.recognition.recognizer import Recognizer
from unifer.records import Json
from unifer.serving.answers import faces_answer, read_answer
from unifer.serving.limits import Refusal, ServerLimits
from unifer.serving.metrics import ServerMetrics
from unifer.serving.uploads import ReadOptions, Upload
from unifer.serving.worker import BatchWorker, EngineFailure

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_LONGEST_WAIT = 60
"""Seconds that a client is told to wait at most before it tries again."""
_MEMORY = 0.9
"""Weight of the past in the mean time between two answers."""


class ReadingService:
    """The models of one server, each behind its worker, and one queue in front of all."""

    def __init__(
        self, recognizers: Sequence[Recognizer], limits: ServerLimits, metrics: ServerMetrics | None = None
    ) -> None:
        self.recognizers = dict(zip(_names(recognizers), recognizers, strict=True))
        self.limits = limits
        self.metrics = metrics or ServerMetrics()
        self.metrics.watch_queue(lambda: self._inside)
        # Two of vLLM's engines that compute within one process, as on CPU, end it.
        inside = [each for each in recognizers if each.spec.name == "vllm" and not each.spec.has_processes]
        turn = threading.Lock() if len(inside) > 1 else None
        self._workers = {name: BatchWorker(each, turn) for name, each in self.recognizers.items()}
        self._preparing = ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1), "prepare")
        self._inside = 0
        self._between = 0.0
        self._last = 0.0

    def start(self) -> None:
        """Load all models, one after the other. Raises InputError."""
        for worker in self._workers.values():
            worker.start()

    def close(self) -> None:
        """End the workers; what waits is turned away."""
        for worker in self._workers.values():
            worker.close()
        self._preparing.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, from a request's first byte to its answer. Raises Refusal (429)."""
        if self._inside >= self.limits.queue:
            # Half of what it takes to empty the queue: the engine should not run dry meanwhile.
            wait = math.ceil(self._inside * self._between / 2) or 1
            raise Refusal(
                429,
                f"{self._inside} requests are waiting already; try again in a moment",
                min(wait, _LONGEST_WAIT),
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            now = time.monotonic()
            if self._last and self._inside:
                self._between = _MEMORY * self._between + (1 - _MEMORY) * (now - self._last)
            self._last = now

    async def faces(self, upload: Upload) -> Json:
        """Where the faces are, without asking a model. Raises Refusal."""
        _, recognizer = self._chosen(upload.options)

        def look() -> tuple[tuple[int, int], tuple[Face, ...]]:
            image = self._opened(upload)
            photo = Photo(upload.name, lambda: image)
            return image.size, recognizer.faces(photo, upload.options.detector)

        async with self._in_time():
            size, found = await self._in_thread(look)
        detector = upload.options.detector or recognizer.settings.detector
        return faces_answer(upload.name, size, found, detector)

    async def read(self, upload: Upload) -> Json:
        """The readings of all faces that are wanted. Raises Refusal."""
        name, recognizer = self._chosen(upload.options)
        async with self._in_time():
            prepared = await self._in_thread(lambda: self._prepared(upload, recognizer))
            waiting = self._workers[name].submit(prepared)
            try:
                done = await asyncio.wrap_future(waiting)
            except EngineFailure as error:
                raise Refusal(503, f"the model could not be asked: {error}", 1) from None
        _refuse_failures(done)
        self.metrics.read(name, len(done.readings))
        return read_answer(name, done)

    def _chosen(self, options: ReadOptions) -> tuple[str, Recognizer]:
        name = next(iter(self.recognizers)) if options.model is None else options.model
        if name not in self.recognizers:
            raise Refusal(400, f"no model {name!r} here; there are {', '.join(self.recognizers)}")
        return name, self.recognizers[name]

    def _opened(self, upload: Upload) -> Image:
        return images.decode_bytes(upload.data, upload.name, self.limits.pixels)

    def _prepared(self, upload: Upload, recognizer: Recognizer) -> PreparedPhoto:
        options = upload.options
        settings = recognizer.settings_with(options.changes())
        image = self._opened(upload)
        boxes = None if options.boxes is None else _within(options.boxes, image.size)
        prepared = recognizer.prepare(Photo(upload.name, lambda: image, faces=boxes), settings)
        if prepared.error is not None:
            raise Refusal(422, prepared.error)
        if options.faces is not None:
            prepared = _only(prepared, options.faces)
        if len(prepared.questions) > self.limits.faces:
            raise Refusal(
                422,
                f"{prepared.faces} faces found; at most {self.limits.faces} are read at once: name some by "
                "'faces', or ask for the largest by 'which'",
            )
        # The key seeds sampled replies: a photo gets the same votes again, unless it comes twice at once.
        return prepared.but(key=hashlib.sha256(upload.data).hexdigest()[:16])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._preparing, work)
        except ImageError as error:
            raise Refusal(422, str(error)) from None
        except InputError as error:
            raise Refusal(400, str(error)) from None

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.limits.seconds):
                yield
        except TimeoutError:
            raise Refusal(
                504, f"no answer within {self.limits.seconds:g} s: the model is busy; try again later", 5
            ) from None


def _names(recognizers: Sequence[Recognizer]) -> list[str]:
    """The models' names, told apart by a number where two are called the same."""
    names: list[str] = []
    for each in recognizers:
        number = sum(name == each.model or name.startswith(f"{each.model} (") for name in names)
        names.append(f"{each.model} ({number + 1})" if number else each.model)
    return names


def _within(boxes: Sequence[Sequence[float]], size: tuple[int, int]) -> tuple[Face, ...]:
    """The faces in `boxes`, cut to the picture: a crop beyond it could be as large as one likes."""
    if not all(math.isfinite(side) for box in boxes for side in box):
        raise InputError("'boxes' holds a number that is not finite")
    faces = faces_in(boxes, "'boxes'")
    made = []
    for face in faces:
        left, top, right, bottom = face.box
        box = max(0.0, left), max(0.0, top), min(float(size[0]), right), min(float(size[1]), bottom)
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            raise InputError(
                f"'boxes': {list(face.box)} lies outside of the photo, which has {size[0]} x {size[1]} pixels"
            )
        made.append(Face(box))
    return tuple(made)


def _only(prepared: PreparedPhoto, faces: Sequence[int]) -> PreparedPhoto:
    questions = tuple(each for each in prepared.questions if each.face is not None and each.index in faces)
    missing = sorted(set(faces) - {each.index for each in questions})
    if missing:
        raise Refusal(
            400, f"'faces' names face {missing[0]}; {prepared.faces} were found, counted from 0 at the left"
        )
    return prepared.but(questions=questions)


def _refuse_failures(done: PhotoReadings) -> None:
    """A photo none of whose faces was answered is no answer."""
    errors = [each.error for each in done.readings if each.error is not None]
    if errors and len(errors) == len(done.readings):
        raise Refusal(503, f"the model could not be asked: {errors[0]}", 1)
