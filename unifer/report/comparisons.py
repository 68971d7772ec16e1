"""Differences between runs as text for a terminal of 80 columns: all pairs in tables, or one gain in words.

Computes no score and prints nothing. Run names and notes come from files, so they are shown as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from unifer.evaluate.statistics.bootstrap import Drawn
from unifer.evaluate.statistics.comparison import Comparison, Contest, Difference, Estimate
from unifer.evaluate.statistics.gains import Gain
from unifer.evaluate.statistics.recalls import LabelChange
from unifer.report.layout import HEADINGS, grid, interval_text, notes_text, percent, plain

_TITLES = {**HEADINGS, "face_f1": "AU F1 per face", "micro_f1": "micro"}
_MEASURES = {**HEADINGS, "au_f1": "AU F1 per face"}
_LEAST_P = 0.0001
HELPED, NO_DIFFERENCE, HURT = "helped", "no difference", "hurt"


def comparison_text(comparison: Comparison) -> str:
    """The runs by letter, two tables per dataset (scores, differences), and what speaks against comparing."""
    letters = {name: _letter(index) for index, name in enumerate(comparison.names)}
    measure, baseline = _MEASURES[comparison.measure], comparison.baseline
    against = "" if baseline is None else f", all against {letters[baseline]}"
    lines = [f"{len(letters)} runs · {measure} · protocol strict{against}", ""]
    lines += [
        f"  {letter}  {plain(name, 44)} · {comparison.wordings[name]}" for name, letter in letters.items()
    ]
    for contest in comparison.contests:
        lines += ["", _contest_text(contest, comparison.measure, letters)]
    lines += ["", "points: percentage points gained; fixed, broken: questions got better, worse"]
    if len(letters) > 2:
        lines.append("p, Holm: adjusted for the number of pairs in its table")
    return "\n".join([*lines, *filter(None, [notes_text(comparison.notes)])])


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
    if drawn.clusters is None:
        return ""
    return f" · {drawn.clusters} subjects" + (" at least" if drawn.parts > 1 else "")


def value_text(value: Estimate) -> str:
    """`68.8 [67.0, 70.5]`, in percent."""
    return percent(value[0]) + interval_text(value[1])


def _difference(difference: Difference) -> tuple[str, ...]:
    gain = difference.gain
    low, high = gain.ci95
    return (
        f"{gain.points:+.1f}",
        f"[{low:.1f}, {high:.1f}]",
        f"{gain.fixed:,}",
        f"{gain.broken:,}",
        p_text(gain.significance),
        p_text(difference.adjusted),
    )


def p_text(value: float) -> str:
    """A p value as tables show it."""
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def gain_text(title: str, gain: Gain) -> str:
    """One line: points with their interval, over how many faces, p of the exact or the swap test."""
    low, high = gain.ci95
    points = f"{gain.points:+.1f} points [{low:.1f}, {high:.1f}]"
    return f"{plain(title)}: {points}, paired, {gain.n:,} faces (p {gain.significance:.1g})"


def verdict(gain: Gain) -> str:
    """What the interval of `gain` allows to be said: `HELPED`, `NO_DIFFERENCE` or `HURT`."""
    low, high = gain.ci95
    return HELPED if low > 0 else HURT if high < 0 else NO_DIFFERENCE


def verdict_text(what: str, score: str, gain: Gain) -> str:
    """One line: `WAR: GRPO helped, ...`.

    Where the interval holds 0 no gain is given, since its sign would mean nothing.
    """
    low, high = gain.ci95
    effect, bounds = verdict(gain), f"95 % [{low:+.1f}, {high:+.1f}]"
    if effect == NO_DIFFERENCE:
        return f"{score}: no difference that {gain.n:,} faces can show; {bounds} points"
    return f"{score}: {what} {effect}, {gain.points:+.1f} points; {bounds}, paired, {gain.n:,} faces"


def recalls_text(changes: Sequence[LabelChange], before: str, after: str) -> str:
    """A line per label: faces, recall before and after, faces that only one of them names, corrected p."""
    rows = []
    for each in changes:
        shares = [percent(right / each.n if each.n else None) for right in (each.before, each.after)]
        p = "<0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}"
        rows.append((plain(each.label, 16), f"{each.n:,}", *shares, f"{each.fixed:,}", f"{each.broken:,}", p))
    return grid(
        ("recall, percent", "faces", plain(before, 12), plain(after, 12), "better", "worse", "p (Holm)"), rows
    )


def labels_text(what: str, changes: Sequence[LabelChange]) -> str:
    """One line: which labels were won and lost, none that could be chance."""
    named = [
        (verb, [plain(each.label, 16) for each in changes if each.verdict == verb])
        for verb in ("won", "lost")
    ]
    labels = " and ".join(f"{verb} {', '.join(names)}" for verb, names in named if names)
    return f"{what} {labels or 'won or lost no label that the counts can show'}"
