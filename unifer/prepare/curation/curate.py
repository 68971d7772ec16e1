"""CoT curation: reward rows in, reasoned rows that a teacher wrote and the filter kept out. Stopped or
killed, it goes on where it was.

Knows the plan of a run and the life of one row; the teacher is `teachers`, retries are `asking`, the log is
`ledger`, the files that are made of it are `outcome`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from unifer import files, runs
from unifer.dialogue import images, prompts, teaching
from unifer.dialogue.answers import grade
from unifer.dialogue.images import ImageError
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError, Interrupted
from unifer.locks import locked
from unifer.models.api.asking import Asker, Sent, ask_all
from unifer.models.api.budget import FREE, Budget, Prices
from unifer.models.api.requests import NoReply
from unifer.prepare.curation import outcome
from unifer.prepare.curation.filter import FilterSettings, Known, Reason, judge
from unifer.prepare.curation.ledger import CurationLedger
from unifer.prepare.curation.near_duplicates import NearDuplicates
from unifer.prepare.curation.outcome import CurationSummary
from unifer.prepare.curation.teachers import Teacher, TeacherSpec
from unifer.progress import Advance
from unifer.records import Json, RewardRow

COMMAND = "data cot"
_REMEDY = "give another --out, or move that file and those beside it away, to start anew"


Progress = Callable[[int, int], AbstractContextManager[Advance]]


@dataclass(frozen=True)
class CurationLimits:
    """What may be spent, over all runs into the same file, and how often a failed request is sent again."""

    max_requests: int | None = None
    max_cost: float | None = None
    """US dollars; needs `prices`."""
    prices: Prices | None = None
    retries: int = 4

    def __post_init__(self) -> None:
        if self.max_cost is not None and self.prices is None:
            raise ValueError(
                "--max-cost needs to know what tokens cost: give --price-in and --price-out, US "
                "dollars per million tokens"
            )
        for name in ("max_requests", "max_cost", "retries"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} {getattr(self, name)} must not be negative")


@dataclass(frozen=True)
class CurationPlan:
    """One run: which rows, which teacher, how often and how warm it is asked, what is kept."""

    rows_file: Path
    rows: tuple[RewardRow, ...]
    out: Path
    teacher: TeacherSpec
    filter: FilterSettings = field(default_factory=FilterSettings)
    image_root: Path | None = None
    template: str | None = None
    """Template of the question that the student will see; None keeps each row's own `problem`."""
    guided: bool = True
    attempts: int = 3
    temperature: float = 0.7
    temperature_step: float = 0.15
    """Added at each further attempt, up to 1, which is the most that every provider takes."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts {self.attempts} must be at least 1")
        if not 0 <= self.temperature <= 1 or self.temperature_step < 0:
            raise ValueError(
                "temperature "
                f"{self.temperature} must be from 0 to 1, and its step {self.temperature_step} not "
                "negative"
            )

    def identity(self) -> Json:
        """What every row of the output was made with. Limits and how many rows are asked may change from run
        to run.
        """
        return {
            "rows": runs.describe_file(self.rows_file),
            "teacher": self.teacher.identity(),
            "teacher_prompt": teaching.VERSION,
            "template": self.template and prompts.version(self.template),
            "guided": self.guided,
            "attempts": self.attempts,
            "temperature": [self.temperature, self.temperature_step],
            "filter": self.filter.to_json(),
        }

    def question(self, row: RewardRow) -> str:
        """What the student is asked about this face; nothing of the guidance is in it."""
        if self.template is None:
            return row.problem
        return prompts.question(
            self.template, vocabulary(row) if prompts.TEMPLATES[self.template].needs_labels else ()
        )

    def temperature_at(self, attempt: int) -> float:
        return min(1.0, self.temperature + (attempt - 1) * self.temperature_step)

    def prompt(self, row: RewardRow, reasons: Sequence[str]) -> str:
        """What the teacher is asked, given why its last reply was not kept."""
        guidance = (row.label, row.action_units) if self.guided else (None, None)
        return teaching.corrected_prompt(teaching.teacher_prompt(self.question(row), *guidance), reasons)


def read_plan_rows(path: Path, limit: int | None, template: str | None) -> tuple[RewardRow, ...]:
    """The reward rows of `path`, keys unique. Raises InputError: unreadable rows, or such as `template`
    cannot ask.
    """

    def parse(raw: object) -> RewardRow:
        row = RewardRow.from_json(raw)
        labels = vocabulary(row)
        if template is not None and prompts.TEMPLATES[template].needs_labels and not labels:
            raise ValueError(
                "the row knows AUs alone, and the template "
                f"{template!r} asks for a label; use --template action-units"
            )
        return row

    if template is not None and "<answer>" not in prompts.TEMPLATES[_known(template)].text:
        raise InputError(
            f"--template {template} asks for no think and answer blocks, so no reply to it could be judged"
        )
    rows = tuple(files.read_records(path, parse, key=lambda row: row.key))
    if not rows:
        raise InputError(f"{path}: holds no rows; a reward row has image_path, problem and solution")
    return rows[:limit]


def _known(template: str) -> str:
    prompts.version(template)
    return template


def curate(
    plan: CurationPlan,
    limits: CurationLimits,
    progress: Progress,
    open_teacher: Callable[[], Teacher] | None = None,
) -> CurationSummary:
    """Ask for every row that is neither kept nor exhausted, then write the output, what was rejected, and the
    reports.

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
            kept = sum(ledger.state(row.key).kept for row in plan.rows)
            raise Interrupted(
                f"stopped; {kept} rows are kept so far. The same command goes on from there"
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
    made: Json = {
        "teacher": plan.teacher.name,
        "template": teaching.VERSION,
        "guided": plan.guided,
        "run": run,
    }
    if plan.template is not None:
        made["prompt"] = prompts.version(plan.template)
    return outcome.Rewrite(plan.question, made)


def _check_some_image(plan: CurationPlan) -> None:
    """One missing image is a failed row; all of them missing is a wrong image root, better said before a
    teacher is paid.
    """
    for row in plan.rows:
        try:
            if images.resolve(row.image_path, plan.image_root, plan.rows_file.parent).exists():
                return
        except ImageError:
            continue
    raise InputError(
        f"{plan.rows_file}: none of its {len(plan.rows)} images is there, such as "
        f"{plan.rows[0].image_path!r}; give "
        "--image-root the folder that holds them"
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
        return state.kept or state.attempts >= self._plan.attempts

    async def _row(self, row: RewardRow, teacher: Teacher, asker: Asker) -> None:
        plan, state = self._plan, self._ledger.state(row.key)
        try:
            path = images.resolve(row.image_path, plan.image_root, plan.rows_file.parent)
            picture = await asyncio.to_thread(teacher.picture, path, row.image_path)
        except ImageError as error:
            self._ledger.failed(row.key, state.attempts + 1, 0, error=str(error), fault="image")
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
        known = Known(row.label and _spelled(row), vocabulary(row), row.action_units)
        answer = sent.answer
        reasons = judge(answer.text, known, self._plan.filter, answer.finish_reason)
        found: Json = {"temperature": self._plan.temperature_at(attempt)}
        if not reasons:
            found["reasoning"] = grade(answer.text, known.candidate_labels).reasoning
            earlier = self._memory.seen(row.image_path, found["reasoning"])
            if earlier is not None:
                reasons, found["duplicate_of"] = ("near_duplicate",), earlier
        found["reasons"] = list(reasons)
        self._ledger.replied(row.key, attempt, sent, found)
        return reasons


def _spelled(row: RewardRow) -> str:
    """The row's label as its vocabulary spells it."""
    from unifer.emotions import spelled_in

    labels = vocabulary(row)
    return row.label if row.label in labels else str(spelled_in(row.label or "", labels))
