"""The eight emotions of FER benchmarks and how datasets spell them: happy and happiness are one emotion.

Knows nothing of replies: finding a label in one is `dialogue/answers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

EMOTIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""Canonical names, in AffectNet's order."""

SPELLINGS = MappingProxyType(
    {
        "neutral": ("neutral",),
        "happiness": ("happiness", "happy"),
        "sadness": ("sadness", "sad"),
        "surprise": ("surprise", "surprised"),
        "fear": ("fear", "fearful"),
        "disgust": ("disgust", "disgusted"),
        "anger": ("anger", "angry"),
        "contempt": ("contempt", "contemptuous"),
    }
)
"""Canonical name -> its spellings: noun and adjective of one word, no synonyms (joy is not happiness)."""

_CANONICAL = {spelling: emotion for emotion, spellings in SPELLINGS.items() for spelling in spellings}


def canonical(label: str) -> str:
    """`canonical("Happy")` -> `"happiness"`; a label that is none of the eight lower-cased and trimmed."""
    key = label.strip().lower()
    return _CANONICAL.get(key, key)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Canonical names of `labels`, each once: those of the eight first, in their order, then the others."""
    names = dict.fromkeys(map(canonical, labels))
    return (
        *(emotion for emotion in EMOTIONS if emotion in names),
        *(name for name in names if name not in EMOTIONS),
    )


def spelled_in(emotion: str, labels: Iterable[str]) -> str | None:
    """The label of `labels` that means `emotion`: `"happy"` for `"happiness"`; None where there is none."""
    wanted = canonical(emotion)
    return next((label for label in labels if canonical(label) == wanted), None)


def spellings(label: str) -> tuple[str, ...]:
    """Every accepted spelling of `label`, lower-case, its own first."""
    own = label.strip().lower()
    return (own, *(s for s in SPELLINGS.get(canonical(own), ()) if s != own))
