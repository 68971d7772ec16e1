"""Scores of AUs and of reasoning as lines for a terminal, and those by the protocol `facial-r1`.

Computes no score and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from unifer.action_units import ACTION_UNITS
from unifer.datasets import ALL, DatasetSpec
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.evaluate.facial_r1 import PROTOCOL, FacialR1Scores
from unifer.evaluate.reasoning.marks import JudgeScores
from unifer.evaluate.reasoning.rege import Rege
from unifer.evaluate.reasoning.scores import ReasoningScores
from unifer.evaluate.reasoning.shares import MeanShare
from unifer.report.layout import grid, interval_text, notes_text, percent, plain


def unit_grid(units: ActionUnitScores) -> str:
    """A line per AU: its name, faces that show it, replies that claim it, precision, recall, F1."""
    rows = []
    for row in units.per_unit:
        unit = ACTION_UNITS.get(row.action_unit)
        name = f"AU{row.action_unit}" + ("" if unit is None else f" {unit.name}")
        shares = (percent(value) for value in (row.precision, row.recall, row.f1))
        rows.append((name, f"{row.support:,}", f"{row.predicted:,}", *shares))
    return grid(("action unit", "shown", "claimed", "precision", "recall", "F1"), rows)


def action_units_lines(units: ActionUnitScores) -> list[str]:
    """F1 of the AUs claimed, per face, over all claims and over AUs, with intervals and what each is over."""
    over = {
        "face_f1": f"a face; {units.n:,} annotated",
        "micro_f1": f"micro; {units.claims:,} claims, {units.showings:,} shown",
        "macro_f1": f"macro; {sum(unit.support > 0 for unit in units.per_unit)} AUs shown",
    }
    lines: list[str] = []
    for name, text in over.items():
        share = MeanShare(getattr(units, name), units.n, units.intervals.get(name))
        lines.append(_share_line("" if lines else "AU F1", share, text))
    if units.outside:
        lines.append(f"  {'':<9} {units.outside:,} claims of AUs that do not count there are left out")
    return lines


def reasoning_lines(scores: ReasoningScores) -> list[str]:
    """ROUGE-L, REGE, the two checks and a judge's mean, as far as there are any, with what each is over."""
    lines = _rouge_lines(scores.rouge) + _rege_lines(scores.rege)
    if (check := scores.follows) is not None:
        over = f"of {check.follows.n:,} answers; {check.silent:,} claim no AU"
        lines.append(_share_line("follows", check.follows, over))
    if (truth := scores.truth) is not None:
        lines.append(_share_line("true AUs", truth.precision, f"of {truth.precision.n:,} claims"))
        lines.append(_share_line("", truth.exact, f"of {truth.exact.n:,} faces exactly"))
    return lines + (_judge_lines(scores.judge) if scores.judge is not None else [])


def _rouge_lines(rouge: MeanShare | None) -> list[str]:
    return [] if rouge is None else [_share_line("ROUGE-L", rouge, f"of {rouge.n:,} references")]


def _rege_lines(scores: Mapping[str, Rege]) -> list[str]:
    """REGE by what its S_re recognises, with both parts."""
    lines = []
    for name, rege in scores.items():
        bounds = "" if rege.interval is None else f" [{rege.interval[0]:.1f}, {rege.interval[1]:.1f}]"
        parts = (
            f"of 200: {rege.s_re:.1f} {'accuracy' if name == 'accuracy' else 'macro AU F1'} + {rege.s_ge:.1f}"
        )
        lines.append(f"  {'REGE':<9} {rege.total:>5.1f}  {bounds} {parts}")
    return lines


def au_set_line(spec: DatasetSpec) -> list[str]:
    """Over which named AU set the AUs are scored; nothing where the dataset names none."""
    if not spec.au_sets:
        return []
    named = (
        "all AUs"
        if spec.au_set is None
        else f"the AU set {plain(spec.au_set, 20)}, {len(spec.action_units)} AUs"
    )
    return [f"  {'':<9} over {named}; --au-set chooses of {plain(', '.join((ALL, *spec.au_sets)), 60)}"]


def _share_line(heading: str, share: MeanShare, over: str) -> str:
    """A share in percent with its interval and what it is over."""
    return f"  {heading:<9} {percent(share.value):>5} %{interval_text(share.interval)} {over}"


def _judge_lines(judge: JudgeScores) -> list[str]:
    value = "–" if judge.mean.value is None else f"{judge.mean.value:.2f}"
    bounds = (
        ""
        if judge.mean.interval is None
        else f" [{judge.mean.interval[0]:.2f}, {judge.mean.interval[1]:.2f}]"
    )
    counts = f"{judge.judged:,} judged, {judge.failed:,} failed, {judge.silent:,} silent"
    unasked = f", {judge.unasked:,} not asked" if judge.unasked else ""
    return [
        f"  {'judge':<9} {value:>5}  {bounds} of 10: {plain(judge.judge, 30)}",
        f"  {'':<9} {counts}{unasked}",
    ]


def facial_r1_text(result: FacialR1Scores) -> str:
    """A line for each figure with its denominator, a grid of AUs, and what is odd about the run."""
    title = (
        f"{plain(result.spec.title)} · {plain(result.run.name)} · protocol {PROTOCOL} · "
        f"{result.counts['asked']:,} questions"
    )
    lines = [title, ""]
    if result.accuracy is not None:
        lines.append(_share_line("accuracy", result.accuracy, f"of {result.accuracy.n:,} labels"))
    if result.action_units is not None:
        lines += [*action_units_lines(result.action_units), *au_set_line(result.spec)]
    lines += _rouge_lines(result.rouge) + _rege_lines(result.rege)
    lines += ["", f"  {result.counts['failed']:,} failed · {result.counts['missing']:,} missing"]
    if result.action_units is not None:
        lines += ["", unit_grid(result.action_units)]
    lines += [
        "",
        "Facial-R1's rule: for comparison with its numbers only; a spurious AU that no face shows "
        "costs nothing",
    ]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])
