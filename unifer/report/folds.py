"""Scores by fold as text for a terminal: a line for each fold, their mean, and their range. Computes
nothing.
"""

from __future__ import annotations

from unifer.evaluate.folds import FoldScores
from unifer.report.tables import grid, percent, plain

_HEADINGS = {
    "war": "WAR",
    "uar": "UAR",
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "rouge_l": "ROUGE-L",
    "au_macro_f1": "AU macro",
    "au_micro_f1": "AU micro",
    "au_face_f1": "AU a face",
}


def folds_text(result: FoldScores) -> str:
    """A grid over folds, headed by whose they are; one line where the run is on one fold alone."""
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
    rows.append(("mean", "", "", *("–" if spread is None else percent(spread.mean) for spread in spreads)))
    rows.append(
        (
            "range",
            "",
            "",
            *(
                "–" if spread is None else f"{percent(spread.low)}-{percent(spread.high)}"
                for spread in spreads
            ),
        )
    )
    head = ("fold", "questions", "subjects", *(_HEADINGS[name] for name in names))
    return f"by fold ({whose})\n{grid(head, rows, rule_before=len(result.each))}"
