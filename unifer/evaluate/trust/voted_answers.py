"""The votes of a run as calibration needs them: who won, whether that is right, and who refused.

Knows loaded runs; computes no rate. What no calibration could be made of is refused here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unifer.dialogue.votes import Calibration, confidence, standing, winner
from unifer.errors import InputError
from unifer.evaluate.loading import LoadedRun
from unifer.evaluate.statistics.bootstrap import clusters_of
from unifer.evaluate.trust.confidences import SureAnswers
from unifer.records import Prediction, Question

HOW = "sample votes with `unifer infer --votes 8` or `unifer bench --votes 8`"
"""What makes rows that can be calibrated."""


@dataclass(frozen=True)
class VotedAnswer:
    """One question with the labels of its votes, in order; None for a vote that names none of the list."""

    question: Question
    votes: tuple[str | None, ...]

    @property
    def winner(self) -> str | None:
        return winner(self.votes)

    @property
    def correct(self) -> bool:
        return self.winner is not None and self.winner == self.question.true_label

    def confidence(self, calibration: Calibration | None = None) -> float:
        return confidence(self.votes, len(self.question.candidate_labels), calibration)


@dataclass(frozen=True)
class VotedRun:
    """A run with `votes` per question: those in `answers` have a winner, those in `refusals` none."""

    loaded: LoadedRun
    votes: int
    answers: tuple[VotedAnswer, ...]
    refusals: tuple[VotedAnswer, ...]
    failed: int
    missing: int

    @property
    def model(self) -> str:
        """The model's name by the manifest, else the run's."""
        identity = {} if self.loaded.manifest is None else self.loaded.manifest.identity
        return str((identity.get("model") or {}).get("name") or self.loaded.file.name)

    @property
    def temperature(self) -> float | None:
        """At which the votes were sampled; None where no manifest says it."""
        identity = {} if self.loaded.manifest is None else self.loaded.manifest.identity
        return (identity.get("generation") or {}).get("temperature")

    @cached_property
    def by_subject(self) -> bool:
        """Whether every question names its subject, and there are several."""
        return clusters_of([answer.question for answer in (*self.answers, *self.refusals)]) is not None

    @property
    def counts(self) -> dict[str, int]:
        """Every denominator."""
        known = {"answered": len(self.answers), "refused": len(self.refusals)}
        known |= {"failed": self.failed, "missing": self.missing}
        return {"asked": sum(known.values()), **known}


def read_voted_run(loaded: LoadedRun) -> VotedRun:
    """The votes of a run.

    Raises InputError: a set of AUs alone, rows of one reply, another number of votes in one row than in
    others, votes that do not elect the row's reply, and nothing but refusals.
    """
    path = loaded.file.path
    if not loaded.spec.labels:
        raise InputError(f"{path}: {loaded.spec.title} asks for AUs alone; votes are counted by label")
    rows = [row for row in loaded.predictions if not row.failed]
    plain = next((row for row in rows if not row.votes), None)
    if plain is not None:
        alone = sum(not row.votes for row in rows)
        raise InputError(
            f"{path}: {alone:,} of {len(rows):,} answered rows have one reply ({plain.question.key!r}, for "
            f"one), which says nothing of how sure the model is; {HOW}"
        )
    if not rows:
        raise InputError(f"{path}: every row failed, so nobody voted; ask again with --retry-failed")
    sizes = Counter(len(row.votes) for row in rows)
    if len(sizes) > 1:
        most = sizes.most_common(1)[0][0]
        odd = next(row for row in rows if len(row.votes) != most)
        raise InputError(
            f"{path}: {odd.question.key!r} has {len(odd.votes)} votes, most rows have {most}; shares of "
            "different numbers of votes are not comparable: ask them again in a run of their own"
        )
    whole = [_voted_answer(row, loaded) for row in rows]
    answers = tuple(answer for answer in whole if answer.winner is not None)
    if not answers:
        raise InputError(
            f"{path}: none of the {len(rows):,} questions has a vote for a label of its list, so there "
            "is no answer to be sure of; see what the replies say with `unifer report`"
        )
    lost = len(loaded.missing.questions) + loaded.missing.unplaced
    refusals = tuple(answer for answer in whole if answer.winner is None)
    return VotedRun(loaded, next(iter(sizes)), answers, refusals, len(loaded.predictions) - len(rows), lost)


def _voted_answer(row: Prediction, loaded: LoadedRun) -> VotedAnswer:
    votes = tuple(vote.label for vote in row.votes)
    if row.votes[standing(votes)].reply != row.reply:
        raise InputError(
            f"{loaded.file.path}: the reply of {row.question.key!r} is not the first vote for the winner of "
            "its own votes, so one of them is another row's; ask that question again"
        )
    return VotedAnswer(row.question, votes)


def sure_answers(answers: Sequence[VotedAnswer], calibration: Calibration | None = None) -> SureAnswers:
    """The winners of `answers`, each with its calibrated confidence; all of them have one."""
    most = [sum(vote == answer.winner for vote in answer.votes) for answer in answers]
    return SureAnswers(
        np.array([answer.confidence(calibration) for answer in answers]),
        np.array([float(answer.correct) for answer in answers]),
        np.array(most, dtype=np.int64),
        clusters_of([answer.question for answer in answers]),
    )
