"""Which pictures are copies of one another: same pixels, re-encoded, slightly cut, or mirrored.

Knows fingerprints; no rows, no labels. Aligned faces all look alike to a short hash, so three steps narrow
the pairs down, each cheaper than what it spares the next (`docs/data_checks.md` has recall and precision,
`benchmarks/duplicates.py` measures them):

1. cosine of the low DCT frequencies of two thumbnails, over all pairs by matrix products;
2. the same against the picture *and* how it changes when shifted and scaled (tangent distance: Simard, LeCun
   and Denker, 1993);
3. one laid over the other by least squares, the largest block difference compared (`alignment`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unifer.prepare.checks.alignment import differences
from unifer.prepare.checks.pictures import Fingerprints

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

Kind = Literal["exact", "near", "mirror"]

FREQUENCIES = 8
"""DCT coefficients along each axis; the first, the mean, is left out."""

ALIKE = 0.88
"""Step 1: least cosine. Copies cut by up to 3 % at every edge reach 0.886."""

TANGENT = 0.98
"""Step 2: least cosine to the plane of shifts and scales.

Such copies reach 0.997, brightened and clipped ones 0.984.
"""

DIFFERENCE = 0.15
"""Step 3: largest block difference, in standard deviations. Cut and compressed copies stay below 0.09."""

_FLAT = 2.0
"""Standard deviation of gray levels below which a picture shows nothing that could be compared."""
_TILE, _BATCH = 2048, 512


class CopyPair(NamedTuple):
    """Two pictures by number, and what the second is of the first."""

    first: int
    second: int
    kind: Kind


@dataclass(frozen=True)
class Copies:
    """`same[i]`: the first picture with the pixels of picture i (i itself where it is the first).

    `alike`: pairs of such firsts.
    """

    same: list[int]
    alike: list[CopyPair]

    @classmethod
    def none(cls, count: int) -> Copies:
        """Of `count` pictures no two are known to be copies: nothing was decoded."""
        return cls(list(range(count)), [])

    def neighbours(self) -> dict[int, list[tuple[int, Kind]]]:
        """First picture -> those it resembles, both ways."""
        alike: dict[int, list[tuple[int, Kind]]] = {}
        for first, second, kind in self.alike:
            alike.setdefault(first, []).append((second, kind))
            alike.setdefault(second, []).append((first, kind))
        return alike


def copies(prints: Fingerprints, advance: Callable[[int], None] | None = None) -> Copies:
    """All copies among `prints`; `advance` hears how many more pictures were compared with all before them.

    Time grows with the square of the number of distinct pictures. Flat pictures are compared by their pixels
    alone.
    """
    first_with: dict[bytes, int] = {}
    same = [
        first_with.setdefault(digest, index) if digest else index
        for index, digest in enumerate(prints.pixel_digests)
    ]
    spread = prints.thumbnails.std(axis=(1, 2))
    distinct = np.array(
        [
            i
            for i, digest in enumerate(prints.pixel_digests)
            if digest and same[i] == i and spread[i] >= _FLAT
        ],
        np.int64,
    )
    alike = [
        CopyPair(int(distinct[i]), int(distinct[j]), kind)
        for i, j, kind in _alike(prints.thumbnails[distinct], advance)
    ]
    if advance:
        advance(len(prints) - len(distinct))
    return Copies(same, alike)


def leaks(known: Copies, train: Collection[int], test: Collection[int]) -> list[CopyPair]:
    """(training picture, test picture, kind) for every training picture with a copy in `test`.

    Of several copies the closest counts.
    """
    tested: dict[int, int] = {}
    for picture in test:
        tested.setdefault(known.same[picture], picture)
    neighbours = known.neighbours()
    pairs = []
    for picture in train:
        own = known.same[picture]
        if own in tested:
            pairs.append(CopyPair(picture, tested[own], "exact"))
            continue
        close = [
            (kind != "near", tested[other], kind)
            for other, kind in neighbours.get(own, ())
            if other in tested
        ]
        if close:
            _, other, kind = min(close)
            pairs.append(CopyPair(picture, other, kind))
    return pairs


def _alike(thumbnails: Bytes, advance: Callable[[int], None] | None) -> Iterator[tuple[int, int, Kind]]:
    """Pairs i < j of `thumbnails`, as they are or the second mirrored; a pair that is both is the former."""
    if not len(thumbnails):
        return
    plain, turned = low_frequencies(thumbnails), low_frequencies(thumbnails[:, :, ::-1])
    for start in range(0, len(thumbnails), _TILE):
        rows = thumbnails[start : start + _TILE]
        planes = _planes(rows)
        seen: set[tuple[int, int]] = set()
        for kind, vectors in (("near", plain), ("mirror", turned)):
            for first, second in _candidates(plain[start : start + _TILE], planes, vectors, start):
                picked = thumbnails[second] if kind == "near" else thumbnails[second][:, :, ::-1]
                copied = _verified(rows[first], picked)
                for i, j in zip((first[copied] + start).tolist(), second[copied].tolist(), strict=True):
                    if (i, j) not in seen:
                        seen.add((i, j))
                        yield i, j, ("near" if kind == "near" else "mirror")
        if advance:
            advance(len(rows))


def _candidates(
    own: Floats, planes: Floats, vectors: Floats, start: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(row of the tile, picture after it) that pass steps 1 and 2."""
    for column in range(start, len(vectors), _TILE):
        others = vectors[column : column + _TILE]
        close = own @ others.T >= ALIKE
        if column == start:
            close = np.triu(close, 1)
        # Over one axis: several times faster than nonzero over two.
        first, second = np.divmod(np.flatnonzero(close), len(others))
        for at in range(0, len(first), 65536):
            i, j = first[at : at + 65536], second[at : at + 65536]
            inside = np.einsum("ndk,nd->nk", planes[i], others[j])
            passed = (inside**2).sum(axis=1) >= TANGENT**2
            yield i[passed], j[passed] + column


def _verified(first: Bytes, second: Bytes) -> NDArray[np.bool_]:
    near = np.zeros(len(first), np.bool_)
    for at in range(0, len(first), _BATCH):
        a, b = first[at : at + _BATCH].astype(np.float32), second[at : at + _BATCH].astype(np.float32)
        # Either may be the part that was cut out of the other.
        near[at : at + _BATCH] = np.minimum(differences(a, b), differences(b, a)) <= DIFFERENCE
    return near


def low_frequencies(thumbnails: Any) -> Floats:
    """N x (FREQUENCIES squared - 1) low DCT coefficients, each row of length 1."""
    rows = np.concatenate(
        [_coefficients(thumbnails[at : at + _TILE]) for at in range(0, len(thumbnails), _TILE)]
    )
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


def _coefficients(pictures: Any) -> Floats:
    side = pictures.shape[1]
    cosines = np.cos(np.pi / side * (np.arange(side) + 0.5) * np.arange(FREQUENCIES)[:, None]).astype(
        np.float32
    )
    # DCT-II, scaled to keep lengths; the first row, a constant, is longer than the others before that.
    cosines *= np.sqrt(np.where(np.arange(FREQUENCIES) == 0, 1, 2) / side).astype(np.float32)[:, None]
    low: Floats = (cosines @ pictures.astype(np.float32) @ cosines.T).reshape(len(pictures), -1)[:, 1:]
    return low


def _planes(thumbnails: Bytes) -> Floats:
    """N x D x 5: an orthonormal basis of each picture's low frequencies and of their changes.

    The changes are those under the two shifts and the two scales.
    """
    pictures = thumbnails.astype(np.float32)
    grid = np.linspace(-1, 1, pictures.shape[1], dtype=np.float32)
    down, right = np.gradient(pictures, axis=1), np.gradient(pictures, axis=2)
    changes = (pictures, down, right, down * grid[None, :, None], right * grid[None, None, :])
    basis: Floats = np.linalg.qr(np.stack([_coefficients(each) for each in changes], axis=2))[0]
    return basis
