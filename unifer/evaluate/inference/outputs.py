"""One results file: its lock, its manifest, its append-only log, and the shards of its workers.

Knows rows and files; asking a model is `infer`, worker processes are `shards`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from unifer import files, runs
from unifer.append_log import AppendLog
from unifer.datasets import DatasetSpec
from unifer.dialogue.damage import kinds
from unifer.dialogue.damage.kinds import Damage
from unifer.dialogue.wordings import wording_of
from unifer.errors import InputError, reporting_full_disk
from unifer.locks import locked
from unifer.records import Json, Prediction, Question

SUFFIX = ".jsonl"
_REMEDY = "give --overwrite to move it aside and start anew, or --out FILE to write elsewhere"


@dataclass(frozen=True)
class AnswerPlan:
    """One question file to be answered into one results file; `identity` is what made every row."""

    questions_file: Path
    questions: tuple[Question, ...]
    out: Path
    image_root: Path | None
    identity: Json
    whole: int | None = None
    """Where `questions` are a part of those asked for: how many those are."""
    profile: str = "default"
    """Name of the inference profile."""
    votes: int = 1
    """Replies to each question."""
    damage: Damage | None = None
    """What is done to each picture before it is asked about; None: nothing."""

    @property
    def manifest(self) -> Path:
        return runs.manifest_path(self.out)

    def damaged(self, damage: Damage | None) -> AnswerPlan:
        """The same questions over damaged pictures, in a file of their own; None: this plan."""
        if damage is None:
            return self
        identity = self.identity | {kinds.KEY: damage.to_json()}
        return replace(self, out=damage.path(self.out), identity=identity, damage=damage)

    def shard(self, index: int) -> Path:
        """Where worker `index` keeps its rows until they are merged."""
        return self.out.with_name(f"{self.out.name.removesuffix(SUFFIX)}.shard-{index}{SUFFIX}")

    def shards(self) -> list[Path]:
        """Rows of workers that were not merged yet, from this run or from one that was killed."""
        stem = self.out.name.removesuffix(SUFFIX) + ".shard-"
        return (
            sorted(path for path in self.out.parent.glob("*" + SUFFIX) if path.name.startswith(stem))
            if self.out.parent.is_dir()
            else []
        )


def out_name(model: str, questions: Path, spec: DatasetSpec, votes: int = 1) -> str:
    """`UniFER-7B.jsonl`, or `UniFER-7B.sample_qa.jsonl` for another file than the dataset's own.

    `UniFER-7B.votes.jsonl` with several votes, so that they stand beside the greedy replies.
    """
    default = questions.exists() and spec.questions.exists() and questions.samefile(spec.questions)
    parts = [model, *([] if default else [questions.stem]), *(["votes"] if votes > 1 else [])]
    return ".".join(parts) + SUFFIX


class Output:
    """The open results file of a plan.

    `done` holds the keys that have a row; `record` may be called from several threads.
    """

    def __init__(self, plan: AnswerPlan, log: AppendLog) -> None:
        self.plan = plan
        self._log = log
        self._writing = threading.Lock()
        self.done: set[str] = set()
        self.failures = 0
        for prediction in read_log(plan.out):
            self._count(prediction)

    def _count(self, prediction: Prediction) -> None:
        self.done.add(prediction.question.key)
        self.failures += prediction.failed

    def record(self, prediction: Prediction) -> bool:
        """Append one row unless its question has one already (False). Raises OSError."""
        with self._writing:
            if prediction.question.key in self.done:
                return False
            self._log.append(prediction.to_json())
            self._count(prediction)
            return True

    def todo(self) -> list[Question]:
        """Questions without a row, in file order."""
        return [question for question in self.plan.questions if question.key not in self.done]

    def adopt_shards(self) -> None:
        """Move the rows of workers into this file.

        A kill in between loses and doubles nothing: keys already here are passed over.
        """
        for path in self.plan.shards():
            AppendLog(path).close()  # cuts a torn last line
            for prediction in read_log(path):
                self.record(prediction)
            path.unlink()


def read_log(path: Path) -> Iterator[Prediction]:
    """Rows of a results file; none if it is missing or empty.

    Raises InputError for a row that is no prediction, or doubled.
    """
    if path.exists() and path.stat().st_size:
        yield from files.read_records(
            path, Prediction.from_json, key=lambda prediction: prediction.question.key
        )


@contextmanager
def opened(
    plan: AnswerPlan, *, command: str, overwrite: bool, retry_failed: bool, remedy: str = _REMEDY
) -> Iterator[Output]:
    """The results file of `plan`, locked, of this very run, with the rows of earlier runs and workers.

    Raises InputError: another process writes it, it belongs to another run (unless `overwrite`, which moves
    it aside), disk full.
    """
    with locked(plan.out), reporting_full_disk(plan.out):
        if overwrite:
            files.move_aside(plan.out, plan.manifest, *plan.shards())
        manifest = runs.refuse_other_run(plan.manifest, plan.identity, remedy)
        if manifest is None:
            if plan.out.exists() and plan.out.stat().st_size:
                raise InputError(
                    f"{plan.out}: has no {plan.manifest.name} beside it, so nothing says which model "
                    f"answered; {remedy}"
                )
            manifest = runs.manifest(command, plan.identity, asked=0, profile=plan.profile)
        # Scores count what was asked and not answered; a later call with a smaller --limit asks no less than
        # was asked before.
        manifest["context"]["asked"] = max(manifest["context"]["asked"], len(plan.questions))
        if (
            manifest["context"].get("profile") != plan.profile
        ):  # rows of one file asked in two ways are of neither profile in full
            manifest["context"]["profile"] = "default"
        # Which words these are follows from the question file, whose digest is in the identity; older runs go
        # on without it.
        manifest["context"]["wording"] = wording_of(plan.questions).to_json()
        if plan.whole is not None:
            manifest["context"]["whole"] = max(manifest["context"].get("whole", 0), plan.whole)
        files.write_json(plan.manifest, manifest)
        if retry_failed:
            _drop_failed([plan.out, *plan.shards()])
        with AppendLog(plan.out) as log:
            output = Output(plan, log)
            output.adopt_shards()
            yield output


def _drop_failed(paths: Iterable[Path]) -> None:
    """Rewrite the files without their failed rows, each at once, so that those questions are asked again."""
    for path in paths:
        if path.exists():
            AppendLog(path).close()
            files.write_rows(
                path, [prediction.to_json() for prediction in read_log(path) if not prediction.failed]
            )
