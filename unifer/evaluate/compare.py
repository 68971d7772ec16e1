"""Two runs on the same questions: what the second gained, question by question, with a paired bootstrap and an exact test.

Knows graded predictions; no files. Pairing is the point: questions that are hard for both runs cancel out, so the interval of the
difference is narrower than two separate intervals suggest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.metrics import LEVEL, RESAMPLES
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Measure = Callable[[Graded], float | None]
"""The worth of one reply in [0, 1]; None where its question does not tell."""


@dataclass(frozen=True)
class Gain:
    """Mean of after minus before in percentage points over `n` questions, with its 95 % percentile bootstrap interval.

    `fixed` and `broken` count the questions that got better and worse. `p` is the two-sided exact sign test on them; for right against
    wrong answers that is McNemar's exact test.
    """

    points: float
    ci95: tuple[float, float]
    n: int
    fixed: int
    broken: int
    p: float
    resamples: int
    seed: int

    def to_json(self) -> Json:
        return vars(self) | {"ci95": list(self.ci95), "method": "paired percentile bootstrap over questions", "level": LEVEL}


def correct(graded: Graded) -> float:
    """1 for the right answer, else 0: its mean is WAR."""
    return float(graded.correct)


def face_f1(graded: Graded) -> float | None:
    """F1 of the AUs that the reply claims against those of the face; None where the face is not annotated."""
    return None if graded.claim is None else graded.claim.f1


def paired_gain(
    before: Sequence[Graded], after: Sequence[Graded], measure: Measure = correct, *, resamples: int = RESAMPLES, seed: int = 0
) -> Gain:
    """What `after` gained over `before` by `measure`, over the questions that tell.

    Raises InputError where the two do not answer the same questions, naming the first that differs, and where no question tells.
    """
    pairs = _paired(before, after)
    worth = [(measure(first), measure(second)) for first, second in pairs]
    differences = [second - first for first, second in worth if first is not None and second is not None]
    if not differences:
        raise InputError(f"none of the {len(pairs):,} questions tells: there is nothing to compare (are their AUs annotated?)")
    return gain(np.array(differences), resamples=resamples, seed=seed)


def gain(differences: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Gain:
    """The gain from differences after - before, one a question, shape (n,), n >= 1.

    Drawing questions with replacement is one multinomial draw over the distinct differences: for right and wrong answers over fixed,
    broken and unchanged.
    """
    size = len(differences)
    values, count = np.unique(differences, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(size, count / size, size=resamples)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(100 * (drawn @ values) / size, [tail, 100 - tail])
    fixed, broken = int((differences > 0).sum()), int((differences < 0).sum())
    points = 100 * float(differences.mean())
    return Gain(points, (float(low), float(high)), size, fixed, broken, sign_test(fixed, broken), resamples, seed)


def sign_test(fixed: int, broken: int) -> float:
    """Two-sided exact p of `fixed` against `broken` under even odds, 1 where there is neither (McNemar 1947, exact form)."""
    discordant = fixed + broken
    term, tail = 1, 0
    for index in range(min(fixed, broken) + 1):
        tail += term
        term = term * (discordant - index) // (index + 1)
    # Whole numbers to the last step: 2 ** discordant is beyond any float from 1,024 on.
    p: float = 2 * tail / 2**discordant
    return min(1.0, p)


def _paired(before: Sequence[Graded], after: Sequence[Graded]) -> list[tuple[Graded, Graded]]:
    """Both verdicts on every question, in the order of `before`."""
    first, second = _by_key(before), _by_key(after)
    for one, other, which in ((first, second, "before"), (second, first, "after")):
        lone = [key for key in one if key not in other]
        if lone:
            problem = f"question {lone[0]!r} stands in the run {which} alone, the first of {len(lone):,} such"
            raise InputError(f"{problem}; a paired comparison needs the same questions: finish both runs with `unifer infer`")
    for key, graded in first.items():
        old, new = graded.prediction.question, second[key].prediction.question
        if (old.true_label, old.action_units) != (new.true_label, new.action_units):
            said = f"{old.true_label!r} before and {new.true_label!r} after"
            raise InputError(f"question {key!r} is another one in each run ({said}, or other AUs); answer one question file with both")
    return [(graded, second[key]) for key, graded in first.items()]


def _by_key(graded: Sequence[Graded]) -> dict[str, Graded]:
    found: dict[str, Graded] = {}
    for row in graded:
        key = row.prediction.question.key
        if key in found:
            raise InputError(f"question {key!r} stands twice in one run; compare runs of one question file at a time")
        found[key] = row
    return found
