"""What requests were sent and what they cost, over all runs into one append-only file: no kill can hide a
request from the budget.

Three kinds of lines, told apart by `event`: `sent` before a request leaves, with the `bound` of what it can
cost; `failed` or `reply` after it, with what it did cost. A `sent` without a line after it was under way when
the run was killed, and counts as if it had cost its bound.

Knows what the lines have in common; who is asked, and what else a line says, the caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from unifer import files
from unifer.errors import InputError, reporting_full_disk
from unifer.models.api.requests import Answer
from unifer.records import Json


class RequestLedger:
    """The open file; one event loop writes it. `requests` and `cost` (dollars) are what earlier runs
    spent.
    """

    def __init__(
        self, path: Path, mistaken: str, replay: Callable[[Json], object] = lambda line: None
    ) -> None:
        """Read what the file holds; `replay` sees each line that ends a request.

        Raises InputError for a line that no run of ours wrote, with `mistaken`: what it is not, and what to
        do.
        """
        self.requests, self.cost = 0, 0.0
        self._log = files.AppendLog(path)  # cuts a torn last line, so it opens before the file is read
        under_way = 0.0
        for number, line in read_log(path):
            try:
                if line["event"] == "sent":
                    self.requests += 1
                    under_way += line["bound"]
                else:
                    # A try that a killed run left under way stays charged beside that of the run which sent
                    # it again.
                    under_way -= line["bound"]
                    self.cost += line["cost"]
                    replay(line)
            except (KeyError, TypeError, AttributeError):
                self._log.close()
                raise InputError.at(path, number, mistaken) from None
        self.cost += max(0.0, under_way)

    def sent(self, request: Json, bound: float) -> None:
        """The try that `request` names is about to leave, and can cost `bound` dollars. Raises InputError:
        the disk is full.
        """
        self._append("sent", request, {"bound": bound})

    def failed(
        self, request: Json, *, error: str, fault: str, bound: float, cost: float, seconds: float, final: bool
    ) -> Json:
        """That try brought no reply; `final` where it is not sent again. Returns the line."""
        told = {
            "error": error,
            "fault": fault,
            "bound": bound,
            "cost": cost,
            "seconds": round(seconds, 3),
            "final": final,
        }
        return self._append("failed", request, told)

    def replied(self, request: Json, answer: Answer, *, bound: float, cost: float, **more: object) -> Json:
        """A reply came; `more` is what else its line keeps of it. Returns the line."""
        counted = {
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "bound": bound,
            "cost": cost,
        }
        return self._append("reply", request, more | counted)

    def _append(self, event: str, request: Json, more: Json) -> Json:
        line = {"event": event} | request | more
        with reporting_full_disk(self._log.path):
            self._log.append(line)
        return line

    def close(self) -> None:
        self._log.close()


def read_log(path: Path) -> Iterator[tuple[int, Json]]:
    """(line number, line) of a ledger; nothing if it is missing or empty."""
    if path.exists() and path.stat().st_size:
        yield from files.read_rows(path)
