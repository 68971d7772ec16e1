"""Which labels a reward row lets a reply choose from: its own list, else those that its question offers.

Knows rows and spellings of emotions; grading is `answers`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from unifer.emotions import EMOTIONS, SPELLINGS, canonical, spelled_in
from unifer.records import RewardRow

_SPELLED = re.compile(
    rf"(?<!\w)({'|'.join(word for words in SPELLINGS.values() for word in words)})(?!\w)", re.IGNORECASE
)


def vocabulary(row: RewardRow) -> tuple[str, ...]:
    """The labels that `row` lets a reply choose from: its `candidate_labels`, else what `problem` offers.

    Offered is every spelling of an emotion that stands in the problem as a word of its own, one an emotion,
    lower-case, in order of appearance. Empty for a row of AUs alone that lists none: it asks for no label.
    Raises ValueError where there are fewer than two, or none of them means the row's label.
    """
    if row.label is None:
        return row.candidate_labels or ()
    if row.candidate_labels is not None:
        labels, source = row.candidate_labels, "'candidate_labels'"
    else:
        labels, source = offered(row.problem), "'problem'"
    listed = ", ".join(labels) or "no label"
    remedy = (
        "give the row 'candidate_labels'"
        if row.candidate_labels is None
        else "list every label that the problem offers"
    )
    if len(labels) < 2:
        raise ValueError(
            f"{source} offers {listed}; a reply needs at least two labels to choose from: {remedy}"
        )
    if row.label not in labels and spelled_in(row.label, labels) is None:
        known = (
            "" if canonical(row.label) in EMOTIONS else f"; emotions known by name are {', '.join(EMOTIONS)}"
        )
        raise ValueError(
            f"'solution' {row.label!r} is none of the labels that {source} offers, {listed}{known}; "
            f"correct it, or {remedy}"
        )
    return labels


@lru_cache(maxsize=1024)
def offered(text: str) -> tuple[str, ...]:
    """The emotions that `text` names, one spelling each, lower-case, in order of appearance."""
    by_emotion: dict[str, str] = {}
    for match in _SPELLED.finditer(text):
        word = match[1].lower()
        by_emotion.setdefault(canonical(word), word)
    return tuple(by_emotion.values())
