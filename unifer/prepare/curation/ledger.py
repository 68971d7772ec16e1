"""The log of a curation run: what was sent, what came back, what the filter made of it. A killed run goes on
from it.

Its lines are those of `models.api.ledger`; a `reply` also holds the reply with the reasons of the filter,
none for a row that is kept.

Knows lines; who is asked is `asking`, what the files beside it hold is `outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unifer.models.api.asking import Sent
from unifer.models.api.ledger import RequestLedger
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


class CurationLedger:
    """The open log, as the `Journal` of a run's `Asker`, and what it says of each row."""

    def __init__(self, path: Path, memory: NearDuplicates, faces: Mapping[str, str]) -> None:
        """Read what the log holds. `faces` maps a row's id to its picture, by which `memory` remembers kept
        reasoning.

        Raises InputError for a line that no run of ours wrote.
        """
        self.rows: dict[str, RowState] = {}

        def replay(line: Json) -> None:
            self._count(line)
            if line["event"] == "reply" and not line["reasons"]:
                memory.seen(faces.get(line["id"], line["id"]), line["reasoning"])

        self.spent = RequestLedger(
            path, "is no line of a curation log; give another --out, or move this file away", replay
        )

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
        """Before the request leaves."""
        self.spent.sent({"id": key, "attempt": attempt, "try": number}, bound)

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
        request = {"id": key, "attempt": attempt, "try": number}
        self._count(
            self.spent.failed(
                request, error=error, fault=fault, bound=bound, cost=cost, seconds=seconds, final=final
            )
        )

    def replied(self, key: str, attempt: int, sent: Sent, judged: Json) -> None:
        """`judged` holds `temperature`, `reasons`, `reasoning` (of a kept reply) and `duplicate_of` (of a
        near-duplicate).
        """
        made = {
            "reply": sent.answer.text,
            "finish_reason": sent.answer.finish_reason,
            "seconds": round(sent.seconds, 3),
        }
        request = {"id": key, "attempt": attempt, "try": sent.number}
        self._count(
            self.spent.replied(request, sent.answer, bound=sent.bound, cost=sent.cost, **made, **judged)
        )

    def close(self) -> None:
        self.spent.close()
