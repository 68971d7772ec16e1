"""CoT curation: reward rows in, reasoned rows that a teacher wrote and the filter kept out.

Stopped or killed, it goes on from its log, whose lines are those of `models.api.budget`; a `reply` also
holds the reply with the reasons of the filter, none for a row that is kept. Knows the life of one row; what
a run is told is `plan`, the teacher is `teachers`, retries are `models.api.asking`, the files that are made
of the log are `outcome`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from unifer import files, runs
from unifer.dialogue import images, prompts, teaching
from unifer.dialogue.answers import grade
from unifer.dialogue.images import ImageError
from unifer.errors import InputError, Interrupted
from unifer.locks import locked
from unifer.models.api.asking import Asker, Sent, ask_all
from unifer.models.api.budget import FREE, Budget, FailedTry, RequestLedger
from unifer.models.api.requests import NoReply
from unifer.prepare.curation import outcome
from unifer.prepare.curation.filter import Known, Reason, judge
from unifer.prepare.curation.near_duplicates import NearDuplicates
from unifer.prepare.curation.outcome import CurationSummary
from unifer.prepare.curation.plan import CurationLimits, CurationPlan
from unifer.prepare.curation.teachers import Teacher
from unifer.progress import Advance
from unifer.records import Json, RewardRow

COMMAND = "data cot"
_REMEDY = "give another --out, or move that file and those beside it away, to start anew"


Progress = Callable[[int, int], AbstractContextManager[Advance]]


@dataclass(slots=True)
class RowState:
    """What the log knows of one row."""

    attempts: int = 0
    """Replies so far."""
    accepted: bool = False
    last_reasons: tuple[str, ...] = ()
    failed: str | None = None
    """The error that ended its last attempt; None once a reply came after it."""


class CurationLedger:
    """The open log, as the `Journal` of a run's `Asker`, and what it says of each row."""

    def __init__(self, path: Path, memory: NearDuplicates, faces: Mapping[str, str]) -> None:
        """Read what the log holds.

        `faces` maps a row's id to its picture, by which `memory` remembers kept reasoning. Raises InputError
        for a line that no run of ours wrote.
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
            state.accepted, state.last_reasons = not line["reasons"], tuple(line["reasons"])
        elif line["final"]:
            state.failed = line["error"]

    def state(self, key: str) -> RowState:
        return self.rows.get(key, RowState())

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Before the request leaves."""
        self.spent.sent({"id": key, "attempt": attempt, "try": number}, bound)

    def failed(self, key: str, attempt: int, number: int, why: FailedTry) -> None:
        """Try `number` brought no reply; 0: nothing was sent, there is no picture."""
        self._count(self.spent.failed({"id": key, "attempt": attempt, "try": number}, why))

    def replied(self, key: str, attempt: int, sent: Sent, judged: Json) -> None:
        """`judged` is what the filter made of the reply.

        It holds `temperature`, `reasons`, `reasoning` (of an accepted reply) and `duplicate_of` (of a
        near-duplicate).
        """
        reply = {
            "reply": sent.answer.text,
            "finish_reason": sent.answer.finish_reason,
            "seconds": round(sent.seconds, 3),
        }
        request = {"id": key, "attempt": attempt, "try": sent.number}
        self._count(
            self.spent.replied(request, sent.answer, bound=sent.bound, cost=sent.cost, **reply, **judged)
        )

    def close(self) -> None:
        self.spent.close()


def curate(
    plan: CurationPlan,
    limits: CurationLimits,
    progress: Progress,
    open_teacher: Callable[[], Teacher] | None = None,
) -> CurationSummary:
    """Ask for every row that is neither accepted nor exhausted, then write the output and the reports.

    `open_teacher` replaces the plan's own, inside the event loop. Raises InputError (another run's file, no
    image found, a teacher that cannot be reached) and Interrupted; what was answered until then is in the
    log, and the same call goes on from there.
    """
    manifest_path = runs.manifest_path(plan.out)
    with locked(plan.out):
        identity = plan.identity()
        manifest = runs.refuse_other_run(manifest_path, identity, _REMEDY) or runs.manifest(COMMAND, identity)
        _check_some_image(plan)
        files.write_json(manifest_path, manifest)
        memory = NearDuplicates(plan.filter)
        ledger = CurationLedger(
            outcome.log_path(plan.out), memory, {row.key: row.image_path for row in plan.rows}
        )
        try:
            stopped = asyncio.run(_CurationWorkers(plan, limits, ledger, memory).all(progress, open_teacher))
        except KeyboardInterrupt:
            accepted = sum(ledger.state(row.key).accepted for row in plan.rows)
            raise Interrupted(
                f"stopped; {accepted} rows are kept so far. The same command goes on from there"
            ) from None
        finally:
            ledger.close()
        summary = outcome.write(
            plan.out, plan.rows, _rewritten(plan, identity), plan.attempts, "budget" if stopped else None
        )
        manifest["context"] |= {"finished": runs.now(), "rows": summary.counts()}
        files.write_json(manifest_path, manifest)
        return summary


def _rewritten(plan: CurationPlan, identity: Json) -> outcome.Rewrite:
    run = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    about: Json = {
        "teacher": plan.teacher.name,
        "template": teaching.VERSION,
        "guided": plan.guided,
        "run": run,
    }
    if plan.template is not None:
        about["prompt"] = prompts.version(plan.template)
    return outcome.Rewrite(plan.question, about)


def _check_some_image(plan: CurationPlan) -> None:
    """One missing image is a failed row.

    All of them missing is a wrong image root, better said before a teacher is paid.
    """
    for row in plan.rows:
        try:
            if images.resolve(row.image_path, plan.image_root, plan.rows_file.parent).exists():
                return
        except ImageError:
            continue
    raise InputError(
        f"{plan.rows_file}: none of its {len(plan.rows)} images is there, such as "
        f"{plan.rows[0].image_path!r}; give --image-root the folder that holds them"
    )


class _CurationWorkers:
    """The event loop's part of a run: what becomes of an open row."""

    def __init__(
        self, plan: CurationPlan, limits: CurationLimits, ledger: CurationLedger, memory: NearDuplicates
    ) -> None:
        self._plan, self._limits, self._ledger, self._memory = plan, limits, ledger, memory

    async def all(self, progress: Progress, open_teacher: Callable[[], Teacher] | None) -> bool:
        """Ask for all open rows. True where the budget ended first."""
        todo = [row for row in self._plan.rows if not self._done(row)]
        if not todo:
            return False
        limits = self._limits
        budget = Budget(
            limits.max_requests,
            limits.max_cost,
            requests=self._ledger.spent.requests,
            cost=self._ledger.spent.cost,
        )
        teacher = open_teacher() if open_teacher else await self._plan.teacher.open()
        prices = limits.prices or FREE
        asker = Asker(
            teacher,
            budget,
            self._ledger,
            max_tokens=self._plan.teacher.max_tokens,
            retries=limits.retries,
            prices=prices,
        )
        try:
            with progress(len(self._plan.rows), len(self._plan.rows) - len(todo)) as advance:

                async def one(row: RewardRow) -> None:
                    await self._row(row, teacher, asker)
                    advance()

                return await ask_all(todo, one, self._plan.teacher.max_connections)
        finally:
            await teacher.close()

    def _done(self, row: RewardRow) -> bool:
        state = self._ledger.state(row.key)
        return state.accepted or state.attempts >= self._plan.attempts

    async def _row(self, row: RewardRow, teacher: Teacher, asker: Asker) -> None:
        plan, state = self._plan, self._ledger.state(row.key)
        try:
            path = images.resolve(row.image_path, plan.image_root, plan.rows_file.parent)
            picture = await asyncio.to_thread(teacher.picture, path, row.image_path)
        except ImageError as error:
            self._ledger.failed(row.key, state.attempts + 1, 0, FailedTry(str(error), "image"))
            return
        reasons = state.last_reasons
        for attempt in range(state.attempts + 1, plan.attempts + 1):
            sent = await asker.ask(
                row.key, attempt, plan.prompt(row, reasons), picture, plan.temperature_at(attempt)
            )
            if isinstance(sent, NoReply):
                return
            reasons = self._judged(row, attempt, sent)
            if not reasons:
                return

    def _judged(self, row: RewardRow, attempt: int, sent: Sent) -> tuple[Reason, ...]:
        known, answer = Known.of(row), sent.answer
        reasons = judge(answer.text, known, self._plan.filter, answer.finish_reason)
        judged: Json = {"temperature": self._plan.temperature_at(attempt)}
        if not reasons:
            judged["reasoning"] = grade(answer.text, known.candidate_labels).reasoning
            earlier = self._memory.seen(row.image_path, judged["reasoning"])
            if earlier is not None:
                reasons, judged["duplicate_of"] = ("near_duplicate",), earlier
        judged["reasons"] = list(reasons)
        self._ledger.replied(row.key, attempt, sent, judged)
        return reasons
