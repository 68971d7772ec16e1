"""ROUGE-L of a reply against a reference text, to the digit what the package `rouge-score` computes with
stemming.

Words and stems are the package's own: lower-case runs of letters a-z and digits, those of more than three
characters stemmed (Porter). The longest common subsequence is found by bits of one whole number instead of a
table of words x words, which takes seconds and gigabytes for a long reply; `benchmarks/score_parity.py` holds
both against each other.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004); the bits: Hyyrö, "Bit-Parallel
LCS-length Computation Revisited" (2004). Knows texts alone; which text is the reference of which reply is
`scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

Words = list[str]

_LONGEST = 64
"""Longer words are no English words: they are stemmed, and not remembered."""


def rouge_l(reply: str, reference: str) -> float:
    """F-measure 2PR / (P + R) of the longest common subsequence of words, in [0, 1]; 0 where either text has
    no word.
    """
    said, wanted = words(reply), words(reference)
    if not said or not wanted:
        return 0.0
    common = longest_common(said, wanted)
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def words(text: str) -> Words:
    """The stemmed words of `text`, as the package cuts them. Imports NLTK, which takes seconds, at the first
    call.
    """
    from rouge_score.tokenize import tokenize

    found: Words = tokenize(text, _stemmer())
    return found


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence; time in proportion to the longer text times the shorter one
    in machine words.
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
