"""What a curation run leaves: rows in the published CoT schema, rejected replies with reasons, a report.

All of it is made from the log, so that it can be made again. Knows files and counts; nothing is asked here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unifer import files
from unifer.models.api.budget import read_log
from unifer.prepare.curation.filter import REASONS
from unifer.records import CoTRow, Json, RewardRow

_SAMPLES = 3
NO_LABEL, _NO_DATASET = "(AUs only)", "(none)"
"""The class of rows whose AUs are known and whose label is not; the set of rows that name none."""


def log_path(out: Path) -> Path:
    """`cot.json` -> `cot.log.jsonl`."""
    return out.with_suffix(".log.jsonl")


def rejected_path(out: Path) -> Path:
    """`cot.json` -> `cot.rejected.jsonl`."""
    return out.with_suffix(".rejected.jsonl")


def report_paths(out: Path) -> tuple[Path, Path]:
    """The JSON and the Markdown report."""
    return out.with_suffix(".report.json"), out.with_suffix(".report.md")


@dataclass(frozen=True)
class Rewrite:
    """How a kept reply becomes a row: the student's question, and what its provenance says of the run."""

    question: Callable[[RewardRow], str]
    provenance: Json

    def row(self, row: RewardRow, reply: str, attempts: int) -> CoTRow:
        return CoTRow(
            image_path=row.image_path,
            question=self.question(row),
            response=reply.strip(),
            id=row.id,
            dataset=row.dataset,
            candidate_labels=row.candidate_labels,
            action_units=row.action_units,
            provenance=(row.provenance or {}) | self.provenance | {"attempts": attempts},
        )


@dataclass
class GroupCount:
    """Rows of one class or dataset: those that are done with, and of them the accepted ones."""

    rows: int = 0
    accepted: int = 0

    def to_json(self) -> Json:
        share = round(self.accepted / self.rows, 4) if self.rows else None
        return {"asked": self.rows, "kept": self.accepted, "acceptance": share}


@dataclass
class CurationSummary:
    """Counts of a run, earlier runs into the same file included."""

    out: Path
    rows: int
    accepted: int = 0
    exhausted: int = 0
    """Rows whose every attempt was rejected."""
    failed: int = 0
    """Rows that the teacher or their image failed on; the same command asks them again."""
    open: int = 0
    """Rows not done with: the budget ended first."""
    stopped: str | None = None
    requests: int = 0
    replies: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    classes: dict[str, GroupCount] = field(default_factory=dict)
    datasets: dict[str, GroupCount] = field(default_factory=dict)
    samples: list[Json] = field(default_factory=list)
    first_error: str | None = None

    def counts(self) -> Json:
        return {
            "rows": self.rows,
            "kept": self.accepted,
            "exhausted": self.exhausted,
            "failed": self.failed,
            "open": self.open,
        }

    def to_json(self) -> Json:
        return self.counts() | {
            "stopped_by": self.stopped,
            "requests": self.requests,
            "replies": self.replies,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd": round(self.cost, 6),
            "rejected_replies": {reason: self.reasons[reason] for reason in REASONS if self.reasons[reason]},
            "failed_requests": dict(sorted(self.faults.items())),
            "kept_at_attempt": {str(attempt): count for attempt, count in sorted(self.attempts.items())},
            "by_class": {name: share.to_json() for name, share in sorted(self.classes.items())},
            "by_dataset": {name: share.to_json() for name, share in sorted(self.datasets.items())},
            "samples": self.samples,
        }


def write(
    out: Path, rows: Sequence[RewardRow], rewrite: Rewrite, attempts: int, stopped: str | None
) -> CurationSummary:
    """Write accepted rows (in the order of `rows`), rejected replies and both reports from the log."""
    by_key = {row.key: row for row in rows}
    summary = CurationSummary(out, len(rows), stopped=stopped)
    accepted: dict[str, tuple[str, int]] = {}
    rejected: list[Json] = []
    replies: Counter[str] = Counter()
    errors: dict[str, str] = {}
    for _, line in read_log(log_path(out)):
        _tally(line, summary)
        row = by_key.get(line["id"])
        if row is None or line["event"] == "sent":
            continue
        if line["event"] == "failed":
            if line["final"]:
                errors[row.key] = line["error"]
            continue
        replies[row.key] += 1
        errors.pop(row.key, None)
        if line["reasons"]:
            rejected.append(_rejected(line, row, rewrite))
        else:
            accepted[row.key] = line["reply"], line["attempt"]
    rejected += [
        {"id": key, "image_path": by_key[key].image_path, "error": error} for key, error in errors.items()
    ]
    attempts_of = {key: attempt for key, (_, attempt) in accepted.items()}
    exhausted = {key for key, count in replies.items() if count >= attempts}
    _count_rows(summary, rows, attempts_of, exhausted, errors)
    output = [rewrite.row(row, *accepted[row.key]) for row in rows if row.key in accepted]
    summary.samples = _samples(output, rejected)
    files.write_rows(out, [row.to_json() for row in output])
    files.write_rows(rejected_path(out), rejected)
    as_json, as_text = report_paths(out)
    files.write_json(as_json, summary.to_json())
    files.write_text(as_text, markdown(summary))
    return summary


def _tally(line: Json, summary: CurationSummary) -> None:
    """Add what one line of the log says of requests, tokens and money."""
    if line["event"] == "sent":
        summary.requests += 1
        return
    summary.cost += line["cost"]
    if line["event"] == "failed":
        summary.faults[line["fault"]] += 1
        return
    summary.replies += 1
    summary.tokens_in += line["tokens_in"] or 0
    summary.tokens_out += line["tokens_out"] or 0
    summary.reasons.update(line["reasons"])


def _rejected(line: Json, row: RewardRow, rewrite: Rewrite) -> Json:
    units = None if row.action_units is None else [f"AU{number}" for number in row.action_units]
    of_line: Json = {
        key: line[key] for key in ("reasons", "attempt", "temperature", "duplicate_of") if key in line
    }
    return {
        "id": row.key,
        "image_path": row.image_path,
        "question": rewrite.question(row),
        "response": line["reply"],
        **of_line,
        "label": row.label,
        "AUs": units,
    }


def _count_rows(
    summary: CurationSummary,
    rows: Iterable[RewardRow],
    accepted: Mapping[str, int],
    exhausted: set[str],
    errors: Mapping[str, str],
) -> None:
    """Put every row into one count; `accepted` maps a key to the attempt that brought its reply."""
    for row in rows:
        groups = (
            summary.classes.setdefault(row.label or NO_LABEL, GroupCount()),
            summary.datasets.setdefault(row.dataset or _NO_DATASET, GroupCount()),
        )
        if row.key in accepted:
            summary.accepted += 1
            summary.attempts[accepted[row.key]] += 1
        elif row.key in exhausted:
            summary.exhausted += 1
        elif row.key in errors:
            summary.failed += 1
            summary.first_error = summary.first_error or f"{row.key}: {errors[row.key]}"
        else:
            summary.open += 1
            continue
        for group in groups:
            group.rows += 1
            group.accepted += row.key in accepted


def _samples(output: Sequence[CoTRow], rejected: Sequence[Json]) -> list[Json]:
    """A few accepted rows, and the first rejected reply of each reason."""
    samples: list[Json] = [
        {"image_path": row.image_path, "response": row.response, "reasons": []} for row in output[:_SAMPLES]
    ]
    for reason in REASONS:
        line = next((line for line in rejected if reason in line.get("reasons", ())), None)
        if line is not None:
            samples.append({key: line[key] for key in ("image_path", "response", "reasons")})
    return samples


def markdown(summary: CurationSummary) -> str:
    """The report for people."""
    lines = [f"# Curation of {summary.out.name}", ""]
    counts = [f"{count:,}" for count in summary.counts().values()]
    lines += _table(("Rows", "Kept", "Exhausted", "Failed", "Open"), [counts])
    if summary.stopped:
        lines += ["", f"Stopped by the {summary.stopped}; with more of it the same command goes on."]
    tokens = f"{summary.tokens_in:,} tokens in, {summary.tokens_out:,} out"
    spent = f"{summary.requests:,} requests, {summary.replies:,} replies, {tokens}"
    lines += ["", f"{spent}; {summary.cost:.4f} USD at the prices given.", "", "## Acceptance", ""]
    for title, groups in (("Class", summary.classes), ("Dataset", summary.datasets)):
        rows = [
            (_cell(name), f"{group.rows:,}", f"{group.accepted:,}", _share(group))
            for name, group in sorted(groups.items())
        ]
        lines += [*_table((title, "Asked", "Kept", "Share"), rows), ""]
    reasons = [
        (f"`{reason}`", f"{summary.reasons[reason]:,}", meaning)
        for reason, meaning in REASONS.items()
        if summary.reasons[reason]
    ]
    lines += ["## Why replies were rejected", "", *_table(("Reason", "Replies", "Meaning"), reasons)]
    if summary.faults:
        faults = ", ".join(f"{fault} {count:,}" for fault, count in sorted(summary.faults.items()))
        lines += ["", f"Failed requests: {faults}."]
    lines += ["", "## Samples"]
    for sample in summary.samples:
        verdict = ", ".join(sample["reasons"]) or "kept"
        reply = [f"    {line}" for line in sample["response"].splitlines()]
        lines += ["", f"{_cell(sample['image_path'])}: **{verdict}**", "", *reply]
    return "\n".join(lines) + "\n"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(titles)} |",
        "|" + "---|" * len(titles),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _share(group: GroupCount) -> str:
    return f"{group.accepted / group.rows:.1%}" if group.rows else "-"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
