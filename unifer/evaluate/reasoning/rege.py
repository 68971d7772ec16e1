"""REGE, recognition and generation together: S_re + S_ge, from 0 to 200.

S_re is 100 x accuracy where the question asks for an emotion, 100 x macro AU F1 where AUs are annotated; S_ge
is 100 x mean ROUGE-L F-measure. Source: EmoLA (Li et al., Facial Affective Behavior Analysis with Instruction
Tuning, 2024). Its own ROUGE-L comes from another package, without stems; docs/reasoning.md says in what the
figures differ. Knows numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.au_metrics import HEADLINE, Claim, headline_of, unit_rows
from unifer.evaluate.reasoning.shares import Draws
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MACRO = HEADLINE.index("macro_f1")


@dataclass(frozen=True)
class Rege:
    """Both parts in percent, over how many questions each is, and the 95 % interval of their sum."""

    s_re: float
    s_ge: float
    n_re: int
    n_ge: int
    interval: tuple[float, float] | None = None

    @property
    def total(self) -> float:
        return self.s_re + self.s_ge

    def to_json(self) -> Json:
        bounds = None if self.interval is None else list(self.interval)
        return {
            "rege": self.total,
            "s_re": self.s_re,
            "s_ge": self.s_ge,
            "n_re": self.n_re,
            "n_ge": self.n_ge,
            "ci95": bounds,
        }


def rege_of_answers(
    correct: Sequence[bool | None], rouge: Sequence[float | None], draws: Draws
) -> Rege | None:
    """With S_re the accuracy. One entry a question: None where it asks for no emotion, or has no reference.

    None where no question asks for an emotion, or none has a reference.
    """
    rows = np.concatenate([_counted(correct), _counted(rouge)], axis=1)

    def parts(sums: Floats) -> Floats:
        return 100 * sums[:, (0, 2)] / sums[:, (1, 3)]

    return _rege(rows, parts, n_re=int(rows[:, 1].sum()), n_ge=int(rows[:, 3].sum()), draws=draws)


def rege_of_units(
    claims: Sequence[Claim | None], rouge: Sequence[float | None], units: Sequence[int], draws: Draws
) -> Rege | None:
    """With S_re the macro F1 over those of `units` that a face shows.

    One entry a question, None as in `rege_of_answers`.
    """
    faces = [index for index, claim in enumerate(claims) if claim is not None]
    if not faces:
        return None
    counts = unit_rows([claim for claim in claims if claim is not None], units)
    placed = np.zeros((len(claims), counts.shape[1] + 1))
    placed[faces] = np.column_stack([counts, np.ones(len(faces))])
    rows = np.concatenate([placed, _counted(rouge)], axis=1)

    def parts(sums: Floats) -> Floats:
        recognition = headline_of(sums[:, : counts.shape[1]], sums[:, counts.shape[1]])[:, _MACRO]
        texts = sums[:, counts.shape[1] + 1 :]
        return 100 * np.column_stack([recognition, texts[:, 0] / texts[:, 1]])

    return _rege(rows, parts, n_re=len(faces), n_ge=int(rows[:, -1].sum()), draws=draws)


def _counted(values: Sequence[float | None]) -> Floats:
    """Value and 1 a row, 0 and 0 where there is none: shape (rows, 2)."""
    return np.array([(0.0, 0.0) if value is None else (float(value), 1.0) for value in values]).reshape(-1, 2)


def _rege(
    rows: Floats, parts: Callable[[Floats], Floats], *, n_re: int, n_ge: int, draws: Draws
) -> Rege | None:
    """`parts` makes S_re and S_ge, shape (samples, 2), of sums of `rows`."""
    if not n_re or not n_ge:
        return None
    with np.errstate(invalid="ignore"):
        s_re, s_ge = parts(rows.sum(axis=0)[None])[0].tolist()
    if np.isnan(s_re):
        return None
    interval = draws.interval(rows, lambda sums: parts(sums[:, :-1]).sum(axis=1), range(len(rows)))
    return Rege(s_re, s_ge, n_re, n_ge, interval)


Words = list[str]

_LONGEST = 64
"""Longer words are no English words: they are stemmed, and not remembered."""


def rouge_l(reply: str, reference: str) -> float:
    """F-measure 2PR / (P + R) of the longest common subsequence of words, in [0, 1].

    0 where either text has no word.
    """
    said, wanted = words(reply), words(reference)
    if not said or not wanted:
        return 0.0
    common = longest_common(said, wanted)
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def words(text: str) -> Words:
    """The stemmed words of `text`, as the package cuts them.

    Imports NLTK, which takes seconds, at the first call.
    """
    from rouge_score.tokenize import tokenize

    found: Words = tokenize(text, _stemmer())
    return found


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Takes time in proportion to the longer text times the shorter one in machine words.
    """
    short, long = sorted((one, other), key=len)
    places: dict[str, int] = {}
    for at, word in enumerate(short):
        places[word] = places.get(word, 0) | 1 << at
    whole = (1 << len(short)) - 1
    open_ = whole
    for word in long:
        hit = open_ & places.get(word, 0)
        if hit:
            open_ = ((open_ + hit) | (open_ - hit)) & whole
    return len(short) - open_.bit_count()


class _Stemmer:
    """The package's stemmer with a memory: replies of one run share few words."""

    def __init__(self, stem: Callable[[str], str]) -> None:
        self._stem = stem
        self._known = lru_cache(maxsize=1 << 16)(stem)

    def stem(self, word: str) -> str:
        return self._known(word) if len(word) <= _LONGEST else self._stem(word)


@cache
def _stemmer() -> _Stemmer:
    from nltk.stem.porter import PorterStemmer

    return _Stemmer(PorterStemmer().stem)
