"""A dataset as a task of inspect_ai: what is asked, what is shown, how replies are generated and graded.

Nothing here is a second rule: questions, prompts, pictures and grades come from the modules that inference
and scoring use. Pictures are made when their question is asked, so memory holds those in flight alone; one
that cannot be made is a failed sample, not the end.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import anyio
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.dialogue import images, prompts
from unifer.dialogue.damage.effects import change_for
from unifer.dialogue.damage.kinds import Damage
from unifer.dialogue.images import ImageRule
from unifer.evaluate.harness.scorer import strict_for
from unifer.evaluate.harness.translation import FACTS, question_in, sample_of
from unifer.models.engines import GenerationSettings
from unifer.questions import read_questions
from unifer.records import Question

_DEFAULTS = GenerationSettings()


def dataset_task(
    spec: DatasetSpec,
    *,
    questions_file: Path | None = None,
    limit: int | None = None,
    image_root: Path | None = None,
    image_rule: ImageRule = ImageRule(),  # noqa: B008  (frozen)
    solver: Solver | None = None,
) -> Task:
    """The task that asks the first `limit` questions of `questions_file` (default: the dataset's own).

    `solver` replaces one plain request a question; the face is shown before it. Raises InputError: no such
    file, not this dataset's rows.
    """
    path = questions_file or spec.questions
    questions = read_questions(path, spec)[:limit]
    about = {
        "dataset": spec.name,
        "questions": runs.describe_file(path),
        "prompt": prompts.VERSION,
        "image_rule": image_rule.to_json(),
    }
    return Task(
        dataset=MemoryDataset([sample_of(question) for question in questions], name=spec.name),
        setup=show_face(path.parent, image_root, image_rule),
        solver=solver or generate(),
        scorer=strict_for(spec),
        config=GenerateConfig(temperature=_DEFAULTS.temperature, max_tokens=_DEFAULTS.max_new_tokens),
        fail_on_error=False,
        score_on_error=True,
        name=spec.name,
        display_name=spec.title,
        metadata={FACTS: about},
    )


class NotAskedError(Exception):
    """The question cannot be asked: no such image, a forged prompt. The sample's error is `message`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def show_face(beside: Path, image_root: Path | None, rule: ImageRule) -> Solver:
    """Puts the picture before the prompt: one user turn, no system message, as in `prompts.chat_messages`."""

    @solver(name="show_face")
    def before_the_prompt() -> Solver:
        async def show(state: TaskState, generate: Generate) -> TaskState:
            question = question_in(state.metadata)
            if question.reply_start is not None:
                raise NotAskedError(
                    "its reply is begun already ('reply_start'), and a task asks anew; use `unifer infer` or "
                    "`unifer bench`"
                )
            try:
                text = prompts.check_prompt(question.prompt)
                uri = await anyio.to_thread.run_sync(picture_uri, question, beside, image_root, rule)
            except ValueError as error:
                raise NotAskedError(str(error)) from None
            state.messages = [ChatMessageUser(content=[ContentImage(image=uri), ContentText(text=text)])]
            return state

        return show

    return before_the_prompt()


def picture_uri(
    question: Question, beside: Path, image_root: Path | None, rule: ImageRule, damage: Damage | None = None
) -> str:
    """The pixels that `images.load` makes, as a PNG in a data URI, without loss. Raises ImageError."""
    path = images.resolve(question.image_path, image_root, beside)
    image = images.load(path, rule, question.image_path, change_for(damage, question.key, rule))
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", compress_level=1)  # a fifth of the time for a tenth more bytes
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
