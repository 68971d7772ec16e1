"""The log of a curation run: what was sent, what came back, what the filter made of it. A killed run goes on from it.

Append-only JSONL, three kinds of lines told apart by `event`:
- `sent`: a request is about to leave; `bound` is what it can cost. One without a line after it was under way when the run was killed,
  and counts against the budget as if it had cost its bound.
- `failed`: that request brought no reply; `final` where it was not tried again.
- `reply`: a reply with the reasons of the filter; none means that the row is kept.

Knows lines; who is asked is `asking`, what the files beside it hold is `outcome`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unifer import files
from unifer.errors import InputError
from unifer.models.api.requests import Answer
from unifer.prepare.curation.near_duplicates import NearDuplicates
from unifer.records import Json


@dataclass(slots=True)
class RowState:
    """What the log knows of one row."""

    attempts: int = 0
    """Replies so far."""
    kept: bool = False
    last_reasons: tuple[str, ...] = ()
    failed: str | None = None
    """The error that ended its last attempt; None once a reply came after it."""


@dataclass(slots=True)
class Spent:
    """What earlier runs sent and paid (dollars)."""

    requests: int = 0
    cost: float = 0.0
    under_way: dict[tuple[str, int, int], float] = field(default_factory=dict)


class Ledger:
    """The open log. One event loop writes it."""

    def __init__(self, path: Path, memory: NearDuplicates, faces: Mapping[str, str]) -> None:
        """Read what the log holds. `faces` maps a row's id to its picture, by which `memory` remembers kept reasoning.

        Raises InputError for a line that no run of ours wrote.
        """
        self._log = files.AppendLog(path)
        self.rows: dict[str, RowState] = {}
        spent = Spent()
        for number, line in read_log(path):
            try:
                self._replay(line, spent)
                if line["event"] == "reply" and not line["reasons"]:
                    memory.seen(faces.get(line["id"], line["id"]), line["reasoning"])
            except (KeyError, TypeError, AttributeError):
                raise InputError.at(path, number, "is no line of a curation log; give another --out, or move this file away") from None
        self.requests = spent.requests
        self.cost = spent.cost + sum(spent.under_way.values())

    def _replay(self, line: Json, spent: Spent) -> None:
        request = (line["id"], line["attempt"], line["try"])
        if line["event"] == "sent":
            spent.requests += 1
            spent.under_way[request] = spent.under_way.get(request, 0.0) + line["bound"]
            return
        bound = spent.under_way.pop(request, 0.0)
        # The same try of a killed run stays charged with its bound beside that of the run that sent it again.
        spent.cost += line["cost"] + max(0.0, bound - line["bound"])
        self._count(line)

    def _count(self, line: Json) -> None:
        state = self.rows.setdefault(line["id"], RowState())
        if line["event"] == "reply":
            state.attempts, state.failed = line["attempt"], None
            state.kept, state.last_reasons = not line["reasons"], tuple(line["reasons"])
        elif line["final"]:
            state.failed = line["error"]

    def state(self, key: str) -> RowState:
        return self.rows.get(key, RowState())

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Before the request leaves, so that no kill hides it from the budget."""
        self._log.append({"event": "sent", "id": key, "attempt": attempt, "try": number, "bound": bound})

    def failed(
        self,
        key: str,
        attempt: int,
        number: int,
        *,
        error: str,
        fault: str,
        bound: float = 0.0,
        cost: float = 0.0,
        seconds: float = 0.0,
        final: bool = True,
    ) -> None:
        """Try `number` brought no reply; 0: nothing was sent, there is no picture."""
        request = {"event": "failed", "id": key, "attempt": attempt, "try": number, "error": error, "fault": fault}
        self._append(request | {"bound": bound, "cost": cost, "seconds": round(seconds, 3), "final": final})

    def reply(self, key: str, attempt: int, number: int, *, answer: Answer, found: Json, bound: float, cost: float, seconds: float) -> None:
        """`found` holds `temperature`, `reasons`, `reasoning` (of a kept reply) and `duplicate_of` (of a near-duplicate)."""
        made = {"event": "reply", "id": key, "attempt": attempt, "try": number, "reply": answer.text, "finish_reason": answer.finish_reason}
        counted = {
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "bound": bound,
            "cost": cost,
            "seconds": round(seconds, 3),
        }
        self._append(made | found | counted)

    def _append(self, line: Json) -> None:
        self._log.append(line)
        self._count(line)

    def close(self) -> None:
        self._log.close()


def read_log(path: Path) -> Iterator[tuple[int, Json]]:
    """(line number, line) of a log; nothing if it is missing or empty."""
    if path.exists() and path.stat().st_size:
        yield from files.read_rows(path)
