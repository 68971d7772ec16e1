"""What a second run won and lost on each label: right answers before and after, McNemar's exact test, Holm's correction over the labels.

Knows graded predictions; no files. Without a correction one of eight equal labels would be named in every third comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unifer.emotions import canonical
from unifer.evaluate.grading import Graded
from unifer.evaluate.statistics.compare import holm, sign_test
from unifer.evaluate.statistics.matching import match
from unifer.records import Json

ALPHA = 0.05


@dataclass(frozen=True)
class LabelChange:
    """`n` faces of one label: how many each run names, how many only the second (`fixed`) and only the first (`broken`)."""

    label: str
    n: int
    before: int
    after: int
    fixed: int
    broken: int
    p_holm: float

    @property
    def verdict(self) -> str:
        """`won`, `lost`, or nothing where the counts could be chance."""
        if self.p_holm > ALPHA:
            return ""
        return "won" if self.fixed > self.broken else "lost"

    def to_json(self) -> Json:
        counts = {"n": self.n, "right_before": self.before, "right_after": self.after, "fixed": self.fixed, "broken": self.broken}
        shares = {"before": self.before / self.n, "after": self.after / self.n} if self.n else {"before": None, "after": None}
        return {**shares, **counts, "p_holm": self.p_holm}


def label_changes(before: Sequence[Graded], after: Sequence[Graded], labels: Sequence[str]) -> list[LabelChange]:
    """One for each of `labels`, over the questions of both runs. Raises InputError where they do not answer the same questions."""
    graded = match({"before": before, "after": after}).graded
    counts = {canonical(label): [0, 0, 0, 0] for label in labels}
    for first, second in zip(graded["before"], graded["after"], strict=True):
        truth = first.prediction.question.true_label
        if truth is not None:
            cell = counts[canonical(truth)]
            cell[2 * first.correct + second.correct] += 1
    corrected = holm([sign_test(fixed, broken) for _, fixed, broken, _ in counts.values()])
    return [
        LabelChange(label, neither + fixed + broken + both, broken + both, fixed + both, fixed, broken, p)
        for label, (neither, fixed, broken, both), p in zip(labels, counts.values(), corrected, strict=True)
    ]
