"""Asking one engine the open questions of one results file: images decoded ahead, each reply appended as it comes.

A question that cannot be asked (no such image, a forged prompt) or answered becomes a failed row at once; it never ends the run.
Knows no manifests and no processes: those are `outputs`, `infer` and `shards`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from unifer.dialogue import images, prompts
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.evaluate import outputs
from unifer.evaluate.outputs import Output, Plan
from unifer.models.engines import Engine, Reply, Request
from unifer.records import Prediction, Question

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
R = TypeVar("R")

DECODERS = 4
AHEAD = 64
"""Images decoded before the engine asks for them."""

HOPELESS = 16
"""If so many engine replies fail from the start, with none that succeeded, something is wrong with the engine and the run stops."""


class Advance(Protocol):
    """Called as questions get their rows."""

    def __call__(self, amount: int = 1) -> None: ...


def answer(output: Output, engine: Engine, rule: ImageRule, advance: Advance) -> None:
    """Ask `engine` every open question of one results file and append each reply. Memory does not grow with the file."""
    asked: dict[str, Question] = {}
    failures: list[str] = []

    def record(prediction: Prediction) -> None:
        with outputs.reporting_full_disk(output.plan.out):
            if output.record(prediction):
                advance()

    def requests() -> Iterator[Request]:
        prepare = partial(_image, rule=rule if engine.shows_images else None, plan=output.plan)
        for question, image in prefetched(output.todo(), prepare, DECODERS, AHEAD):
            if isinstance(image, ValueError):
                record(Prediction(question, "", error=str(image)))
                continue
            asked[question.key] = question
            yield Request(question.key, question.prompt, image)

    succeeded = False
    for reply in engine.stream(requests()):
        record(_prediction(asked.pop(reply.key), reply))
        succeeded = succeeded or reply.error is None
        if not succeeded:
            failures.append(reply.error or "")
            if len(failures) == HOPELESS:
                raise InputError(
                    f"the engine failed on each of the first {HOPELESS} questions: {failures[-1]}. They are recorded as "
                    "failed; once the cause is gone, --retry-failed asks them again"
                )


def _image(question: Question, *, rule: ImageRule | None, plan: Plan) -> Image | ValueError:
    """The picture of a question, or why there is none. Without a rule it is decoded only."""
    try:
        prompts.check_prompt(question.prompt)
        path = images.resolve(question.image_path, plan.image_root, plan.questions_file.parent)
        return images.decode(path, question.image_path) if rule is None else images.load(path, rule, question.image_path)
    except ValueError as error:
        return error


def _prediction(question: Question, reply: Reply) -> Prediction:
    if reply.error is not None:
        return Prediction(question, "", error=reply.error)
    return Prediction(question, reply.text, None, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens)


def prefetched(items: Iterable[T], work: Callable[[T], R], workers: int, ahead: int) -> Iterator[tuple[T, R]]:
    """(item, work(item)) in order, `work` running in threads on at most `ahead` items before they are asked for."""
    source = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        window: deque[tuple[T, Future[R]]] = deque((item, pool.submit(work, item)) for item in islice(source, ahead))
        try:
            while window:
                item, result = window.popleft()
                made = result.result()
                window.extend((other, pool.submit(work, other)) for other in islice(source, 1))
                yield item, made
        finally:
            for _, result in window:
                result.cancel()
