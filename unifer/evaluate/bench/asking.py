"""One model's questions over all of its datasets in one stream, and its lines in the ledger.

Pictures are made, requests sent side by side, each row is kept as it comes. Knows questions, rows and one
model that is up; starting servers and losing models is `running`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.dialogue import prompts
from unifer.errors import reporting_full_disk
from unifer.evaluate.bench.cells import BenchCell
from unifer.evaluate.bench.entries import ModelEntry
from unifer.evaluate.inference.outputs import Output
from unifer.evaluate.voting import prediction_of, vote_key
from unifer.models.api.asking import Asker, Sent, ask_all
from unifer.models.api.budget import Budget, BudgetSpent, FailedTry, RequestLedger
from unifer.models.api.client import ApiSpec
from unifer.models.api.requests import ReadyModel
from unifer.models.engines import Reply
from unifer.records import Json, Prediction, Question

NAME = "requests.jsonl"
"""The ledger in a log folder."""

Work = Sequence[tuple[BenchCell, Output]]
"""Cells of one model with their open results files."""


@dataclass(frozen=True)
class BenchLimits:
    """What may be spent over all runs into one log folder, and how often a failed request is sent again."""

    max_requests: int | None = None
    max_cost: float | None = None
    """US dollars."""
    retries: int = 4


def api_spec(entry: ModelEntry, url: str | None = None) -> ApiSpec:
    """How to reach `entry`; `url` is that of a server which was started for it."""
    settings = entry.generation
    return ApiSpec(
        model=entry.provider or (entry.name if url else entry.served),
        url=url or entry.url,
        key_variable=entry.key if entry.url else None,
        max_tokens=settings.max_tokens,
        top_p=settings.top_p,
        timeout=entry.timeout,
        max_connections=entry.max_connections,
        style=entry.prompt_style,
        more=settings.more,
        flag="provider" if entry.provider else "url",
        remedy="check its entry in the models file: provider, or served and the URL's /v1",
    )


def open_ledger(path: Path) -> RequestLedger:
    """The ledger of a log folder. Raises InputError for a line that is none of ours."""
    return RequestLedger(path, "is no line of a benchmark's requests; give another --log-dir")


class Questioning:
    """Asks one model that is up, with an asker of its own, whose journal it is too.

    So waits and failures of one model are none of another's.
    """

    def __init__(
        self,
        entry: ModelEntry,
        work: Work,
        model: ReadyModel,
        budget: Budget,
        ledger: RequestLedger,
        retries: int,
    ) -> None:
        self._entry, self._work, self._ledger = entry, work, ledger
        self._cells = {cell.title: cell for cell, _ in work}
        self._asker = Asker(
            model,
            budget,
            self,
            max_tokens=entry.generation.max_tokens,
            retries=retries,
            prices=work[0][0].prices,
            called="server",
            again="--retry-failed asks them again",
        )

    async def all(self) -> None:
        """Ask every open question.

        Raises what `Asker.ask` raises; BudgetSpent once the answers under way are in, for they are paid.
        """
        if await ask_all(self._todo(), self._one, self._entry.max_connections):
            raise BudgetSpent

    def _todo(self) -> Iterator[tuple[BenchCell, Output, Question]]:
        for cell, output in self._work:
            todo = output.todo()
            if todo:
                cell.state, cell.started = "asking", time.monotonic()
            for question in todo:
                yield cell, output, question

    async def _one(self, work: tuple[BenchCell, Output, Question]) -> None:
        cell, output, question = work
        try:
            prompts.check_prompt(question.prompt)
            picture = await asyncio.to_thread(self._picture, question, output)
        except ValueError as error:
            self._record(cell, output, Prediction(question, "", error=str(error)))
            return
        votes = output.plan.votes
        replies: list[Reply] = []
        while len(replies) < votes and not (replies and replies[-1].error):
            replies.append(await self._vote(cell, question, picture, len(replies)))
        self._record(cell, output, prediction_of(question, replies, votes))

    async def _vote(self, cell: BenchCell, question: Question, picture: str, vote: int) -> Reply:
        """One reply to a question; in the ledger without its text, which goes into the results file."""
        key = f"{cell.title}/{vote_key(question.key, vote)}"
        temperature, start = self._entry.generation.temperature, question.reply_start or ""
        sent = await self._asker.ask(key, 1, question.prompt, picture, temperature, start)
        if not isinstance(sent, Sent):
            return Reply(key, error=str(sent))
        answer = sent.answer
        cell.count_answer(sent.cost, answer.tokens_in, answer.tokens_out)
        self._ledger.replied(self._request(key, sent.number), answer, bound=sent.bound, cost=sent.cost)
        reason = _finish_reason(answer.finish_reason)
        return Reply(key, answer.text, reason, answer.tokens_in, answer.tokens_out)

    def _picture(self, question: Question, output: Output) -> str:
        from unifer.evaluate.harness.tasks import picture_uri

        plan = output.plan
        beside, rule = plan.questions_file.parent, self._entry.image_rule
        return picture_uri(question, beside, plan.image_root, rule, plan.damage)

    def _record(self, cell: BenchCell, output: Output, prediction: Prediction) -> None:
        with reporting_full_disk(output.plan.out):
            if output.record(prediction):
                cell.count(prediction)

    def _request(self, key: str, number: int) -> Json:
        return {"model": self._entry.name, "id": key, "try": number}

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Before try `number` leaves."""
        self._ledger.sent(self._request(key, number), bound)
        self._cells[key.partition("/")[0]].requests += 1

    def failed(self, key: str, attempt: int, number: int, why: FailedTry) -> None:
        """Try `number` brought no reply."""
        self._ledger.failed(self._request(key, number), why)


def _finish_reason(stop: str | None) -> str | None:
    """As our rows call it: inspect's `max_tokens` is `length`."""
    from unifer.evaluate.harness.translation import finish_reason

    return finish_reason(stop or "unknown")  # type: ignore[arg-type]
