"""Asking one engine the open questions: images decoded ahead, replies appended as they come.

A question that cannot be asked (no such image, a forged prompt) or answered becomes a failed row at once; it
never ends the run. Knows no manifests and no processes: those are `outputs`, `infer` and `shards`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from unifer.dialogue import images, prompts
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError, reporting_full_disk
from unifer.evaluate.inference.outputs import AnswerPlan, Output
from unifer.models.engines import Engine, Reply, Request
from unifer.prefetching import AHEAD, DECODERS, prefetched
from unifer.progress import Advance
from unifer.records import Prediction, Question

if TYPE_CHECKING:
    from PIL.Image import Image

HOPELESS = 16
"""If so many engine replies fail from the start, the engine is wrong and the run stops."""


def answer(outputs: Sequence[Output], engine: Engine, rule: ImageRule, advance: Advance) -> None:
    """Ask `engine` every open question of some results files, whose keys differ, and append replies.

    One stream for all of them: the engine never runs empty in between. Memory does not grow with the files.
    """
    asked: dict[str, tuple[Output, Question]] = {}
    failures: list[str] = []

    def record(output: Output, prediction: Prediction) -> None:
        with reporting_full_disk(output.plan.out):
            if output.record(prediction):
                advance()

    def prepare(item: tuple[Output, Question]) -> Image | ValueError:
        output, question = item
        return _image(question, rule=rule if engine.shows_images else None, plan=output.plan)

    def requests() -> Iterator[Request]:
        todo = ((output, question) for output in outputs for question in output.todo())
        for (output, question), image in prefetched(todo, prepare, DECODERS, AHEAD):
            if isinstance(image, ValueError):
                record(output, Prediction(question, "", error=str(image)))
                continue
            asked[question.key] = output, question
            yield Request(question.key, question.prompt, image, start=question.reply_start or "")

    succeeded = False
    for reply in engine.stream(requests()):
        output, question = asked.pop(reply.key)
        record(output, _prediction(question, reply))
        succeeded = succeeded or reply.error is None
        if not succeeded:
            failures.append(reply.error or "")
            if len(failures) == HOPELESS:
                raise InputError(
                    f"the engine failed on each of the first {HOPELESS} questions: {failures[-1]}. They "
                    "are recorded as failed; once the cause is gone, --retry-failed asks them again"
                )


def _image(question: Question, *, rule: ImageRule | None, plan: AnswerPlan) -> Image | ValueError:
    """The picture of a question, or why there is none. Without a rule it is decoded only."""
    try:
        prompts.check_prompt(question.prompt)
        path = images.resolve(question.image_path, plan.image_root, plan.questions_file.parent)
        return (
            images.decode(path, question.image_path)
            if rule is None
            else images.load(path, rule, question.image_path)
        )
    except ValueError as error:
        return error


def _prediction(question: Question, reply: Reply) -> Prediction:
    if reply.error is not None:
        return Prediction(question, "", error=reply.error)
    return Prediction(
        question, reply.text, None, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens
    )
