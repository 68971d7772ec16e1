"""What a benchmark has sent and paid, over all runs into the same log folder: an append-only file that no kill can hide a request from.

Three kinds of lines: `sent` before a request leaves, with what it can cost at most; `failed` and `reply` after it, with what it did cost.
A `sent` without a line after it was under way when the run was killed, and counts as if it had cost its bound. Knows no replies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.evaluate.inference.outputs import reporting_full_disk
from unifer.models.api.asking import Sent

NAME = "requests.jsonl"


class Spending:
    """The open file. `requests` and `cost` (dollars) are what earlier runs spent. Raises InputError for a line that is none of ours."""

    def __init__(self, path: Path) -> None:
        self.requests, self.cost = 0, 0.0
        self._log = files.AppendLog(path)  # cuts a torn last line, so it opens before the file is read
        under_way = 0.0
        for number, line in files.read_rows(path) if path.stat().st_size else ():
            try:
                if line["event"] == "sent":
                    self.requests += 1
                    under_way += line["bound"]
                else:
                    under_way -= line["bound"]
                    self.cost += line["cost"]
            except (KeyError, TypeError):
                self._log.close()
                raise InputError.at(path, number, "is no line of a benchmark's requests; give another --log-dir") from None
        self.cost += max(0.0, under_way)

    def append(self, line: dict[str, Any]) -> None:
        """Write one line. Raises InputError: the disk is full."""
        with reporting_full_disk(self._log.path):
            self._log.append(line)

    def close(self) -> None:
        self._log.close()


class Journal:
    """The lines of one model, for its `Asker`; `sent_one` is told of the key of each request that leaves."""

    def __init__(self, spending: Spending, model: str, sent_one: Callable[[str], None]) -> None:
        self._spending, self._model, self._sent_one = spending, model, sent_one

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Before the request leaves."""
        self._spending.append({"event": "sent", "model": self._model, "id": key, "try": number, "bound": bound})
        self._sent_one(key)

    def failed(
        self, key: str, attempt: int, number: int, *, error: str, fault: str, bound: float, cost: float, seconds: float, final: bool
    ) -> None:
        """Try `number` brought no reply."""
        line = {"event": "failed", "model": self._model, "id": key, "try": number, "fault": fault, "error": error}
        self._spending.append(line | {"bound": bound, "cost": cost, "seconds": round(seconds, 3), "final": final})

    def replied(self, key: str, sent: Sent) -> None:
        """A reply came; its text is in the results file."""
        line = {"event": "reply", "model": self._model, "id": key, "try": sent.number, "bound": sent.bound, "cost": sent.cost}
        self._spending.append(line | {"tokens_in": sent.answer.tokens_in, "tokens_out": sent.answer.tokens_out})
