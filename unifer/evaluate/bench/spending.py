"""The requests of one model in the ledger that all runs into a log folder share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unifer.models.api.asking import Sent
from unifer.models.api.budget import RequestLedger

NAME = "requests.jsonl"


def open_ledger(path: Path) -> RequestLedger:
    """The ledger of a log folder. Raises InputError for a line that is none of ours."""
    return RequestLedger(path, "is no line of a benchmark's requests; give another --log-dir")


class ModelJournal:
    """The lines of one model, for its `Asker`; `sent_one` is told of the key of each request that leaves."""

    def __init__(self, ledger: RequestLedger, model: str, sent_one: Callable[[str], None]) -> None:
        self._ledger, self._model, self._sent_one = ledger, model, sent_one

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Before the request leaves."""
        self._ledger.sent({"model": self._model, "id": key, "try": number}, bound)
        self._sent_one(key)

    def failed(
        self,
        key: str,
        attempt: int,
        number: int,
        *,
        error: str,
        fault: str,
        bound: float,
        cost: float,
        seconds: float,
        final: bool,
    ) -> None:
        """Try `number` brought no reply."""
        request = {"model": self._model, "id": key, "try": number}
        self._ledger.failed(
            request, error=error, fault=fault, bound=bound, cost=cost, seconds=seconds, final=final
        )

    def replied(self, key: str, sent: Sent) -> None:
        """A reply came; its text is in the results file."""
        self._ledger.replied(
            {"model": self._model, "id": key, "try": sent.number},
            sent.answer,
            bound=sent.bound,
            cost=sent.cost,
        )
