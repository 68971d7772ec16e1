"""One cell per model and dataset: its questions, its results file with identity, and how far it has come.

Knows plans and counts; sends nothing. A cell that cannot be planned carries the reason, and takes no other
with it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.dialogue import prompts
from unifer.dialogue.damage.kinds import Damage
from unifer.errors import InputError
from unifer.evaluate import voting
from unifer.evaluate.bench.entries import ModelEntry
from unifer.evaluate.grading import Graded
from unifer.evaluate.inference.outputs import AnswerPlan, out_name, read_log
from unifer.evaluate.scoring import grade_prediction
from unifer.models.api.budget import FREE, Prices
from unifer.models.engines import GenerationSettings
from unifer.questions import find_questions, read_questions
from unifer.records import Json, Prediction, Question

API, SERVER = "api", "vllm-server"
"""What manifests call the engine: somebody else's server, or a vLLM server of our own."""

REMEDY = "move it and its manifest away to start anew, or give the entry another name in the models file"
"""What to do about a results file of another run."""

State = Literal["waiting", "starting", "asking", "done", "stopped", "lost"]


@dataclass(frozen=True)
class DatasetQuestions:
    """One dataset's questions, read once for all models."""

    spec: DatasetSpec
    path: Path
    questions: tuple[Question, ...]


@dataclass
class BenchCell:
    """One model on one dataset, as it is or damaged.

    Counts are of all its rows; tokens, cost and requests of this run alone.
    """

    entry: ModelEntry
    dataset: DatasetQuestions
    plan: AnswerPlan
    state: State = "waiting"
    reason: str = ""
    """Why it is lost or stopped."""
    done: int = 0
    failed: int = 0
    correct: int = 0
    requests: int = 0
    answered_now: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    started: float | None = None
    seconds: float = 0.0
    """From the first request to the last answer of this run."""
    keys: set[str] = field(default_factory=set)
    """Questions that have a row."""

    @property
    def title(self) -> str:
        """The dataset, and the damage to its pictures: `rafdb`, `rafdb defocus:3`; no model has it twice."""
        name, damage = self.dataset.spec.name, self.plan.damage
        return name if damage is None else f"{name} {damage}"

    @property
    def total(self) -> int:
        return len(self.plan.questions)

    @property
    def open(self) -> list[Question]:
        return [question for question in self.plan.questions if question.key not in self.keys]

    @property
    def prices(self) -> Prices:
        return self.entry.prices if self.entry.prices is not None and self.entry.hosted else FREE

    @property
    def ceiling(self) -> float:
        """The most that one request for each open question and vote can cost, in dollars."""
        bounds = (
            self.prices.bound(question.prompt, self.entry.generation.max_tokens) for question in self.open
        )
        return self.plan.votes * sum(bounds)

    @property
    def open_requests(self) -> int:
        """How many requests its open questions take, without retries."""
        return self.plan.votes * len(self.open)

    @property
    def war(self) -> float | None:
        """Share of right answers among the rows so far, failed ones wrong; None without labels or rows."""
        return self.correct / self.done if self.done and self.dataset.spec.labels else None

    def count(self, prediction: Prediction) -> None:
        """Take one row into the counts."""
        self.keys.add(prediction.question.key)
        self.done += 1
        self.failed += prediction.failed
        self.correct += Graded(
            prediction, grade_prediction(prediction), self.dataset.spec.action_units
        ).correct
        if self.done == self.total:
            self.state = "done"

    def recount(self) -> None:
        """Count anew what its file holds. Raises InputError for a row that is no prediction."""
        self.done = self.failed = self.correct = 0
        self.state, self.keys = "waiting", set()
        wanted = {question.key for question in self.plan.questions}
        for prediction in read_log(self.plan.out):
            if prediction.question.key in wanted:
                self.count(prediction)

    def count_answer(self, requests_cost: float, tokens_in: int | None, tokens_out: int | None) -> None:
        """Take one answered request into the counts of this run."""
        self.answered_now += 1
        self.cost += requests_cost
        self.tokens_in += tokens_in or 0
        self.tokens_out += tokens_out or 0
        self.seconds = time.monotonic() - (self.started or time.monotonic())

    def lose(self, reason: str) -> None:
        """It ends here. What was answered stays."""
        if self.state not in ("done", "lost"):
            self.state, self.reason = "lost", reason


def read_datasets(specs: Sequence[DatasetSpec], *, sample: bool, limit: int | None) -> list[DatasetQuestions]:
    """The first `limit` questions of each dataset, or of its sample.

    Raises InputError: no question file, not this dataset's rows.
    """
    if not specs:
        raise InputError("--datasets: there is no dataset folder to ask; name some, such as eval_rafdb")
    names = [spec.name for spec in specs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"--datasets: two folders name the same dataset, {twice!r}")
    paths = [spec.samples if sample else find_questions(spec, None) for spec in specs]
    return [
        DatasetQuestions(spec, path, tuple(read_questions(path, spec)[:limit]))
        for spec, path in zip(specs, paths, strict=True)
    ]


def make_cells(
    entries: Sequence[ModelEntry],
    datasets: Sequence[DatasetQuestions],
    image_root: Path | None,
    damages: Sequence[Damage | None] = (None,),
    votes: int = 1,
) -> list[BenchCell]:
    """A cell per model, dataset and damage, with the rows of earlier runs; some are lost at once.

    Raises InputError for questions that nobody can vote on, where `votes` are several.
    """
    for dataset in datasets:
        voting.check_votable(dataset.questions, votes, dataset.path)
    cells = []
    for entry in entries:
        about: Json = {}
        reason = ""
        try:
            about = identity(entry)
        except InputError as error:
            reason = str(error)
        for dataset in datasets:
            out = dataset.spec.results / out_name(entry.name, dataset.path, dataset.spec, votes)
            made_with = {"questions": runs.describe_file(dataset.path), **about}
            made_with |= {voting.KEY: votes} if votes > 1 else {}
            plan = AnswerPlan(dataset.path, dataset.questions, out, image_root, made_with, votes=votes)
            for damage in damages:
                cell = BenchCell(entry, dataset, plan.damaged(damage))
                _resume(cell, reason)
                cells.append(cell)
    return cells


def _resume(cell: BenchCell, reason: str) -> None:
    """Count the rows of earlier runs; the cell is lost for `reason`, or where its file is another run's."""
    try:
        if not reason:
            runs.refuse_other_run(cell.plan.manifest, cell.plan.identity, REMEDY)
        cell.recount()
    except InputError as error:
        reason = str(error)
    if reason:
        cell.lose(reason)


def identity(entry: ModelEntry) -> Json:
    """The identity of rows of this model, without the question file, by the keys of `unifer infer`.

    Where a URL leads may change (a port, another replica), as may time limits and connections. Raises
    InputError: no such folder.
    """
    model: Json = {"name": entry.name}
    if entry.server is not None:
        model = entry.server.describe(entry.name)
    elif entry.provider:
        model["provider"] = entry.provider
    else:
        model["served"] = entry.served
    style = "" if entry.prompt_style == "image_first" else f" {entry.prompt_style}"
    return {
        "model": model,
        "prompt": prompts.VERSION + style,
        "engine": SERVER if entry.server is not None else API,
        "dtype": entry.server.precision if entry.server is not None else None,
        "generation": GenerationSettings().to_json() | entry.generation.to_json(),
        "image_rule": entry.image_rule.to_json(),
    }
