"""A memory of accepted reasoning that finds near-duplicates.

It compares word 3-grams: MinHash with locality-sensitive hashing, then the true Jaccard. Knows words alone.
Memory grows linearly with what is kept, some 2 kB a text of a hundred words, so 230,000 texts fit in half a
GB.

Of one face, every kept text is compared. Over different faces at most `repeats` near-identical texts are
kept: reasoning may resemble other reasoning, but a template that fits every face teaches nothing. Candidates
over faces come from 8 bands of 6 MinHash rows, which finds a pair of similarity s with probability 1 - (1 -
s^6)^8: 0.98 at 0.85, 0.11 at 0.5 (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4).
"""

from __future__ import annotations

import re
import zlib
from array import array
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unifer.prepare.curation.filter import FilterSettings

_WORDS = re.compile(r"\w+")
_SHINGLE = 3
_BANDS, _ROWS = 8, 6
_MOST_COMPARED = 256
"""Candidates compared before a text is taken as new.

This bounds the time where thousands of texts share a band but not their wording.
"""


class NearDuplicates:
    """Kept reasoning by face. Not thread-safe."""

    def __init__(self, settings: FilterSettings) -> None:
        self._threshold, self._repeats = settings.similarity, settings.repeats
        self._keys: list[str] = []
        self._shingles: list[NDArray[np.uint32]] = []
        self._of_face: dict[str, list[int]] = {}
        # Band -> its hash -> the newest text with it; `_older` links each text to the one before it in the
        # same bucket.
        self._newest: list[dict[int, int]] = [{} for _ in range(_BANDS)]
        self._older = [array("i") for _ in range(_BANDS)]

    def __len__(self) -> int:
        return len(self._keys)

    def seen(self, key: str, reasoning: str) -> str | None:
        """The face whose kept reasoning this one nearly repeats.

        None: it is new, and remembered as kept for the face `key`.
        """
        shingles = _shingled(reasoning)
        if any(
            _jaccard(shingles, self._shingles[index]) >= self._threshold
            for index in self._of_face.get(key, ())
        ):
            return key
        bands = _bands(shingles) if self._repeats is not None and self._threshold <= 1 else []
        earlier = self._elsewhere(shingles, bands)
        if earlier is None:
            self._remember(key, shingles, bands)
        return earlier

    def _elsewhere(self, shingles: NDArray[np.uint32], bands: list[int]) -> str | None:
        """The face of the first of `repeats` near-identical texts; None while there are fewer."""
        compared: set[int] = set()
        alike: list[int] = []
        for newest, older, band in zip(self._newest, self._older, bands, strict=False):
            index = newest.get(band, -1)
            while index >= 0 and len(compared) < _MOST_COMPARED:
                if index not in compared:
                    compared.add(index)
                    if _jaccard(shingles, self._shingles[index]) >= self._threshold:
                        alike.append(index)
                        if len(alike) == self._repeats:
                            return self._keys[min(alike)]
                index = older[index]
        return None

    def _remember(self, key: str, shingles: NDArray[np.uint32], bands: list[int]) -> None:
        index = len(self._keys)
        self._keys.append(key)
        self._shingles.append(shingles)
        self._of_face.setdefault(key, []).append(index)
        for newest, older, band in zip(self._newest, self._older, bands, strict=False):
            older.append(newest.get(band, -1))
            newest[band] = index


def _shingled(text: str) -> NDArray[np.uint32]:
    """Sorted hashes of the word 3-grams of `text`; of a shorter text, the one of all its words."""
    words = _WORDS.findall(text.casefold())
    grams = (" ".join(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1)))
    return np.unique(
        np.fromiter((zlib.crc32(gram.encode("utf-8", "replace")) for gram in grams), dtype=np.uint32)
    )


def _jaccard(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def _bands(shingles: NDArray[np.uint32]) -> list[int]:
    """A hash of each band of the MinHash signature (multiply-shift hashing modulo 2^64, upper half)."""
    factors, offsets = _permutations()
    signature = ((factors[:, None] * shingles.astype(np.uint64) + offsets[:, None]) >> np.uint64(32)).min(
        axis=1
    )
    return [
        zlib.crc32(rows.tobytes()) | (zlib.adler32(rows.tobytes()) << 32)
        for rows in signature.reshape(_BANDS, _ROWS)
    ]


@cache
def _permutations() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    drawn = rng.integers(1, 2**63, size=(2, _BANDS * _ROWS), dtype=np.uint64)
    return drawn[0] * np.uint64(2) + np.uint64(1), drawn[1]
