"""Do two thumbnails show one picture?

Laid over one another by least squares, then compared block by block. Knows arrays alone. A copy may have been
cut at the edges, scaled along each axis, brightened or compressed: what remains after a fit of shift, scale,
gain and offset is small everywhere. Another person, or another expression of the same one, leaves a large
difference in some block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

BLOCKS = 7
"""Blocks a side in which the differences are averaged, the outermost pixels left out."""

_ROUNDS = 3
_MOST_SHIFT, _MOST_SCALE = 0.12, 0.12
"""Of the half side: beyond a cut of 3 % at every edge, short of fitting one face to another."""

_BLUR = 1.0
"""Standard deviation in pixels: thumbnails of a cut and of a whole picture fall on other pixel borders."""

_WHITE = 235
"""Gray level from which a pixel may have been clipped by brightening: it says nothing of what was there."""


def differences(first: Floats, second: Floats) -> Floats:
    """Largest block difference of each pair after the fit, in standard deviations of `second`'s gray levels.

    `first` and `second` are N x S x S; the result is N: about 0 for copies, about 1 and more for unrelated
    pictures. The fit is Gauss-Newton over (gain, offset, two shifts, two scales), the residual of whose last
    round is compared.
    """
    count, side = len(first), first.shape[1]
    blur = _blur(side)
    first, second = blur @ first @ blur.T, blur @ second @ blur.T
    weight = _unclipped(first, second)
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    # Per axis: position = scale * grid + shift, in half sides.
    scale, shift = np.ones((count, 2), np.float32), np.zeros((count, 2), np.float32)
    for turn in range(_ROUNDS + 1):
        columns = _columns(_resampled(first, scale, shift), grid)
        steps = _fit(columns * weight[..., None], second * weight)
        if turn < _ROUNDS:
            gain = np.where(np.abs(steps[:, 0]) < 0.1, 0.1, steps[:, 0])[:, None]
            shift = np.clip(shift + steps[:, 2:4] / gain, -_MOST_SHIFT, _MOST_SHIFT)
            scale = np.clip(scale + steps[:, 4:6] / gain, 1 - _MOST_SCALE, 1 + _MOST_SCALE)
    rest = (second - np.einsum("nijk,nk->nij", columns, steps)) * weight
    largest: Floats = _largest_block(rest) / np.maximum(second.std(axis=(1, 2)), 1)
    return largest


def _blur(side: int) -> Floats:
    """S x S: a Gaussian along one axis, each row of sum 1."""
    at = np.arange(side, dtype=np.float32)
    weights = np.exp(-(((at[:, None] - at) / _BLUR) ** 2) / 2)
    rows: Floats = weights / weights.sum(axis=1, keepdims=True)
    return rows


def _unclipped(first: Floats, second: Floats) -> Floats:
    """1 where both are darker than white, else 0.

    1 everywhere where less than half would be left to compare.
    """
    weight = ((first < _WHITE) & (second < _WHITE)).astype(np.float32)
    weight[weight.mean(axis=(1, 2)) < 0.5] = 1
    return weight


def _resampled(pictures: Floats, scale: Floats, shift: Floats) -> Floats:
    """Every picture read at `scale * grid + shift` along each axis (rows, columns).

    Linearly, with its edges continued.
    """
    rows, columns = (_weights(pictures.shape[1], scale[:, axis], shift[:, axis]) for axis in (0, 1))
    read: Floats = rows @ pictures @ columns.transpose(0, 2, 1)
    return read


def _weights(side: int, scale: Floats, shift: Floats) -> Floats:
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    at = np.clip((scale[:, None] * grid + shift[:, None] + 1) * (side - 1) / 2, 0, side - 1)
    weights: Floats = np.maximum(
        np.float32(0), 1 - np.abs(at[:, :, None] - np.arange(side, dtype=np.float32))
    )
    return weights


def _columns(warped: Floats, grid: Floats) -> Floats:
    """N x S x S x 6: how the picture changes with gain, offset, the two shifts and the two scales."""
    per_pixel = 2 / (warped.shape[1] - 1)
    down, right = np.gradient(warped, per_pixel, axis=1), np.gradient(warped, per_pixel, axis=2)
    columns: Floats = np.stack(
        [warped, np.ones_like(warped), down, right, down * grid[None, :, None], right * grid[None, None, :]],
        axis=3,
    )
    return columns


def _fit(columns: Floats, target: Floats) -> Floats:
    """Least squares of the inner pixels of `target` on `columns`: N x 6."""
    inner = columns[:, 2:-2, 2:-2].reshape(len(columns), -1, 6)
    wanted = target[:, 2:-2, 2:-2].reshape(len(target), -1, 1)
    turned = inner.transpose(0, 2, 1)
    squares = turned @ inner
    # A little of each column's own size, and a constant for a flat picture, whose columns are 0.
    sizes = 1e-4 * np.einsum("nkk->nk", squares) + 1e-3
    steps: Floats = np.linalg.solve(
        squares + sizes[:, :, None] * np.eye(6, dtype=np.float32), turned @ wanted
    )[:, :, 0]
    return steps


def _largest_block(rest: Floats) -> Floats:
    inner = rest[:, 2:-2, 2:-2]
    side = inner.shape[1] // BLOCKS
    largest: Floats = np.abs(inner.reshape(len(rest), BLOCKS, side, BLOCKS, side).mean(axis=(2, 4))).max(
        axis=(1, 2)
    )
    return largest
