"""Scores of runs with and without doubtful labels, as a table for a terminal. Computes no score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer.evaluate.trust.label_audit import CONTRADICTED, NOT_THE_VOTE, DoubtfulLabel
from unifer.records import Json
from unifer.report.layout import grid, interval_text, percent, plain, wrapped


def label_audit_text(doubtful: Sequence[DoubtfulLabel], scores: Mapping[str, Json]) -> str:
    """How many labels are doubtful for which reason, and what each run scores without them."""
    reasons = {
        reason: sum(reason in row.reasons for row in doubtful) for reason in (NOT_THE_VOTE, CONTRADICTED)
    }
    both = sum(len(row.reasons) == 2 for row in doubtful)
    lines = [
        f"labels worth a look: {len(doubtful):,} ({reasons[NOT_THE_VOTE]:,} {NOT_THE_VOTE}, "
        f"{reasons[CONTRADICTED]:,} that {CONTRADICTED}, {both:,} both)"
    ]
    rows = [
        [plain(name, 24), which, f"{each['n']:,}", _bounded(each, "war"), _bounded(each, "uar")]
        for name, parts in scores.items()
        for which, each in parts.items()
    ]
    if rows:
        lines += ["", grid(["run", "left out", "rows", "WAR", "UAR"], rows), "", "percent, 95 % intervals"]
        text = (
            "these runs are wrong on every row that they all contradict: without those, scores can only rise"
        )
        lines.append(wrapped(text, "! "))
    return "\n".join(lines)


def _bounded(scores: Json, name: str) -> str:
    bounds = scores.get("ci95", {}).get(name)
    return percent(scores.get(name)) + interval_text(None if bounds is None else (bounds[0], bounds[1]))
