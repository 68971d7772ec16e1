"""Scores by protocol `facial-r1` as text for a terminal. Computes nothing."""

from __future__ import annotations

from unifer.evaluate.facial_r1 import PROTOCOL, FacialR1Scores
from unifer.report.tables import (
    action_units_lines,
    au_set_line,
    notes_text,
    plain,
    rege_lines,
    share_line,
    unit_grid,
)


def facial_r1_text(result: FacialR1Scores) -> str:
    """A line for each figure with its denominator, a grid of AUs, and what is odd about the run."""
    title = (
        f"{plain(result.spec.title)} · {plain(result.run.name)} · protocol {PROTOCOL} · "
        f"{result.counts['asked']:,} questions"
    )
    lines = [title, ""]
    if result.accuracy is not None:
        lines.append(share_line("accuracy", result.accuracy, f"of {result.accuracy.n:,} labels"))
    if result.action_units is not None:
        lines += [*action_units_lines(result.action_units), *au_set_line(result.spec)]
    if result.rouge is not None:
        lines.append(share_line("ROUGE-L", result.rouge, f"of {result.rouge.n:,} references"))
    lines += rege_lines(result.rege)
    lines += ["", f"  {result.counts['failed']:,} failed · {result.counts['missing']:,} missing"]
    if result.action_units is not None:
        lines += ["", unit_grid(result.action_units)]
    lines += [
        "",
        "Facial-R1's rule: for comparison with its numbers only; a spurious AU that no face shows "
        "costs nothing",
    ]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])
