"""How people voted on a face: the columns of FERPlus, and which label a vote gives.

Knows ten numbers; no files and no model. Two vote rules are known:

- `published`: most votes among the eight emotions; on a tie the first in the order of the official columns;
  unknown and NF (not a face) never win. So are all but 47 of the 3,573 published FERPlus rows labelled.
- `majority`: most votes among all ten columns; ties, unknown and NF give no label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer.emotions import canonical

EMOTION_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
VOTED = (*EMOTION_COLUMNS, "unknown", "NF")

Votes = tuple[int, ...]
"""Ten numbers in the order of `VOTED`."""


def decide(votes: Sequence[int], rule: str) -> tuple[str | None, str]:
    """(emotion, "") by the vote rule `published` or `majority`, or (None, why not).

    `votes` are ten, in the order of the official columns.
    """
    if not any(votes):
        return None, "no votes"
    if rule == "published":
        emotions = votes[: len(EMOTION_COLUMNS)]
        if not any(emotions):
            return None, "no votes for an emotion"
        return EMOTION_COLUMNS[emotions.index(max(emotions))], ""
    best = max(votes)
    if votes.count(best) > 1:
        return None, "tie"
    winner = (*EMOTION_COLUMNS, "unknown", "not a face")[votes.index(best)]
    return (winner, "") if winner in EMOTION_COLUMNS else (None, winner)


def votes_of(named: Mapping[str, int]) -> Votes:
    """The `votes` of a row in the order of `VOTED`; names that are no emotion count as unknown."""
    counts = dict.fromkeys(VOTED, 0)
    for name, count in named.items():
        column = name if name == "NF" else canonical(name)
        counts[column if column in counts else "unknown"] += count
    return tuple(counts.values())
