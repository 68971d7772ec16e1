"""Scores as text for a terminal of 80 columns. Labels, run names and notes come from files, so they are shown as data.

Computes no score and prints nothing: each function returns lines of text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from unifer.action_units import ACTION_UNITS
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.evaluate.compare import Gain
from unifer.evaluate.metrics import UNNAMED, Scores
from unifer.evaluate.scoring import DatasetScores, Overall, PublishedScores
from unifer.records import Json

WIDTH = 80
HEADINGS = {"war": "WAR", "uar": "UAR", "macro_f1": "macro-F1"}


def plain(text: str, width: int = 40) -> str:
    """`text` on one line of at most `width` cells, control and invisible characters as escapes: no file can move the cursor."""
    shown = "".join(
        char if char.isprintable() and unicodedata.category(char) not in ("Mn", "Me") else char.encode("unicode_escape").decode()
        for char in text[: width + 1]
    )
    while _cells(shown) > width:
        shown = shown.removesuffix("…")[:-1] + "…"
    return shown


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, right: bool = False) -> str:
    blank = " " * max(0, width - _cells(text))
    return blank + text if right else text + blank


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], rule_before: int | None = None) -> str:
    """Columns two blanks apart, the first flush left, the others flush right, rules under the head and before a row."""
    widths = [max(_cells(row[index]) for row in (head, *rows)) for index in range(len(head))]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))

    def line(row: Sequence[str]) -> str:
        return "  ".join(_pad(cell, width, right=index > 0) for index, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()

    lines = [line(head), rule]
    for index, row in enumerate(rows):
        lines += [rule, line(row)] if index == rule_before else [line(row)]
    return "\n".join(lines)


def percent(value: float | None) -> str:
    """`0.6884` -> `68.8`; a value that does not exist is a dash."""
    return "–" if value is None else f"{100 * value:.1f}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" [{percent(bounds[0])}, {percent(bounds[1])}]"


def notes_text(notes: Sequence[str]) -> str:
    """Each note on lines of its own, wrapped; empty without notes."""
    import textwrap

    return "\n".join(textwrap.fill(plain(note, 400), WIDTH, initial_indent="! ", subsequent_indent="  ") for note in notes)


def dataset_text(result: DatasetScores) -> str:
    """Headline scores, what became of the replies, and a line for each label; for each AU where the set asks for AUs alone."""
    scores, units = result.scores, result.action_units
    lines = [f"{plain(result.spec.title)} · {plain(result.run.name)} · protocol strict · {result.counts['asked']:,} questions", ""]
    if scores is not None:
        for name, heading in HEADINGS.items():
            lines.append(f"  {heading:<9} {percent(getattr(scores, name)):>5} %{_interval(scores.intervals.get(name))}")
    lines += [action_units_line(units)] if units else []
    lines += ["", outcomes_line(result.counts), ""]
    if scores is not None:
        lines += [class_grid(scores), "", f"percent{_level(scores.intervals)}; macro means over labels that have questions"]
    elif units is not None:
        lines += [unit_grid(units), "", f"percent{_level(units.intervals)}; macro mean over the AUs that at least one face shows"]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])


def _level(intervals: Mapping[str, object]) -> str:
    return ", 95 % intervals" if intervals else ""


def unit_grid(units: ActionUnitScores) -> str:
    """A line for each AU: its name, faces that show it, replies that claim it, precision, recall, F1."""
    rows = []
    for row in units.per_unit:
        named = f"AU{row.action_unit} {ACTION_UNITS[row.action_unit].name}" if row.action_unit in ACTION_UNITS else f"AU{row.action_unit}"
        rows.append((named, f"{row.support:,}", f"{row.predicted:,}", *(percent(value) for value in (row.precision, row.recall, row.f1))))
    return grid(("action unit", "shown", "claimed", "precision", "recall", "F1"), rows)


def outcomes_line(counts: dict[str, int]) -> str:
    """What became of the questions, every denominator by name."""
    named = " · ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in ("answered", *UNNAMED))
    return f"  {named}\n  {counts['well_formed']:,} replies of exact form"


def action_units_line(units: ActionUnitScores) -> str:
    """F1 of the AUs claimed: per face with its interval, then micro and macro, and how many faces are annotated."""
    means = f"a face; micro {percent(units.micro_f1)}, macro {percent(units.macro_f1)}; {units.n:,} annotated"
    return f"  {'AU F1':<9} {percent(units.face_f1):>5} %{_interval(units.intervals.get('face_f1'))} {means}"


def models_text(scored: Mapping[str, DatasetScores]) -> str:
    """A line for each model on the same questions: WAR and AU F1 a face with intervals, UAR, replies without an answer."""
    rows = []
    for name, result in scored.items():
        units = result.action_units
        claimed = "–" if units is None else percent(units.face_f1) + _interval(units.intervals.get("face_f1"))
        scores = result.labelled
        war = percent(scores.war) + _interval(scores.intervals.get("war"))
        rows.append((plain(name, 16), war, percent(scores.uar), claimed, f"{result.counts['no_answer']:,}"))
    return grid(("percent, 95 %", "WAR", "UAR", "AU F1 a face", "no answer"), rows)


def gain_text(title: str, gain: Gain) -> str:
    """One line: points with their interval, over how many faces, p of the exact or the swap test."""
    low, high = gain.ci95
    return f"{plain(title)}: {gain.points:+.1f} points [{low:.1f}, {high:.1f}], paired, {gain.n:,} faces (p {gain.significance:.1g})"


def class_grid(scores: Scores) -> str:
    """A line for each label: questions, predictions, precision, recall, F1, and what it is mistaken for most often."""
    columns = (*scores.table.labels, *(name.replace("_", " ") for name in UNNAMED))
    rows = []
    for index, row in enumerate(scores.per_class):
        wrong = [(int(count), -at) for at, count in enumerate(scores.table.counts[index]) if at != index and count]
        count, at = max(wrong, default=(0, 0))
        mistaken = f"{plain(columns[-at], 12)} {percent(count / row.support)}" if count else "–"
        values = (percent(row.precision), percent(row.recall), percent(row.f1))
        rows.append((plain(row.label, 16), f"{row.support:,}", f"{row.predicted:,}", *values, mistaken))
    head = ("label", "questions", "predicted", "precision", "recall", "F1", "mostly mistaken for")
    return grid(head, rows)


def overall_text(result: Overall) -> str:
    """A line for each dataset, then pooled and mean, with intervals."""

    def line(title: str, scores: Scores | None) -> tuple[str, ...]:
        values = result.mean if scores is None else {name: getattr(scores, name) for name in HEADINGS}
        bounds = result.mean_intervals if scores is None else scores.intervals
        asked = "" if scores is None else f"{scores.counts['asked']:,}"
        return title, asked, *(percent(values[name]) + _interval(bounds.get(name)) for name in HEADINGS)

    rows = [line(plain(part.spec.title, 12), part.scores) for part in result.datasets]
    rows += [line("pooled", result.pooled), line("mean of sets", None)]
    table = grid(("", "asked", *HEADINGS.values()), rows, rule_before=len(result.datasets))
    title = f"{plain(result.datasets[0].run.name)} · protocol strict"
    explained = "percent" + (", 95 % intervals" if result.mean_intervals else "") + "; whatever is not answered counts as wrong"
    lines = [title, "", table, "", outcomes_line(result.pooled.counts), explained]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])


def published_text(title: str, parts: Sequence[PublishedScores], pooled: Json | None = None) -> str:
    """A line for each dataset by the published rule, and the pooled one."""

    def line(name: str, rows: int, found: Json) -> tuple[str, ...]:
        overall = found["overall"]
        return name, f"{rows:,}", *(f"{100 * overall[key]:.2f}" for key in ("accuracy", "precision", "recall", "f1"))

    rows = [line(plain(part.spec.title, 16), len(part.pairs), part.metrics) for part in parts]
    if pooled is not None:
        rows.append(line("pooled", sum(len(part.pairs) for part in parts), pooled))
    table = grid(("", "scored", "accuracy", "precision", "recall", "F1"), rows, rule_before=len(parts) if pooled else None)
    notes = [f"{part.spec.title}: {note}" for part in parts for note in part.notes]
    warning = "the published, lenient rule: for comparison with published numbers only"
    return "\n".join([f"{plain(title)} · protocol unifer", "", table, "", warning, *filter(None, [notes_text(notes)])])
