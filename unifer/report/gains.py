"""What training gained, in words that the numbers carry: recall of each label before and after, and a
sentence from each interval.

Computes no score and prints nothing: each function returns text for a terminal of 80 columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from unifer.evaluate.statistics.compare import Gain
from unifer.evaluate.statistics.recalls import LabelChange
from unifer.report.tables import grid, percent, plain

HELPED, NO_DIFFERENCE, HURT = "helped", "no difference", "hurt"


def verdict(gain: Gain) -> str:
    """What the interval of `gain` allows to be said: one of the three words above."""
    low, high = gain.ci95
    return HELPED if low > 0 else HURT if high < 0 else NO_DIFFERENCE


def verdict_text(what: str, score: str, gain: Gain) -> str:
    """One line: `WAR: GRPO helped, ...`. Where the interval holds 0 no gain is given, since its sign would
    mean nothing.
    """
    low, high = gain.ci95
    found, bounds = verdict(gain), f"95 % [{low:+.1f}, {high:+.1f}]"
    if found == NO_DIFFERENCE:
        return f"{score}: no difference that {gain.n:,} faces can show; {bounds} points"
    return f"{score}: {what} {found}, {gain.points:+.1f} points; {bounds}, paired, {gain.n:,} faces"


def recalls_text(changes: Sequence[LabelChange], before: str, after: str) -> str:
    """A line for each label: faces, recall before and after, faces that only one of them names, corrected
    p.
    """
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
    found = " and ".join(f"{verb} {', '.join(labels)}" for verb, labels in named if labels)
    return f"{what} {found}" if found else f"{what} won or lost no label that the counts can show"
