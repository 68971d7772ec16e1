"""One model's questions, over all of its datasets in one stream: pictures made, requests sent side by side,
each row kept as it comes.

Knows questions, rows and one model that is up; starting servers and losing models is `running`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unifer.dialogue import prompts
from unifer.errors import reporting_full_disk
from unifer.evaluate.bench.cells import BenchCell
from unifer.evaluate.bench.entries import ModelEntry
from unifer.evaluate.bench.spending import ModelJournal
from unifer.evaluate.inference.outputs import Output
from unifer.models.api.asking import Asker, Sent, ask_all
from unifer.models.api.budget import FREE, Budget, BudgetSpent, RequestLedger
from unifer.models.api.client import ApiModel, ApiSpec
from unifer.models.api.requests import ReadyModel
from unifer.records import Prediction, Question


@dataclass(frozen=True)
class BenchLimits:
    """What may be spent, over all runs into the same log folder, and how often a failed request is sent
    again.
    """

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


class Questioning:
    """Asks one model that is up. `work` holds its open results files, each with its cell."""

    def __init__(
        self, entry: ModelEntry, work: Sequence[tuple[BenchCell, Output]], asker: Asker, journal: ModelJournal
    ) -> None:
        self._entry, self._work, self._asker, self._journal = entry, work, asker, journal

    @classmethod
    def of(
        cls,
        entry: ModelEntry,
        work: Sequence[tuple[BenchCell, Output]],
        model: ReadyModel,
        budget: Budget,
        spending: RequestLedger,
        retries: int,
    ) -> Questioning:
        """With an asker of its own: waits and failures of one model are none of another's."""
        cells = {cell.asked.spec.name: cell for cell, _ in work}

        def sent(key: str) -> None:
            cells[key.partition("/")[0]].requests += 1

        journal = ModelJournal(spending, entry.name, sent)
        prices = entry.prices if entry.prices is not None and entry.hosted else FREE
        asker = Asker(
            model,
            budget,
            journal,
            max_tokens=entry.generation.max_tokens,
            retries=retries,
            prices=prices,
            called="server",
            again="--retry-failed asks them again",
        )
        return cls(entry, work, asker, journal)

    async def all(self) -> None:
        """Ask every open question. Raises what `Asker.ask` raises; BudgetSpent once the answers under way are
        in, for they are paid.
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
        key = f"{cell.asked.spec.name}/{question.key}"
        found = await self._asker.ask(key, 1, question.prompt, picture, self._entry.generation.temperature)
        if isinstance(found, Sent):
            answer = found.answer
            cell.answered(found.cost, answer.tokens_in, answer.tokens_out)
            reason = finish_reason(answer.finish_reason)
            self._record(
                cell,
                output,
                Prediction(question, answer.text, None, reason, answer.tokens_in, answer.tokens_out),
            )
            self._journal.replied(key, found)
        else:
            self._record(cell, output, Prediction(question, "", error=str(found)))

    def _picture(self, question: Question, output: Output) -> str:
        from unifer.evaluate.harness.tasks import picture_uri

        return picture_uri(
            question, output.plan.questions_file.parent, output.plan.image_root, self._entry.image_rule
        )

    def _record(self, cell: BenchCell, output: Output, prediction: Prediction) -> None:
        with reporting_full_disk(output.plan.out):
            if output.record(prediction):
                cell.count(prediction)


def finish_reason(stop: str | None) -> str | None:
    """As our rows call it: inspect's `max_tokens` is `length`."""
    from unifer.evaluate.harness import outputs

    return outputs.finish_reason(stop or "unknown")  # type: ignore[arg-type]


def open_model(entry: ModelEntry, url: str | None) -> ApiModel:
    """Ready to be asked. Raises InputError: no such provider, its package or its key missing."""
    return ApiModel(api_spec(entry, url))
