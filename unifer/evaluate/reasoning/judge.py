"""Ask another model how well the reasoning of replies agrees with references; answers go to disk.

A question is done with after a score, or after three attempts that bring none: then its score is null, with
the fault, and never 0. A refused key, an unknown model or a server out of reach ends the run. Killed or
stopped, the same call goes on and asks nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unifer import files, runs
from unifer.append_log import AppendLog
from unifer.dialogue.images import ImageError
from unifer.errors import InputError, Interrupted
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning import rubric
from unifer.evaluate.reasoning.marks import Judgement, judged_path, read_rows, reasoning_of
from unifer.locks import locked
from unifer.models.api.asking import Asker, Journal, ask_all
from unifer.models.api.budget import Budget, FailedTry
from unifer.models.api.client import ApiModel, ApiSpec
from unifer.models.api.requests import NoReply, ReadyModel
from unifer.records import Json

ATTEMPTS = 3
MAX_TOKENS = 1024
"""A reasoning judge thinks before its one line."""
KEY_VARIABLE = "UNIFER_JUDGE_API_KEY"
"""Environment variable that holds the key of a judge given by its URL."""
_REMEDY = "give --overwrite to move the scores of the other judge aside"
_WHY = 300
"""Characters of a judge's reason, and of a reply that could not be read, that are kept."""

Picture = Callable[[Graded], str]
"""A data URI of the face. Raises ImageError."""
Progress = Callable[[int, int], AbstractContextManager[Callable[[int], None]]]


class Closing(ReadyModel, Protocol):
    """A judge that is ready to be asked, and lets its connections go."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Task:
    """One run to be judged: its graded rows, and the judge.

    With `picture` the judge is shown each face as well.
    """

    predictions: Path
    graded: tuple[Graded, ...]
    spec: ApiSpec
    picture: Picture | None = None

    def identity(self) -> Json:
        """What the scores of one file have in common. Where a URL leads may change."""
        judge = {
            "model": self.spec.model,
            "rubric": rubric.VERSION,
            "pictured": self.picture is not None,
            "max_tokens": self.spec.max_tokens,
        }
        return {"predictions": self.predictions.name, "judge": judge}


@dataclass(frozen=True)
class JudgeSummary:
    """Counts of questions with a reference and some reasoning, earlier starts included."""

    out: Path
    to_judge: int
    before: int
    judged: int
    failed: int
    first_error: str | None

    @property
    def open(self) -> int:
        return self.to_judge - self.judged - self.failed


def judge(
    task: Task,
    progress: Progress,
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
    open_judge: Callable[[], Closing] | None = None,
    make_asker: Callable[[ReadyModel, Journal], Asker] | None = None,
) -> JudgeSummary:
    """Ask about every question with a reference and reasoning that has no score yet.

    `open_judge` and `make_asker` replace the task's own, inside the event loop. Raises InputError (nothing to
    judge, the scores of another judge, a judge that cannot be reached) and Interrupted; what was answered
    until then is in the file.
    """
    asked = [
        row for row in task.graded if row.prediction.question.reference is not None and reasoning_of(row)
    ]
    if not asked:
        raise InputError(
            f"{task.predictions}: nothing to judge; a question needs a reference "
            "(its description), and its reply some reasoning"
        )
    out = judged_path(task.predictions)
    manifest_path = runs.manifest_path(out)
    with locked(out):
        if overwrite:
            files.move_aside(out, manifest_path)
        manifest = runs.refuse_other_run(manifest_path, task.identity(), _REMEDY) or runs.manifest(
            "judge", task.identity()
        )
        files.write_json(manifest_path, manifest)
        done = {
            key: row
            for key, row in read_rows(out).items()
            if not (row.worth_asking_again or (retry_failed and row.score is None))
        }
        todo = [row for row in asked if not _is_done(row, done)]
        with AppendLog(out) as log:
            run = _JudgeWorkers(task, log, make_asker or _asker)
            try:
                asyncio.run(run.all(todo, progress, len(asked), open_judge or (lambda: ApiModel(task.spec))))
            except KeyboardInterrupt:
                raise Interrupted(
                    f"stopped; {out.name} keeps what was judged. The same command goes on from there"
                ) from None
        summary = _summary(out, asked, len(asked) - len(todo))
        manifest["context"] |= {
            "finished": runs.now(),
            "rows": {"judged": summary.judged, "failed": summary.failed, "open": summary.open},
        }
        files.write_json(manifest_path, manifest)
        return summary


def _is_done(row: Graded, done: dict[str, Judgement]) -> bool:
    found = done.get(row.prediction.question.key)
    return found is not None and found.of == _digest(row)


def _digest(row: Graded) -> str:
    return rubric.digest(reasoning_of(row), row.prediction.question.reference or "")


def _summary(out: Path, asked: Sequence[Graded], before: int) -> JudgeSummary:
    rows = read_rows(out)
    found = [
        judgement
        for row in asked
        if (judgement := rows.get(row.prediction.question.key)) and judgement.of == _digest(row)
    ]
    failed = [judgement for judgement in found if judgement.score is None]
    first = f"{failed[0].key}: {failed[0].error or failed[0].fault}" if failed else None
    return JudgeSummary(out, len(asked), before, len(found) - len(failed), len(failed), first)


def _asker(model: ReadyModel, journal: Journal) -> Asker:
    return Asker(
        model, Budget(None, None), journal, max_tokens=MAX_TOKENS, retries=ATTEMPTS - 1, called="judge"
    )


class _JudgeWorkers:
    """The event loop's part: what becomes of an open row. It is the asker's journal too."""

    def __init__(
        self, task: Task, log: AppendLog, make_asker: Callable[[ReadyModel, Journal], Asker]
    ) -> None:
        self._task, self._log, self._make_asker = task, log, make_asker
        self._digests: dict[str, str] = {}

    async def all(
        self, todo: Sequence[Graded], progress: Progress, total: int, open_judge: Callable[[], Closing]
    ) -> None:
        if not todo:
            return
        model = open_judge()
        asker = self._make_asker(model, self)
        try:
            with progress(total, total - len(todo)) as advance:

                async def one(row: Graded) -> None:
                    judgement = await self._judged(row, asker)
                    if judgement is not None:
                        self._log.append(judgement.to_json())
                    advance(1)

                await ask_all(
                    todo, one, self._task.spec.max_connections, ahead=0
                )  # a question to the judge takes no time to make
        finally:
            await model.close()

    async def _judged(self, row: Graded, asker: Asker) -> Judgement | None:
        """The judgement of one reply; None where the asker had no reply, and has said so (`failed`)."""
        question, reasoning = row.prediction.question, reasoning_of(row)
        self._digests[question.key] = _digest(row)
        picture = None
        if self._task.picture is not None:
            try:
                picture = await asyncio.to_thread(self._task.picture, row)
            except ImageError as error:
                return self._without(question.key, "image", str(error))
        prompt = rubric.prompt(reasoning, question.reference or "", pictured=picture is not None)
        mark, said = rubric.Mark(None), ""
        for attempt in range(1, ATTEMPTS + 1):
            sent = await asker.ask(question.key, attempt, prompt, picture, 0.0)
            if isinstance(sent, NoReply):
                return None
            said = sent.answer.text
            mark = rubric.read(said, filtered=sent.answer.finish_reason == "content_filter")
            if mark.score is not None:
                return Judgement(question.key, self._digests[question.key], mark.score, mark.why[:_WHY])
        return self._without(question.key, str(mark.misfit), f"the judge said {said[:_WHY]!r}")

    def _without(self, key: str, fault: str, error: str) -> Judgement:
        return Judgement(key, self._digests[key], None, fault=fault, error=error)

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Nothing to note: there is no budget to charge."""

    def failed(self, key: str, attempt: int, number: int, why: FailedTry) -> None:
        """A request that brought no reply, and is not sent again, leaves its question without a score."""
        if why.final:
            self._log.append(self._without(key, why.fault, why.error).to_json())
