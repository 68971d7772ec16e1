"""The interval of a share that was counted. Knows two numbers."""

from __future__ import annotations

import math

_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % score interval of the proportion `hits` / `n`, in [0, 1] (Wilson, JASA 22, 1927).

    Raises ZeroDivisionError for n = 0.
    """
    share, z2 = hits / n, _Z**2
    centre, half = share + z2 / (2 * n), _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z2 / n)), min(1.0, (centre + half) / (1 + z2 / n))
