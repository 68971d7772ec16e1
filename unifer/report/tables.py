"""Scores as text for a terminal of 80 columns. Labels, run names and notes come from files, so they are shown
as data.

Computes no score and prints nothing: each function returns lines of text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from unifer.action_units import ACTION_UNITS
from unifer.datasets import ALL, DatasetSpec
from unifer.dialogue.wordings import Wording
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.evaluate.metrics import UNNAMED, Scores
from unifer.evaluate.overall import Overall
from unifer.evaluate.published import PublishedScores
from unifer.evaluate.reasoning.judged import JudgeScores
from unifer.evaluate.reasoning.rege import Rege
from unifer.evaluate.reasoning.scores import ReasoningScores
from unifer.evaluate.reasoning.shares import MeanShare
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.baselines import Baselines
from unifer.evaluate.statistics.compare import Gain
from unifer.records import Json

WIDTH = 80
HEADINGS = {"war": "WAR", "uar": "UAR", "macro_f1": "macro-F1"}


def plain(text: str, width: int = 40) -> str:
    """`text` on one line of at most `width` cells, control and invisible characters as escapes: no file can
    move the cursor.
    """
    shown = "".join(
        char
        if char.isprintable() and unicodedata.category(char) not in ("Mn", "Me")
        else char.encode("unicode_escape").decode()
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
    """Columns two blanks apart, the first flush left, the others flush right, rules under the head and before
    a row.
    """
    widths = [max(_cells(row[index]) for row in (head, *rows)) for index in range(len(head))]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            _pad(cell, width, right=index > 0)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

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

    return "\n".join(
        textwrap.fill(plain(note, 400), WIDTH, initial_indent="! ", subsequent_indent="  ") for note in notes
    )


def dataset_text(result: DatasetScores) -> str:
    """Headline scores, what became of the replies, and a line for each label; for each AU where the set asks
    for AUs alone.
    """
    scores, units = result.scores, result.action_units
    lines = [
        f"{plain(result.spec.title)} · {plain(result.run.name)} · protocol strict · "
        f"{result.counts['asked']:,} questions"
    ]
    lines += [*asked_lines([(result.spec.title, result.wording)]), ""]
    if scores is not None:
        for name, heading in HEADINGS.items():
            lines.append(
                f"  {heading:<9} {percent(getattr(scores, name)):>5} %{_interval(scores.intervals.get(name))}"
            )
    lines += baseline_lines(result.baselines) if result.baselines else []
    lines += [*action_units_lines(units), *au_set_line(result.spec)] if units else []
    lines += reasoning_lines(result.reasoning) if result.reasoning else []
    lines += ["", outcomes_line(result.counts), ""]
    if scores is not None:
        lines += [
            class_grid(scores),
            "",
            f"percent{_level(scores.intervals)}; macro means over labels that have questions",
        ]
    elif units is not None:
        lines += [
            unit_grid(units),
            "",
            f"percent{_level(units.intervals)}; macro mean over the AUs that at least one face shows",
        ]
    if result.reasoning is not None and result.reasoning.follows is not None:
        lines.append("follows: no other label's FACS prototype fits the AUs claimed better")
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])


def asked_lines(asked: Sequence[tuple[str, Wording | None]]) -> list[str]:
    """In whose words the questions of each dataset (by title) ask; once where that is the same for all."""
    import textwrap

    texts = {plain(title, 16): each.text for title, each in asked if each is not None}
    if not texts:
        return []
    alike = len(set(texts.values())) == 1
    named = (
        next(iter(texts.values())) if alike else "; ".join(f"{title} {text}" for title, text in texts.items())
    )
    return [textwrap.fill(f"asked with: {plain(named, 400)}", WIDTH, subsequent_indent="  ")]


def baseline_lines(baselines: Baselines) -> list[str]:
    """What naming the commonest label would score, and how often people agree."""
    scores = ", ".join(f"{heading} {percent(getattr(baselines, name))}" for name, heading in HEADINGS.items())
    lines = [f"  always {plain(str(baselines.label), 20)}: {scores}"]
    if baselines.human is not None:
        lines.append(f"  people: {percent(baselines.human.accuracy)} ({plain(baselines.human.about, 50)})")
    return lines


def _level(intervals: Mapping[str, object]) -> str:
    return ", 95 % intervals" if intervals else ""


def unit_grid(units: ActionUnitScores) -> str:
    """A line for each AU: its name, faces that show it, replies that claim it, precision, recall, F1."""
    rows = []
    for row in units.per_unit:
        named = (
            f"AU{row.action_unit} {ACTION_UNITS[row.action_unit].name}"
            if row.action_unit in ACTION_UNITS
            else f"AU{row.action_unit}"
        )
        rows.append(
            (
                named,
                f"{row.support:,}",
                f"{row.predicted:,}",
                *(percent(value) for value in (row.precision, row.recall, row.f1)),
            )
        )
    return grid(("action unit", "shown", "claimed", "precision", "recall", "F1"), rows)


def outcomes_line(counts: dict[str, int]) -> str:
    """What became of the questions, every denominator by name."""
    named = " · ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in ("answered", *UNNAMED))
    return f"  {named}\n  {counts['well_formed']:,} replies of exact form"


def action_units_lines(units: ActionUnitScores) -> list[str]:
    """F1 of the AUs claimed, a face, over all claims and over AUs, with intervals and what each is over."""
    over = {
        "face_f1": f"a face; {units.n:,} annotated",
        "micro_f1": f"micro; {units.claims:,} claims, {units.showings:,} shown",
    }
    over["macro_f1"] = f"macro; {sum(unit.support > 0 for unit in units.per_unit)} AUs shown"
    lines: list[str] = []
    for name, text in over.items():
        lines.append(_line("" if lines else "AU F1", getattr(units, name), units.intervals.get(name), text))
    if units.outside:
        lines.append(f"  {'':<9} {units.outside:,} claims of AUs that do not count there are left out")
    return lines


def reasoning_lines(scores: ReasoningScores) -> list[str]:
    """ROUGE-L, REGE, the two checks, and a judge's mean: what there is of them, with intervals and
    denominators.
    """
    lines = []
    if scores.rouge is not None:
        lines.append(share_line("ROUGE-L", scores.rouge, f"of {scores.rouge.n:,} references"))
    lines += rege_lines(scores.rege)
    if scores.follows is not None:
        share = scores.follows.follows
        lines.append(
            _line(
                "follows",
                share.value,
                share.interval,
                f"of {share.n:,} answers; {scores.follows.silent:,} claim no AU",
            )
        )
    if scores.truth is not None:
        precision, exact = scores.truth.precision, scores.truth.exact
        lines.append(_line("true AUs", precision.value, precision.interval, f"of {precision.n:,} claims"))
        lines.append(_line("", exact.value, exact.interval, f"of {exact.n:,} faces exactly"))
    return lines + (_judge_lines(scores.judge) if scores.judge is not None else [])


def rege_lines(found: Mapping[str, Rege]) -> list[str]:
    """REGE by what its S_re recognises, with both parts."""
    lines = []
    for name, rege in found.items():
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


def share_line(heading: str, share: MeanShare, over: str) -> str:
    """A share in percent with its interval and what it is over."""
    return _line(heading, share.value, share.interval, over)


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


def _line(heading: str, value: float | None, bounds: tuple[float, float] | None, over: str) -> str:
    return f"  {heading:<9} {percent(value):>5} %{_interval(bounds)} {over}"


def models_text(scored: Mapping[str, DatasetScores]) -> str:
    """A line for each model on the same questions: WAR and AU F1 a face with intervals, UAR, replies without
    an answer.
    """
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
    return (
        f"{plain(title)}: {gain.points:+.1f} points [{low:.1f}, {high:.1f}], paired, {gain.n:,} faces "
        "(p "
        f"{gain.significance:.1g})"
    )


def class_grid(scores: Scores) -> str:
    """A line for each label: questions, predictions, precision, recall, F1, and what it is mistaken for most
    often.
    """
    columns = (*scores.table.labels, *(name.replace("_", " ") for name in UNNAMED))
    rows = []
    for index, row in enumerate(scores.per_class):
        wrong = [
            (int(count), -at) for at, count in enumerate(scores.table.counts[index]) if at != index and count
        ]
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
    explained = (
        "percent"
        + (", 95 % intervals" if result.mean_intervals else "")
        + "; whatever is not answered counts as wrong"
    )
    asked = asked_lines([(part.spec.title, part.wording) for part in result.datasets])
    lines = [
        title,
        *asked,
        "",
        table,
        "",
        outcomes_line(result.pooled.counts),
        explained,
        *_baselines_of_sets(result),
    ]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])


def _baselines_of_sets(result: Overall) -> list[str]:
    """WAR of naming the commonest label of each dataset, of the pool, and their mean; where people were
    compared, their agreement.
    """
    import textwrap

    found = [(plain(part.spec.title, 16), part.baselines) for part in result.datasets]
    shares = [f"{title} {percent(each.war)}" for title, each in found if each is not None]
    pooled = result.pooled_baselines
    shares += [
        f"pooled {percent(pooled.war)} ({plain(str(pooled.label), 16)})",
        f"mean {percent(result.mean_baselines.war)}",
    ]
    people = [
        f"{title} {percent(each.human.accuracy)} ({plain(each.human.about, 40)})"
        for title, each in found
        if each and each.human
    ]
    lines = ["WAR of always naming the commonest label: " + ", ".join(shares)]
    lines += ["people agree: " + ", ".join(people)] if people else []
    return [textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines]


def published_text(title: str, parts: Sequence[PublishedScores], pooled: Json | None = None) -> str:
    """A line for each dataset by the published rule, and the pooled one."""

    def line(name: str, rows: int, found: Json) -> tuple[str, ...]:
        overall = found["overall"]
        return (
            name,
            f"{rows:,}",
            *(f"{100 * overall[key]:.2f}" for key in ("accuracy", "precision", "recall", "f1")),
        )

    rows = [line(plain(part.spec.title, 16), len(part.pairs), part.metrics) for part in parts]
    if pooled is not None:
        rows.append(line("pooled", sum(len(part.pairs) for part in parts), pooled))
    table = grid(
        ("", "scored", "accuracy", "precision", "recall", "F1"),
        rows,
        rule_before=len(parts) if pooled else None,
    )
    notes = [f"{part.spec.title}: {note}" for part in parts for note in part.notes]
    warning = "the published, lenient rule: for comparison with published numbers only"
    head = [
        f"{plain(title)} · protocol unifer",
        *asked_lines([(part.spec.title, part.wording) for part in parts]),
    ]
    return "\n".join([*head, "", table, "", warning, *filter(None, [notes_text(notes)])])
