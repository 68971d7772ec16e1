"""Questions whose label is not what most people voted for.

The votes are those of their rows, else those of FERPlus's own table. Opens no image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from unifer import files
from unifer.ballots import EMOTION_COLUMNS, VOTED, decide
from unifer.emotions import canonical
from unifer.prepare.builders.fer2013 import read_votes
from unifer.prepare.checks.findings import RowFinding
from unifer.records import Question


def outvoted(path: Path, table: Path) -> Iterator[RowFinding]:
    """A finding for each question of `path` whose label is not that of the vote rule `published`.

    `table` is FERPlus's fer2013new.csv. Rows that are no questions, and images that the table does not have,
    are passed over.
    """
    ballots = _ballots(table.resolve())
    for number, row in files.read_rows(path):
        try:
            question = Question.from_json(row)
        except ValueError:
            continue  # the checks of rows speak of it
        name = question.image_path.rpartition("/")[2]
        votes = question.votes or dict(zip(VOTED, ballots.get(name, ()), strict=False))
        problem = against(question, votes) if votes else None
        if problem is not None:
            yield RowFinding("votes", str(path), number, problem)


@lru_cache(maxsize=1)
def _ballots(table: Path) -> dict[str, list[int]]:
    return read_votes(table)


def against(question: Question, votes: Mapping[str, int]) -> str | None:
    """What the votes say against the label; None where they do not, or there is no label."""
    counts = [votes.get(name, 0) for name in VOTED]
    winner, _ = decide(counts, "published")
    if winner is None or question.true_label is None or canonical(question.true_label) == winner:
        return None
    own = dict(zip(EMOTION_COLUMNS, counts, strict=False)).get(canonical(question.true_label), 0)
    most = votes.get(winner, 0)
    others = f"{winner!r} as many and stands first" if own == most else f"{winner!r} has {most}"
    return f"{question.true_label!r} has {own} of {sum(counts)} votes, {others}"
