"""The plan of a CoT curation: which rows, which teacher, what may be spent, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unifer import files, runs
from unifer.dialogue import prompts, teaching
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError
from unifer.models.api.budget import Prices
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.teachers import TeacherSpec
from unifer.records import Json, RewardRow


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
                f"temperature {self.temperature} must be from 0 to 1, and its step "
                f"{self.temperature_step} not negative"
            )

    def identity(self) -> Json:
        """What every row of the output was made with.

        Limits and how many rows are asked may change from run to run.
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
    """The reward rows of `path`, keys unique.

    Raises InputError: unreadable rows, or such as `template` cannot ask.
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
