"""Scores as text for a terminal of 80 columns: of a run, its datasets, its folds, and of several models.

Computes no score and prints nothing: each function returns lines of text. What concerns AUs and reasoning is
worded in `au_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer.dialogue.wordings import Wording
from unifer.evaluate.folds import FoldScores
from unifer.evaluate.metrics import UNNAMED, Scores
from unifer.evaluate.overall import Overall
from unifer.evaluate.published import PublishedScores
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.baselines import Baselines
from unifer.records import Json
from unifer.report.au_scores import action_units_lines, au_set_line, reasoning_lines, unit_grid
from unifer.report.layout import HEADINGS, grid, interval_text, notes_text, percent, plain, wrapped

_FOLD_HEADINGS = HEADINGS | {
    "accuracy": "accuracy",
    "rouge_l": "ROUGE-L",
    "au_macro_f1": "AU macro",
    "au_micro_f1": "AU micro",
    "au_face_f1": "AU a face",
}


def dataset_text(result: DatasetScores) -> str:
    """Headline scores, counts of outcomes, and a line per label; per AU where the set asks for AUs alone."""
    scores, units = result.scores, result.action_units
    lines = [
        f"{plain(result.spec.title)} · {plain(result.run.name)} · protocol strict · "
        f"{result.counts['asked']:,} questions"
    ]
    lines += [*wording_lines([(result.spec.title, result.wording)]), ""]
    if scores is not None:
        for name, heading in HEADINGS.items():
            bounds = interval_text(scores.intervals.get(name))
            lines.append(f"  {heading:<9} {percent(getattr(scores, name)):>5} %{bounds}")
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


def wording_lines(wordings: Sequence[tuple[str, Wording | None]]) -> list[str]:
    """In whose words the questions of each dataset (by title) ask; once where that is the same for all."""
    texts = {plain(title, 16): wording.text for title, wording in wordings if wording is not None}
    if not texts:
        return []
    alike = set(texts.values())
    named = alike.pop() if len(alike) == 1 else "; ".join(f"{title} {text}" for title, text in texts.items())
    return [wrapped(f"asked with: {plain(named, 400)}")]


def baseline_lines(baselines: Baselines) -> list[str]:
    """What naming the commonest label would score, and how often people agree."""
    scores = ", ".join(f"{heading} {percent(getattr(baselines, name))}" for name, heading in HEADINGS.items())
    lines = [f"  always {plain(str(baselines.label), 20)}: {scores}"]
    if baselines.human is not None:
        lines.append(f"  people: {percent(baselines.human.accuracy)} ({plain(baselines.human.about, 50)})")
    return lines


def _level(intervals: Mapping[str, object]) -> str:
    return ", 95 % intervals" if intervals else ""


def outcomes_line(counts: dict[str, int]) -> str:
    """What became of the questions, every denominator by name."""
    named = " · ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in ("answered", *UNNAMED))
    return f"  {named}\n  {counts['well_formed']:,} replies of exact form"


def models_text(scored: Mapping[str, DatasetScores]) -> str:
    """A line per model on the same questions: WAR and AU F1 with intervals, UAR, replies without answer."""
    rows = []
    for name, result in scored.items():
        units = result.action_units
        claimed = (
            "–" if units is None else percent(units.face_f1) + interval_text(units.intervals.get("face_f1"))
        )
        scores = result.labelled
        war = percent(scores.war) + interval_text(scores.intervals.get("war"))
        rows.append((plain(name, 16), war, percent(scores.uar), claimed, f"{result.counts['no_answer']:,}"))
    return grid(("percent, 95 %", "WAR", "UAR", "AU F1 per face", "no answer"), rows)


def class_grid(scores: Scores) -> str:
    """A line per label: questions, predictions, precision, recall, F1, and its most frequent mistake."""
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
        number = "" if scores is None else f"{scores.counts['asked']:,}"
        return title, number, *(percent(values[name]) + interval_text(bounds.get(name)) for name in HEADINGS)

    rows = [line(plain(part.spec.title, 12), part.scores) for part in result.datasets]
    rows += [line("pooled", result.pooled), line("mean of sets", None)]
    lines = [
        f"{plain(result.datasets[0].run.name)} · protocol strict",
        *wording_lines([(part.spec.title, part.wording) for part in result.datasets]),
        "",
        grid(("", "asked", *HEADINGS.values()), rows, rule_before=len(result.datasets)),
        "",
        outcomes_line(result.pooled.counts),
        f"percent{_level(result.mean_intervals)}; whatever is not answered counts as wrong",
        *_baselines_of_sets(result),
    ]
    return "\n".join([*lines, *filter(None, [notes_text(result.notes)])])


def _baselines_of_sets(result: Overall) -> list[str]:
    """WAR of always naming the commonest label, per dataset, pooled and mean; how often people agree."""
    baselines = [(plain(part.spec.title, 16), part.baselines) for part in result.datasets]
    shares = [f"{title} {percent(each.war)}" for title, each in baselines if each is not None]
    pooled = result.pooled_baselines
    shares += [
        f"pooled {percent(pooled.war)} ({plain(str(pooled.label), 16)})",
        f"mean {percent(result.mean_baselines.war)}",
    ]
    people = [
        f"{title} {percent(each.human.accuracy)} ({plain(each.human.about, 40)})"
        for title, each in baselines
        if each and each.human
    ]
    lines = ["WAR of always naming the commonest label: " + ", ".join(shares)]
    lines += ["people agree: " + ", ".join(people)] if people else []
    return [wrapped(line) for line in lines]


def published_text(title: str, parts: Sequence[PublishedScores], pooled: Json | None = None) -> str:
    """A line for each dataset by the published rule, and the pooled one."""

    def line(name: str, rows: int, metrics: Json) -> tuple[str, ...]:
        overall = metrics["overall"]
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
        *wording_lines([(part.spec.title, part.wording) for part in parts]),
    ]
    return "\n".join([*head, "", table, "", warning, *filter(None, [notes_text(notes)])])


def folds_text(result: FoldScores) -> str:
    """A line per fold, their mean and range, headed by whose folds they are; one line for a single fold."""
    whose = plain(result.text, 60) + (
        ", of this project: no published figure is over them" if result.own else ""
    )
    if len(result.each) == 1:
        return f"fold {plain(result.each[0].fold, 12)} alone, {result.each[0].subjects} subjects ({whose})"
    names = list(result.each[0].values)
    rows = [
        (
            plain(fold.fold, 12),
            f"{fold.questions:,}",
            f"{fold.subjects}",
            *(percent(fold.values[name]) for name in names),
        )
        for fold in result.each
    ]
    spreads = [result.spread(name) if name in result.metrics else None for name in names]
    means = ("–" if spread is None else percent(spread.mean) for spread in spreads)
    ranges = (
        "–" if spread is None else f"{percent(spread.low)}-{percent(spread.high)}" for spread in spreads
    )
    rows += [("mean", "", "", *means), ("range", "", "", *ranges)]
    head = ("fold", "questions", "subjects", *(_FOLD_HEADINGS[name] for name in names))
    return f"by fold ({whose})\n{grid(head, rows, rule_before=len(result.each))}"
