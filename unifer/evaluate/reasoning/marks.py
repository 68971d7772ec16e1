"""A judge's scores on disk, `<run>.judged.jsonl` with a manifest beside it, and what they come to.

Append-only, a row whenever a question is done with; of several rows of one question the last counts. Knows
files and marks; who is asked, and what, is `judge` and `rubric`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from unifer import files, runs
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning.rubric import HIGHEST, LOWEST, Misfit, digest
from unifer.evaluate.reasoning.shares import Draws, MeanShare
from unifer.evaluate.run_files import JUDGED
from unifer.models.api.requests import Fault
from unifer.records import Json, Question

SPOKE: tuple[Misfit, ...] = ("nonsense", "out_of_range", "refusal")
"""Failures with a reply of the judge: it would say the same again, unless `--retry-failed` asks."""
_OTHER_FILE = "it is no file of `unifer judge`; move it away"


def judged_path(predictions: Path) -> Path:
    """`results/UniFER-7B.jsonl` -> `results/UniFER-7B.judged.jsonl`."""
    return predictions.with_name(predictions.stem + JUDGED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one question: a score from 1 to 10, or None with the fault that prevented one."""

    key: str
    of: str
    """`rubric.digest` of the reasoning and the reference that were compared."""
    score: int | None
    why: str = ""
    fault: Fault | Misfit | str | None = None
    error: str | None = None

    @property
    def worth_asking_again(self) -> bool:
        """There was no reply, and there may be one the next time."""
        return self.score is None and self.fault not in SPOKE

    @classmethod
    def from_json(cls, row: Any) -> Self:
        """Raises ValueError for what `unifer judge` never writes."""
        if not isinstance(row, dict) or not all(isinstance(row.get(field), str) for field in ("id", "of")):
            raise ValueError(f"a judgement has 'id' and 'of'; {_OTHER_FILE}")
        score, fault = row.get("score"), row.get("fault")
        if score is None and not isinstance(fault, str):
            raise ValueError(f"'score' is null and no 'fault' says why; {_OTHER_FILE}")
        if score is not None and (type(score) is not int or not LOWEST <= score <= HIGHEST):
            raise ValueError(
                f"'score' is {score!r}; a whole number from {LOWEST} to {HIGHEST}, or null, is expected"
            )
        return cls(row["id"], row["of"], score, str(row.get("why") or ""), fault, row.get("error"))

    def to_json(self) -> Json:
        made: Json = {"id": self.key, "of": self.of, "score": self.score}
        return made | {name: value for name in ("why", "fault", "error") if (value := getattr(self, name))}


@dataclass(frozen=True)
class JudgedRun:
    """All judgements of one run, the last of each question, and who judged by which rubric."""

    judge: str
    rubric: str
    pictured: bool
    rows: dict[str, Judgement]


def read_judged(predictions: Path) -> JudgedRun | None:
    """The judgements beside a predictions file; None where nothing was judged.

    Raises InputError for files that are not ours.
    """
    path = judged_path(predictions)
    manifest = runs.manifest_path(path)
    if not path.exists() or not path.stat().st_size:
        return None
    if not manifest.exists():
        raise InputError(
            f"{path}: has no {manifest.name} beside it that says who judged; bring it back, or move "
            "this file away"
        )
    try:
        judge = files.read_json(manifest, _OTHER_FILE)["identity"]["judge"]
        who, rubric, pictured = str(judge["model"]), str(judge["rubric"]), bool(judge["pictured"])
    except (KeyError, TypeError):
        raise InputError(f"{manifest}: says not who judged (identity.judge); {_OTHER_FILE}") from None
    return JudgedRun(who, rubric, pictured, read_rows(path))


def read_rows(path: Path) -> dict[str, Judgement]:
    """The last judgement of each question in the file; none where it is missing or empty.

    A last line that a kill tore is passed over. Raises InputError naming any other row that is no judgement.
    """
    if not path.exists() or not path.stat().st_size:
        return {}
    whole = path.read_bytes().count(b"\n")

    def torn(number: int, problem: str) -> None:
        if number <= whole:
            raise InputError.at(path, number, problem)

    found: dict[str, Judgement] = {}
    for number, row in files.read_rows(path, skipped=torn):
        try:
            judgement = Judgement.from_json(row)
        except ValueError as error:
            raise InputError.at(path, number, str(error)) from None
        found[judgement.key] = judgement
    return found


@dataclass(frozen=True)
class JudgeScores:
    """A judge's mean over `n` questions with a reference, from 1 to 10: those judged, and the silent ones.

    Silent are replies without reasoning, failed and missing ones: they have the lowest mark by the rubric,
    unasked. `failed` were asked and have no score, by fault in `faults`; `unasked` were not asked yet, or
    about another reply. Neither enters the mean.
    """

    judge: str
    rubric: str
    pictured: bool
    mean: MeanShare
    judged: int
    silent: int
    failed: int
    unasked: int
    faults: dict[str, int]

    def to_json(self) -> Json:
        counts = {name: getattr(self, name) for name in ("judged", "silent", "failed", "unasked", "faults")}
        return {
            "judge": self.judge,
            "rubric": self.rubric,
            "pictured": self.pictured,
            **self.mean.to_json(),
            **counts,
        }


def score_judged(
    judged: JudgedRun, questions: Sequence[Question], rows: Sequence[Graded | None], draws: Draws
) -> JudgeScores:
    """The mean and its denominators. `rows` has an entry for each question, None where there is no reply."""
    marks: list[float | None] = []
    silent = unasked = 0
    faults: dict[str, int] = {}
    for question, row in zip(questions, rows, strict=True):
        mark: float | None = None
        if question.reference is not None:
            reasoning = reasoning_of(row)
            found = judged.rows.get(question.key)
            if not reasoning:
                mark, silent = float(LOWEST), silent + 1
            elif found is None or found.of != digest(reasoning, question.reference):
                unasked += 1
            elif found.score is None:
                faults[str(found.fault)] = faults.get(str(found.fault), 0) + 1
            else:
                mark = float(found.score)
        marks.append(mark)
    mean = draws.share(marks)
    counts = {"judged": mean.n - silent, "silent": silent, "failed": sum(faults.values()), "unasked": unasked}
    return JudgeScores(
        judged.judge, judged.rubric, judged.pictured, mean, **counts, faults=dict(sorted(faults.items()))
    )


def reasoning_of(row: Graded | None) -> str:
    """What is judged of a reply: its reasoning, as the grader finds it; empty without a reply."""
    return "" if row is None or row.prediction.failed else row.verdict.reasoning.strip()
