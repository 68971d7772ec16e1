"""Comparisons of runs as text for a terminal of 80 columns: who is who, each table's scores, every pair's
difference.

Computes no score and prints nothing. Run names and notes come from files, so they are shown as data.
"""

from __future__ import annotations

from string import ascii_uppercase

from unifer.evaluate.statistics.bootstrap import Drawn
from unifer.evaluate.statistics.comparison import Comparison, Contest, Difference, Value
from unifer.report.tables import HEADINGS, grid, notes_text, percent, plain

_TITLES = {**HEADINGS, "face_f1": "AU F1 a face", "micro_f1": "micro"}
_MEASURES = {**HEADINGS, "au_f1": "AU F1 a face"}
_SURE = 0.0001


def comparison_text(found: Comparison) -> str:
    """Everything: the runs by letter, a table of scores and one of differences for each dataset, what speaks
    against comparing.
    """
    letters = {name: _letter(index) for index, name in enumerate(found.names)}
    against = "" if found.baseline is None else f", all against {letters[found.baseline]}"
    lines = [f"{len(found.names)} runs · {_MEASURES[found.measure]} · protocol strict{against}", ""]
    lines += [f"  {letter}  {plain(name, 44)} · {found.wordings[name]}" for name, letter in letters.items()]
    for contest in found.contests:
        lines += ["", _contest_text(contest, found.measure, letters)]
    lines += ["", _explained(found)]
    return "\n".join([*lines, *filter(None, [notes_text(found.notes)])])


def _letter(index: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    first, last = divmod(index, len(ascii_uppercase))
    return (_letter(first - 1) if first else "") + ascii_uppercase[last]


def _contest_text(contest: Contest, measure: str, letters: dict[str, str]) -> str:
    columns = list(next(iter(contest.scores.values())))
    titles = ["AU macro" if name == "macro_f1" and measure == "au_f1" else _TITLES[name] for name in columns]
    scores = [
        (f"{letters[run]}  {plain(run, 16)}", *(value_text(found[name]) for name in columns))
        for run, found in contest.scores.items()
    ]
    test = "McNemar" if contest.differences and contest.differences[0].gain.swap_p is None else "swap"
    head = ("", "points", "95 %", "fixed", "broken", f"p, {test}", "p, Holm")
    pairs = [
        (f"{letters[each.after]} over {letters[each.before]}", *_difference(each))
        for each in contest.differences
    ]
    title = f"{plain(contest.title, 40)} · {contest.n:,} questions{_drawn(contest.drawn)}"
    blocks = [title, grid(("percent, 95 %", *titles), scores), grid(head, pairs), notes_text(contest.notes)]
    return "\n\n".join(block for block in blocks if block)


def _drawn(drawn: Drawn) -> str:
    return (
        ""
        if drawn.clusters is None
        else f" · {drawn.clusters} subjects" + (" at least" if drawn.parts > 1 else "")
    )


def value_text(value: Value) -> str:
    """`68.8 [67.0, 70.5]`, in percent."""
    score, bounds = value
    return percent(score) + ("" if bounds is None else f" [{percent(bounds[0])}, {percent(bounds[1])}]")


def _difference(found: Difference) -> tuple[str, ...]:
    gain = found.gain
    low, high = gain.ci95
    return (
        f"{gain.points:+.1f}",
        f"[{low:.1f}, {high:.1f}]",
        f"{gain.fixed:,}",
        f"{gain.broken:,}",
        p_text(gain.significance),
        p_text(found.adjusted),
    )


def p_text(value: float) -> str:
    """A p value as tables show it."""
    return f"<{_SURE}" if value < _SURE else f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def _explained(found: Comparison) -> str:
    words = "points: percentage points gained; fixed, broken: questions got better, worse"
    if len(found.names) > 2:
        words += "\np, Holm: adjusted for the number of pairs in its table"
    return words
