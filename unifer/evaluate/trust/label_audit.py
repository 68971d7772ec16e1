"""Labels worth a second look: not what most people voted for, or contradicted by every run.

Knows questions, votes and graded predictions; no files. A list for a person: a contradicted label may be
wrong, or the face hard for all of these runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from unifer.ballots import VOTED, Votes, decide
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.metrics import HEADLINE, RESAMPLES
from unifer.evaluate.scoring import DatasetScores, figures
from unifer.records import Json, Question

NOT_THE_VOTE = "not the top vote"
CONTRADICTED = "all runs contradict"
REASONS = (NOT_THE_VOTE, CONTRADICTED)


@dataclass(frozen=True)
class DoubtfulLabel:
    """One question whose label is worth a look; `row` counts from 1 in its file.

    `runs_agree_on` is the label that every run names, where they all name the same.
    """

    row: int
    key: str
    image_path: str
    label: str
    reasons: tuple[str, ...]
    top_vote: str | None
    votes: dict[str, int] | None
    answers: dict[str, str | None]
    runs_agree_on: str | None

    def to_json(self) -> Json:
        return asdict(self)

    def to_cells(self) -> Json:
        """The same as flat text, a column per run, for a table."""
        votes = ", ".join(f"{name} {count}" for name, count in (self.votes or {}).items())
        own = asdict(self) | {"reasons": "; ".join(self.reasons), "votes": votes}
        del own["answers"]
        return own | {f"answer of {name}": label for name, label in self.answers.items()}


def audit_labels(
    questions: Sequence[Question], ballots: Mapping[str, Votes], runs: Mapping[str, DatasetScores]
) -> list[DoubtfulLabel]:
    """The doubtful labels of `questions`, in their order; `ballots` by key, empty where nobody voted.

    Raises InputError where a run lacks a question, and where there are neither votes nor runs.
    """
    if not ballots and not runs:
        raise InputError("an audit of labels needs votes (--vote-file FILE) or runs (--runs RUN ...)")
    answers = {name: _answers(name, run, questions) for name, run in runs.items()}
    found = []
    for row, question in enumerate(questions, 1):
        if question.true_label is None:
            continue
        votes = ballots.get(question.key)
        top = decide(votes, "published")[0] if votes else None
        named = {name: each[question.key] for name, each in answers.items()}
        reasons = _reasons(question.true_label, top, list(named.values()))
        if reasons:
            cast = None if votes is None else {name: n for name, n in zip(VOTED, votes, strict=True) if n}
            alike = {None if label is None else canonical(label) for label in named.values()}
            agreed = next(iter(named.values())) if len(alike) == 1 else None
            found.append(
                DoubtfulLabel(
                    row,
                    question.key,
                    question.image_path,
                    question.true_label,
                    reasons,
                    top,
                    cast,
                    named,
                    agreed,
                )
            )
    return found


def _reasons(label: str, top: str | None, answers: Sequence[str | None]) -> tuple[str, ...]:
    """A run that names no label contradicts nothing."""
    truth = canonical(label)
    against = [answer is not None and canonical(answer) != truth for answer in answers]
    tests = (top is not None and top != truth, bool(against) and all(against))
    return tuple(reason for reason, holds in zip(REASONS, tests, strict=True) if holds)


def _answers(name: str, run: DatasetScores, questions: Sequence[Question]) -> dict[str, str | None]:
    answers = {row.prediction.question.key: row.verdict.label for row in run.graded}
    lacking = [question.key for question in questions if question.key not in answers]
    if lacking:
        raise InputError(
            f"{run.run.path}: the run {name} has no row for {len(lacking):,} of {len(questions):,} "
            f"questions, the first is {lacking[0]!r}; give runs over this very question file"
        )
    return answers


def scores_without(
    runs: Mapping[str, DatasetScores], doubtful: Sequence[DoubtfulLabel], resamples: int = RESAMPLES
) -> Json:
    """Run -> what is left out (`nothing`, each reason, `either`) -> n, WAR, UAR, macro-F1 with intervals."""
    left_out: dict[str, set[str]] = {"nothing": set()}
    for reason in REASONS:
        left_out[reason] = {row.key for row in doubtful if reason in row.reasons}
    left_out["either"] = {row.key for row in doubtful}
    return {
        name: {which: _scores(run, keys, resamples) for which, keys in left_out.items()}
        for name, run in runs.items()
    }


def _scores(run: DatasetScores, without: set[str], resamples: int) -> Json:
    rows = [row for row in run.graded if row.prediction.question.key not in without]
    if not any(row.prediction.question.true_label is not None for row in rows):
        return {"n": 0, "left_out": len(without)}
    scores, _ = figures(run.spec, rows, resamples=resamples)
    values = {name: getattr(scores, name) for name in HEADLINE}
    intervals = {} if scores is None else {name: list(bounds) for name, bounds in scores.intervals.items()}
    return {"n": len(rows), "left_out": len(without), **values, "ci95": intervals}
