"""A run against the people who labelled its faces: agreement with their votes, and where people stand.

Knows graded predictions and ten votes per face; reads no file (`prepare` reads fer2013new.csv). An answer
that names no label agrees with nobody.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unifer.ballots import EMOTION_COLUMNS, Votes, decide, votes_of
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.metrics import RESAMPLES
from unifer.evaluate.scoring import DatasetScores, seed_of
from unifer.evaluate.statistics.bootstrap import cluster_notes, clusters_of
from unifer.evaluate.trust.people import Agreement, agreement
from unifer.evaluate.trust.sheets import Better, Sheet, TrustRate, Unit, share
from unifer.records import Json, Question

SMOOTHING = 0.1
"""The part of an answer that is spread evenly over the labels: a wrong one costs a finite surprise."""
BANDS = (("all agree", 1.0), ("8 or 9 of 10", 0.8), ("6 or 7 of 10", 0.6), ("5 or fewer of 10", 0.0))
"""By the share of the votes that the top vote has: name and least share, the clearest first."""
_MATCH = "give the fer2013new.csv that belongs to them with --vote-file FILE"


@dataclass(frozen=True)
class VotedFace:
    """One question with its votes and what the run answers; labels are canonical, None is no label."""

    question: Question
    votes: Votes
    answer: str | None

    @property
    def truth(self) -> str:
        return canonical(str(self.question.true_label))

    @property
    def top(self) -> str | None:
        """The label that the votes give by the rule `published`."""
        return decide(self.votes, "published")[0]

    @property
    def clearness(self) -> float:
        """The share of all votes that the top vote has."""
        return max(self.votes[: len(EMOTION_COLUMNS)]) / sum(self.votes)

    @property
    def band(self) -> str:
        return next(name for name, least in BANDS if self.clearness >= least - 1e-9)

    @property
    def people(self) -> Agreement:
        return agreement(self.votes)


class _Line(NamedTuple):
    """A rate to be made: its value per face (None: does not count)."""

    name: str
    values: Sequence[float | None]
    of: str
    better: Better = "higher"
    unit: Unit = "share"


def match_votes(
    result: DatasetScores, ballots: Mapping[str, Sequence[int]] | None, table: Path | None = None
) -> list[VotedFace]:
    """Every labelled question of the run with its votes: those of `ballots`, image name -> ten, else its own.

    Raises InputError where a question has no votes or other votes than its row states, and where questions
    are missing that nobody can look up.
    """
    if result.loaded.missing.unplaced:
        raise InputError(
            f"{result.run.path}: {result.loaded.missing.unplaced:,} questions have no reply and their "
            "question file is not at hand, so their votes are unknown; run the inference again"
        )
    answers = {row.prediction.question.key: row.verdict.label for row in result.graded}
    asked = [question for question in result.loaded.questions if question.true_label is not None]
    if not asked:
        raise InputError(f"{result.run.path}: no question asks for a label, so no vote tells of it")
    votes = {question.key: _votes(question, ballots) for question in asked}
    lacking = [question for question in asked if not any(votes[question.key] or ())]
    if lacking:
        where = "carry none" if table is None else f"are not in {table}"
        raise InputError(
            f"{result.run.path}: the votes of {len(lacking):,} of {len(asked):,} questions {where}, the "
            f"first is {lacking[0].key!r}; {_MATCH}"
        )
    _refuse_other_votes(result, asked, votes, table)
    return [
        VotedFace(question, votes[question.key] or (), None if label is None else canonical(label))
        for question in asked
        for label in (answers.get(question.key),)
    ]


def _votes(question: Question, ballots: Mapping[str, Sequence[int]] | None) -> Votes | None:
    if ballots is None:
        return votes_of(question.votes) if question.votes else None
    counts = ballots.get(question.image_path.rpartition("/")[2])
    return None if counts is None else tuple(counts)


def _refuse_other_votes(
    result: DatasetScores, asked: Sequence[Question], votes: Mapping[str, Votes | None], table: Path | None
) -> None:
    other = [row for row in asked if row.votes and votes_of(row.votes) != votes[row.key]]
    if other:
        row = other[0]
        raise InputError(
            f"{result.run.path}: {len(other):,} of {len(asked):,} questions state other votes than {table}, "
            f"the first is {row.key!r} ({list(votes_of(row.votes or {}))} there, "
            f"{list(votes[row.key] or ())} in the table); give the table that they were built from, or leave "
            "it out"
        )


def votes_sheet(
    result: DatasetScores,
    faces: Sequence[VotedFace],
    resamples: int = RESAMPLES,
    shares: Mapping[str, Mapping[str, float]] | None = None,
) -> Sheet:
    """The rates of a run against votes, people beside it; docs/trust.md describes each, and `details`.

    `shares`: by key of a question, the share of each label among several answers to it; without, the answer
    counts as sure but for `SMOOTHING`.
    """
    counted = [face for face in faces if face.top is not None]
    if not counted:
        raise InputError(f"{result.run.path}: nobody named an emotion in any of {len(faces):,} votes")
    seed, size = seed_of(result.spec.name), len(result.spec.labels)
    surprise = [_surprise(face, (shares or {}).get(face.question.key), size) for face in counted]
    rates = tuple(
        _rate(line, counted, resamples, seed)
        for line in (*_agreements(counted), *_surprises(counted, surprise), *_by_band(counted))
    )
    return Sheet(
        "votes",
        result.run.name,
        result.spec.name,
        rates,
        tuple(_notes(faces, counted, shares is not None)),
        _details(counted, resamples, seed),
    )


def _agreements(faces: Sequence[VotedFace]) -> list[_Line]:
    people = [face.people for face in faces]
    said = [face.answer or "" for face in faces]

    def of(chances: str) -> list[float]:
        return [getattr(each, chances).get(name, 0.0) for each, name in zip(people, said, strict=True)]

    def human(name: str, values: Sequence[float]) -> list[float | None]:
        lines = [getattr(each, name) for each in people]
        return [None if line is None else value for line, value in zip(lines, values, strict=True)]

    one: list[float | None] = [each.one for each in people]
    others, five = human("one", of("by_others")), human("five", of("by_five"))
    above = [None if a is None or b is None else a - b for a, b in zip(others, one, strict=True)]
    faces_of_ten = "faces with ten votes"
    return [
        _Line("expected agreement", of("voter"), "faces with votes"),
        _Line("two people", [each.pair for each in people], "faces with two votes or more", "neither"),
        _Line("accuracy", [float(face.answer == face.truth) for face in faces], "faces with votes"),
        _Line(
            "accuracy on the top vote", [float(face.answer == face.top) for face in faces], "faces with votes"
        ),
        _Line("agrees with nine", others, "faces with two votes or more"),
        _Line("one person", one, "faces with two votes or more", "neither"),
        _Line("above one person", above, "faces with two votes or more"),
        _Line("agrees with five", five, faces_of_ten),
        _Line("five people", [each.five for each in people], faces_of_ten, "neither"),
    ]


def _surprises(faces: Sequence[VotedFace], surprise: Sequence[float]) -> list[_Line]:
    floor = [-sum(p * math.log(p) for p in _emotions(face).values()) for face in faces]
    return [
        _Line("cross-entropy", surprise, "faces with votes, in nats", "lower", "number"),
        _Line("entropy of the votes", floor, "faces with votes, in nats", "neither", "number"),
    ]


def _by_band(faces: Sequence[VotedFace]) -> list[_Line]:
    right = [float(face.answer == face.top) for face in faces]
    return [
        _Line(
            f"accuracy, {name}",
            [hit if face.band == name else None for hit, face in zip(right, faces, strict=True)],
            f"faces whose top vote has {name if name != 'all agree' else 'all votes'}",
        )
        for name, _ in BANDS
    ]


def _emotions(face: VotedFace) -> dict[str, float]:
    """The share of each emotion among the votes for an emotion."""
    voter = face.people.voter
    return {name: part / sum(voter.values()) for name, part in voter.items()}


def _surprise(face: VotedFace, shares: Mapping[str, float] | None, labels: int) -> float:
    """Cross-entropy in nats of the votes for an emotion against the answer, `SMOOTHING` of it spread evenly.

    An answer without a label is spread evenly whole.
    """
    answer = {face.answer: 1.0} if shares is None else {canonical(name): p for name, p in shares.items()}
    lost = 1 - sum(part for name, part in answer.items() if name is not None)
    even = (SMOOTHING + (1 - SMOOTHING) * max(lost, 0.0)) / labels
    return -sum(
        part * math.log((1 - SMOOTHING) * answer.get(name, 0.0) + even)
        for name, part in _emotions(face).items()
    )


def _rate(line: _Line, faces: Sequence[VotedFace], resamples: int, seed: int) -> TrustRate:
    pairs = [
        (value, face.question) for value, face in zip(line.values, faces, strict=True) if value is not None
    ]
    values = [value for value, _ in pairs]
    units = clusters_of([question for _, question in pairs]) if pairs else None
    return share(
        line.name,
        values,
        line.of,
        units=units,
        better=line.better,
        unit=line.unit,
        seed=seed,
        resamples=resamples,
    )


def _details(faces: Sequence[VotedFace], resamples: int, seed: int) -> Json:
    """`bands`: accuracy of the run and agreement of people by clearness; `smoothing` of the cross-entropy."""
    bands = []
    for name, least in BANDS:
        rows = [face for face in faces if face.band == name]
        lines = [
            line
            for line in _agreements(rows)
            if line.name in ("accuracy on the top vote", "one person", "five people")
        ]
        rates = {line.name: _rate(line, rows, resamples, seed) for line in lines}
        bands.append(
            {"name": name, "least_share": least, "n": len(rows)}
            | {key: [rate.value, rate.low, rate.high] for key, rate in rates.items()}
        )
    return {
        "bands": bands,
        "smoothing": SMOOTHING,
        "label_is_not_the_top_vote": sum(f.truth != f.top for f in faces),
    }


def _notes(faces: Sequence[VotedFace], counted: Sequence[VotedFace], several: bool) -> list[str]:
    notes = cluster_notes([face.question for face in faces])
    if len(counted) < len(faces):
        notes.append(f"{len(faces) - len(counted):,} faces left out: nobody named an emotion")
    silent = sum(face.answer is None for face in counted)
    if silent:
        notes.append(f"{silent:,} replies name no label: they agree with nobody")
    sizes = Counter(sum(face.votes) for face in counted)
    others = sum(count for size, count in sizes.items() if size != 10)
    if others:
        notes.append(f"{others:,} faces have not ten votes: 'five people' leaves them out")
    if not several:
        notes.append(
            f"cross-entropy takes an answer for {100 * (1 - SMOOTHING):.0f} % sure and spreads the rest "
            "evenly over the labels"
        )
    return notes
