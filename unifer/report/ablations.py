"""Variants against a reference: one line each for a terminal and for Markdown, and as dots with intervals.

Computes no score and prints nothing. Names come from a file, so they are shown as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unifer.evaluate.statistics.comparison import Comparison, Contest, Difference
from unifer.records import Json
from unifer.report.comparisons import p_text, value_text
from unifer.report.figures import new_figure, save_png
from unifer.report.layout import grid, markdown_row, markdown_text, notes_text, percent, plain

_INK, _DOT = "#222222", "#1d4f7c"
_TITLES = {"war": "WAR", "au_f1": "AU F1"}
_SCORES = {"war": "war", "au_f1": "face_f1"}
_NAME = 18
_SURE = 0.05


@dataclass(frozen=True)
class AblationTable:
    """All variants against the reference.

    `changes`: variant -> what differs, the reference first. `comparisons`: by measure (war, au_f1).
    """

    changes: Mapping[str, str]
    comparisons: Mapping[str, Comparison]

    @property
    def reference(self) -> str:
        return next(iter(self.changes))

    @property
    def first(self) -> str:
        return next(iter(self.comparisons))

    def contest(self, measure: str) -> Contest:
        """The table of the one dataset, or of all of them pooled."""
        contests = {contest.key: contest for contest in self.comparisons[measure].contests}
        return contests.get("pooled") or next(iter(contests.values()))

    def differences(self, measure: str) -> dict[str, Difference]:
        """Variant -> what it gained over the reference."""
        return {each.after: each for each in self.contest(measure).differences}

    def to_json(self) -> Json:
        return {
            "reference": self.reference,
            **{measure: comparison.to_json() for measure, comparison in self.comparisons.items()},
        }


def table_text(table: AblationTable) -> str:
    """A line per variant: WAR, its difference to the reference, and the same of AU F1 where there are AUs."""
    head = [
        "percent",
        *(title for measure in table.comparisons for title in (_TITLES[measure], "points, 95 % ")),
    ]
    rows = []
    for name in table.changes:
        cells = [plain(name, _NAME)]
        for measure in table.comparisons:
            each = table.differences(measure).get(name)
            score, _ = table.contest(measure).scores[name][_SCORES[measure]]
            gained = "reference " if each is None else _points(each) + ("*" if each.adjusted < _SURE else " ")
            cells += [percent(score), gained]
        rows.append(cells)
    contest, notes = table.contest(table.first), table.comparisons[table.first].notes
    title = (
        f"{len(rows)} variants · {plain(contest.title, 40)} · {contest.n:,} questions · against "
        f"{plain(table.reference, _NAME)}"
    )
    sure = "* p < 0.05, adjusted for the number of variants (Holm)"
    return "\n\n".join(filter(None, [title, grid(head, rows), sure, notes_text([*contest.notes, *notes])]))


def table_markdown(table: AblationTable) -> str:
    """The same with what differs, and with the intervals of the scores."""
    head = ["variant", "differs in"]
    for measure in table.comparisons:
        head += [f"{_TITLES[measure]}, percent [95 %]", "points", "p, Holm"]
    rows = [markdown_row(head), markdown_row(["---", "---", *["--:"] * (len(head) - 2)])]
    for name, changes in table.changes.items():
        cells = [markdown_text(name, 60), markdown_text(changes, 400)]
        for measure in table.comparisons:
            each = table.differences(measure).get(name)
            cells.append(value_text(table.contest(measure).scores[name][_SCORES[measure]]))
            cells += ["reference", ""] if each is None else [_points(each), p_text(each.adjusted)]
        rows.append(markdown_row(cells))
    contest, reference = table.contest(table.first), markdown_text(table.reference, 60)
    about = (
        f"{markdown_text(contest.title, 60)}, {contest.n:,} questions; points are gained over {reference}, "
        "paired 95 % intervals."
    )
    return "\n".join(
        ["# Ablations", "", about, "p, Holm: adjusted for the number of variants.", "", *rows, ""]
    )


def _points(each: Difference) -> str:
    low, high = each.gain.ci95
    return f"{each.gain.points:+.1f} [{low:.1f}, {high:.1f}]"


def table_png(path: Path, table: AblationTable) -> None:
    """Draw a dot with its interval for each variant's difference to the reference, a panel per measure."""
    names = [name for name in table.changes if name != table.reference]
    figure = new_figure(2.6 + 3.4 * len(table.comparisons), 1.3 + 0.34 * len(names))
    panels = figure.subplots(1, len(table.comparisons), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, table.comparisons, strict=True):
        differences = table.differences(measure)
        axes.axvline(0, color=_INK, linewidth=0.8, linestyle="--")
        for place, name in enumerate(names):
            axes.plot(differences[name].gain.ci95, [place, place], color=_DOT, linewidth=1.6)
            axes.plot([differences[name].gain.points], [place], marker="o", color=_DOT, markersize=5)
        axes.set_xlabel(f"{_TITLES[measure]}, points")
        axes.tick_params(length=0, labelsize=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    panels[0].set_yticks(range(len(names)), [plain(name, 28) for name in names])
    panels[0].invert_yaxis()
    figure.suptitle(
        plain(f"against {table.reference}, paired 95 % intervals", 80), fontsize=11, x=0.02, ha="left"
    )
    save_png(figure, path)
