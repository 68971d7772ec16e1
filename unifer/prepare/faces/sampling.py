"""Which AUs a face of an emotion shows, with the variation of real faces: emotion -> a random expression.

Knows the prototypes and what goes along with them; not how an AU is drawn. Some expressions are honestly ambiguous:
weak, incomplete, or blended with another emotion.
"""

from __future__ import annotations

from random import Random
from types import MappingProxyType

from unifer.action_units import ACTION_UNITS, PROTOTYPES
from unifer.emotions import EMOTIONS
from unifer.prepare.faces.expressions import Expression, Side

_CORE = MappingProxyType(
    {
        "neutral": (),
        "happiness": (12,),
        "sadness": (1, 15),
        "surprise": (2, 26),
        "fear": (4, 20),
        "disgust": (9, 10),
        "anger": (4, 23),
        "contempt": (14,),
    }
)
"""The AUs that tell one emotion from the others; they are dropped less often than the rest of the prototype."""

_COMPANIONS: MappingProxyType[str, tuple[tuple[int, float], ...]] = MappingProxyType(
    {
        "neutral": (),
        "happiness": ((26, 0.25), (13, 0.06), (7, 0.1), (11, 0.05)),
        "sadness": ((11, 0.3), (43, 0.12), (7, 0.1), (25, 0.1), (6, 0.08)),
        "surprise": ((25, 0.3), (27, 0.2), (18, 0.05)),
        "fear": ((26, 0.35), (16, 0.1), (7, 0.12), (27, 0.06)),
        "disgust": ((4, 0.25), (7, 0.2), (16, 0.15), (25, 0.15), (19, 0.06), (15, 0.15)),
        "anger": ((24, 0.3), (17, 0.25), (10, 0.15), (31, 0.2), (29, 0.12), (25, 0.1), (9, 0.08)),
        "contempt": ((12, 0.25), (24, 0.1), (2, 0.12), (7, 0.08), (10, 0.06)),
    }
)
"""Emotion -> the AUs that often join its prototype, each with its probability."""

IMPOSSIBLE = frozenset(
    frozenset(pair)
    for pair in (
        *((43, 5), (43, 7), (43, 6), (26, 27), (27, 24), (27, 23), (27, 28), (27, 32), (27, 18), (27, 13), (27, 31), (26, 31), (27, 14), (26, 24)),
        *((24, 25), (24, 22), (24, 28), (24, 32), (24, 19), (24, 18), (24, 16), (24, 23), (23, 27), (23, 28), (23, 22), (23, 19), (23, 32), (23, 18)),
        *((28, 25), (28, 18), (28, 22), (28, 19), (28, 32), (28, 16), (28, 10), (28, 20), (32, 22), (32, 18), (32, 19), (32, 16), (32, 20), (18, 20)),
        *((18, 22), (18, 12), (18, 16), (18, 19), (22, 20), (22, 12), (22, 19), (22, 13), (22, 14), (13, 15), (13, 12), (13, 18), (13, 20), (12, 14)),
        *((14, 20), (14, 18), (19, 17), (19, 27), (19, 31), (16, 17), (29, 30), (29, 31), (27, 29), (27, 30), (27, 22), (27, 16), (27, 20), (14, 13)),
        *((9, 11), (10, 11), (24, 13), (26, 28), (26, 32), (26, 18), (26, 23), (17, 27), (29, 32), (22, 17), (14, 15), (15, 18), (15, 22), (25, 32)),
        *((31, 19), (10, 18), (10, 22), (30, 31), (16, 22), (14, 22), (10, 13), (27, 15), (27, 12)),
    )
)
"""Pairs that one face cannot show, or that hide each other."""

_ONE_SIDED = (2, 10, 12, 14, 30)
"""AUs that a face often shows on one side only."""


def sample_expression(emotion: str, rng: Random) -> Expression:
    """A random expression of a canonical emotion. Raises KeyError for a name that is not in `EMOTIONS`."""
    intensities = _clear(emotion, rng)
    kind = rng.random()
    if kind < 0.06:
        other = rng.choice([name for name in EMOTIONS if name not in (emotion, "neutral")])
        _join(intensities, {n: 0.6 * value for n, value in _clear(other, rng).items() if rng.random() < 0.6})
    elif kind < 0.16:
        intensities = {n: max(0.5, 0.45 * value) for n, value in intensities.items()}
    if rng.random() < 0.15:
        _join(intensities, {rng.choice(tuple(ACTION_UNITS)): rng.uniform(0.5, 1.6)})
    return _rounded(intensities, _sides(emotion, intensities, rng))


def sample_free(rng: Random) -> Expression:
    """A free combination of up to six AUs that one face can show together; one in twenty shows none."""
    wanted = 0 if rng.random() < 0.05 else rng.randint(1, 6)
    intensities: dict[int, float] = {}
    for number in rng.sample(tuple(ACTION_UNITS), 12):
        if len(intensities) < wanted and not (number in (12, 15) and {12, 15} & set(intensities) and rng.random() < 0.8):
            _join(intensities, {number: rng.uniform(0.8, 5.0)})
    sides: dict[int, Side] = {n: rng.choice(("L", "R")) for n in intensities if n in _ONE_SIDED and (n == 30 or rng.random() < 0.3)}
    return _rounded(intensities, sides)


def _clear(emotion: str, rng: Random) -> dict[int, float]:
    """The prototype with its companions: most distinguishing AUs kept, the others dropped now and then."""
    prototype, core = PROTOTYPES[emotion], _CORE[emotion]
    level = rng.triangular(1.4, 5.0, 3.4)
    kept = [n for n in prototype if rng.random() > (0.06 if n in core else 0.16)]
    if prototype and not set(kept) & set(core):
        kept.append(rng.choice(core))
    intensities = {n: level + rng.uniform(-1.1, 1.1) for n in kept}
    for number, probability in _COMPANIONS[emotion]:
        if rng.random() < probability:
            _join(intensities, {number: 0.8 * level + rng.uniform(-1.0, 1.0)})
    return intensities


def _join(intensities: dict[int, float], more: dict[int, float]) -> None:
    """Add the AUs that are absent and possible beside those present."""
    for number, value in more.items():
        if number not in intensities and not any(frozenset((number, other)) in IMPOSSIBLE for other in intensities):
            intensities[number] = value


def _sides(emotion: str, intensities: dict[int, float], rng: Random) -> dict[int, Side]:
    """Contempt is one-sided, its AU12 on the side of its AU14; a jaw moves to one side."""
    side: Side = "L" if rng.random() < 0.5 else "R"
    one_sided = (14, 12, 10, 2) if emotion == "contempt" and rng.random() < 0.9 else ()
    return {number: side for number in intensities if number in one_sided or number == 30}


def _rounded(intensities: dict[int, float], sides: dict[int, Side]) -> Expression:
    """Intensities to one decimal within [0.5, 5], so that they survive a text file."""
    return Expression.of({n: round(min(5.0, max(0.5, value)), 1) for n, value in intensities.items()}, sides)
