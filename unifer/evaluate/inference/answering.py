"""Asking one engine the open questions: images decoded ahead, replies appended as they come.

A question that cannot be asked (no such image, a forged prompt) or answered becomes a failed row at once; it
never ends the run. Knows no manifests and no processes: those are `outputs`, `infer` and `shards`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unifer.dialogue import images, prompts
from unifer.dialogue.damage.effects import change_for
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError, reporting_full_disk
from unifer.evaluate.inference.outputs import AnswerPlan, Output
from unifer.evaluate.voting import prediction_of, vote_key
from unifer.models.engines import Engine, Reply, Request
from unifer.models.engines.base import AGAIN
from unifer.prefetching import AHEAD, DECODERS, prefetched
from unifer.progress import Advance
from unifer.records import Prediction, Question

if TYPE_CHECKING:
    from PIL.Image import Image

HOPELESS = 16
"""If so many engine replies fail from the start, the engine is wrong and the run stops."""


@dataclass
class _OpenQuestion:
    """A question under way: its replies so far, by vote."""

    output: Output
    question: Question
    replies: dict[int, Reply] = field(default_factory=dict)

    def prediction(self) -> Prediction | None:
        """Its row, once the last vote is in."""
        if len(self.replies) < self.output.plan.votes:
            return None
        replies = [self.replies[vote] for vote in sorted(self.replies)]
        return prediction_of(self.question, replies, self.output.plan.votes)


def answer(outputs: Sequence[Output], engine: Engine, rule: ImageRule, advance: Advance) -> None:
    """Ask `engine` every open question of some results files, whose keys differ, and append replies.

    One stream for all of them, and for all votes on a question: the engine never runs empty in between.
    Memory does not grow with the files.
    """
    under_way: dict[str, tuple[_OpenQuestion, int]] = {}
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
            state = _OpenQuestion(output, question)
            for vote in range(output.plan.votes):
                key = stream_key(output.plan, question, vote)
                under_way[key] = state, vote
                yield Request(key, question.prompt, image, start=question.reply_start or "")

    succeeded = False
    for reply in engine.stream(requests()):
        state, vote = under_way.pop(reply.key)
        state.replies[vote] = reply
        succeeded = succeeded or reply.error is None
        if not succeeded:
            failures.append(reply.error or "")
        if (prediction := state.prediction()) is not None:
            record(state.output, prediction)
        if not succeeded and len(failures) == HOPELESS:
            raise InputError(
                f"the engine failed on each of the first {HOPELESS} questions: {failures[-1]}. They "
                "are recorded as failed; once the cause is gone, --retry-failed asks them again"
            )


def stream_key(plan: AnswerPlan, question: Question, vote: int = 0) -> str:
    """What tells a request apart from other votes, and from those about other pictures of the question."""
    key = vote_key(question.key, vote)
    return key if plan.damage is None else f"{key}{AGAIN}{plan.damage}"


def _image(question: Question, *, rule: ImageRule | None, plan: AnswerPlan) -> Image | ValueError:
    """The picture of a question, or why there is none. Without a rule it is decoded only."""
    try:
        prompts.check_prompt(question.prompt)
        path = images.resolve(question.image_path, plan.image_root, plan.questions_file.parent)
        if rule is None:
            return images.decode(path, question.image_path)
        return images.load(path, rule, question.image_path, change_for(plan.damage, question.key, rule))
    except ValueError as error:
        return error
