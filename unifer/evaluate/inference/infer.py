"""Inference as a whole: which model answers what into which file, resumed where it stopped.

Knows no grading: a reply is text here. How questions are asked is `answering`, how rows are kept `outputs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.dialogue import images, prompts
from unifer.dialogue.damage.kinds import Damage
from unifer.dialogue.images import ImageError
from unifer.errors import InputError, Interrupted
from unifer.evaluate import parts, voting
from unifer.evaluate.inference import outputs
from unifer.evaluate.inference.answering import answer, stream_key
from unifer.evaluate.inference.outputs import AnswerPlan, Output
from unifer.evaluate.inference.shards import ModelWork, answer_in_processes
from unifer.evaluate.parts import QuestionPart
from unifer.models.devices import refuse_full
from unifer.models.engines import Engine, EngineSpec
from unifer.models.engines.succession import EngineSlot
from unifer.progress import Advance
from unifer.records import Json, Question

COMMAND = "infer"

Progress = Callable[[int, int], AbstractContextManager[Advance]]
"""(questions in all, of them already answered) -> a context that is told of every further one."""


@dataclass(frozen=True)
class Job:
    """What one model is asked, by which engine, and where its progress is shown."""

    plans: tuple[AnswerPlan, ...]
    spec: EngineSpec
    progress: Progress


@dataclass(frozen=True)
class InferenceSummary:
    """What a results file holds at the end: `total = answered + failed + missing`."""

    out: Path
    total: int
    answered: int
    failed: int
    resumed: int
    """Rows that were there before this run began."""
    first_failures: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.total - self.answered - self.failed

    def to_json(self) -> Json:
        return {
            "asked": self.total,
            "answered": self.answered,
            "failed": self.failed,
            "missing": self.missing,
        }


def plan(
    questions_file: Path,
    questions: Sequence[Question],
    out: Path,
    *,
    model: Json,
    spec: EngineSpec,
    image_root: Path | None = None,
    part: QuestionPart | None = None,
    damage: Damage | None = None,
    profile: str = "default",
    votes: int = 1,
) -> AnswerPlan:
    """What to answer into which file: with a `part`, its share of `questions` beside `out`.

    With a `damage`, its own file beside `out`. `profile` is the name of the inference profile, for readers of
    the manifest. `votes` are the replies that each question gets.

    Raises InputError if `out` is not JSONL, the part holds no question, or nobody can vote on the questions.
    """
    if out.suffix != outputs.SUFFIX:
        raise InputError(
            f"{out}: predictions are appended one row a line; name a file that ends in {outputs.SUFFIX}"
        )
    identity = {
        "questions": runs.describe_file(questions_file),
        "model": model,
        "prompt": prompts.VERSION,
        **spec.identity(),
        **({voting.KEY: votes} if votes > 1 else {}),
    }
    voting.check_votable(questions, votes, questions_file)
    whole = AnswerPlan(
        questions_file, tuple(questions), out, image_root, identity, profile=profile, votes=votes
    ).damaged(damage)
    if part is None:
        return whole
    if part.of > len(questions):
        asked = f"{len(questions)} questions of {questions_file} are asked for"
        raise InputError(
            f"--part {part}: {asked}, so some parts would hold none; split them into at most {len(questions)}"
        )
    return replace(
        whole,
        questions=tuple(part.questions(questions)),
        out=part.path(whole.out),
        identity=whole.identity | {parts.KEY: part.to_json()},
        whole=len(questions),
    )


def check_some_image(plan: AnswerPlan) -> None:
    """Raises InputError where all images are missing: a wrong root, better said before a model loads.

    One missing image is a failed row.

    Raises InputError.
    """
    for question in plan.questions:
        try:
            if images.resolve(question.image_path, plan.image_root, plan.questions_file.parent).exists():
                return
        except ImageError:
            continue
    first = plan.questions[0].image_path
    where = (
        plan.image_root
        or "UNIFER_IMAGE_ROOT or data/images for a leading '/', else the question file's folder"
    )
    raise InputError(
        f"{plan.questions_file}: none of its {len(plan.questions)} images is there, such as {first!r} "
        f"(looked below {where}); give --image-root the folder that holds them"
    )


def run_inference(
    plans: Sequence[AnswerPlan],
    spec: EngineSpec,
    *,
    progress: Progress,
    shards: int = 1,
    overwrite: bool = False,
    retry_failed: bool = False,
    make_engine: Callable[[], Engine] | None = None,
) -> list[InferenceSummary]:
    """`run_jobs` for one model.

    `make_engine` replaces `spec.open` (one process only); its engine stays open.
    """
    slot = None if make_engine is None else _lent(make_engine)
    return run_jobs(
        [Job(tuple(plans), spec, progress)],
        shards=shards,
        overwrite=overwrite,
        retry_failed=retry_failed,
        slot=slot,
    )


def run_jobs(
    jobs: Sequence[Job],
    *,
    shards: int = 1,
    overwrite: bool = False,
    retry_failed: bool = False,
    slot: EngineSlot | None = None,
) -> list[InferenceSummary]:
    """Answer every open question of `jobs`, one after the other, by one engine or one per process.

    Every results file is opened, and refused, before the first engine starts. `slot` is where the engine
    goes, the caller's to close. Raises InputError (another run's file, a full disk, images not found, an
    engine that answers nothing) and Interrupted; whatever was answered until then is on disk, and the same
    call goes on from there.
    """
    _refuse_one_file_twice(jobs)
    with ExitStack() as stack:
        opened = [_open_job(stack, job, overwrite, retry_failed) for job in jobs]
        outputs_of_all = [output for job in opened for output in job.outputs]
        resumed = [rows_of(output) for output in outputs_of_all]
        for output in outputs_of_all:
            if not output.done:
                check_some_image(output.plan)
        try:
            _answer_all([job for job in opened if job.todo()], shards, slot)
        except KeyboardInterrupt:
            kept, total = (sum(job.rows() for job in opened), sum(job.total() for job in opened))
            raise Interrupted(
                f"stopped; {kept} of {total} questions have their answer on disk. The same command goes "
                "on from there"
            ) from None
        return [finish(output, before) for output, before in zip(outputs_of_all, resumed, strict=True)]


def _lent(make_engine: Callable[[], Engine]) -> EngineSlot:
    return EngineSlot(lambda _: make_engine())


def _refuse_one_file_twice(jobs: Sequence[Job]) -> None:
    """Raises InputError where two models would write one file; its lock would blame another process."""
    written = Counter(plan.out.absolute() for job in jobs for plan in job.plans)
    twice = [path for path, times in written.items() if times > 1]
    if twice:
        raise InputError(
            f"{twice[0]}: {written[twice[0]]} of the models asked for would write this file, whose "
            "name is the model's folder; name each model once, and ask two folders of one name in "
            "two commands with --out"
        )


@dataclass(frozen=True)
class _Opened:
    """A job with its open results files."""

    job: Job
    outputs: list[Output]

    def todo(self) -> bool:
        return any(output.todo() for output in self.outputs)

    def total(self) -> int:
        return sum(len(output.plan.questions) for output in self.outputs)

    def rows(self) -> int:
        return sum(rows_of(output) for output in self.outputs)

    def progress(self) -> AbstractContextManager[Advance]:
        return self.job.progress(self.total(), self.rows())


def _open_job(stack: ExitStack, job: Job, overwrite: bool, retry_failed: bool) -> _Opened:
    opening = (
        outputs.opened(plan, command=COMMAND, overwrite=overwrite, retry_failed=retry_failed)
        for plan in job.plans
    )
    return _Opened(job, [stack.enter_context(output) for output in opening])


def _answer_all(opened: Sequence[_Opened], shards: int, slot: EngineSlot | None) -> None:
    if slot is None and (
        spec := next((each.job.spec for each in opened if each.job.spec.name == "vllm"), None)
    ):
        refuse_full(spec.gpu_memory_utilization, shards * spec.tensor_parallel_size)
    if opened and (shards > 1 or (slot is None and any(each.job.spec.has_processes for each in opened))):
        answer_in_processes(
            [ModelWork(each.outputs, each.job.spec, each.progress) for each in opened], shards
        )
        return
    ours: AbstractContextManager[EngineSlot] = EngineSlot() if slot is None else nullcontext(slot)
    with ours as room:
        for each in opened:
            # Before the clock of the progress display starts: loading is no part of images/s.
            engine = room.engine_for(each.job.spec)
            with each.progress() as advance:
                for together in _streams(each.outputs):
                    answer(together, engine, each.job.spec.image_rule, advance)


def _streams(opened: Sequence[Output]) -> list[Sequence[Output]]:
    """All files in one stream, or one by one where a key stands in two: a reply would not say whose it is."""
    keys = [
        stream_key(output.plan, question, vote)
        for output in opened
        for question in output.todo()
        for vote in range(output.plan.votes)
    ]
    return [opened] if len(set(keys)) == len(keys) else [[output] for output in opened]


def rows_of(output: Output) -> int:
    """How many questions of the plan (a `--limit` may leave some out) that have a row."""
    return sum(question.key in output.done for question in output.plan.questions)


def finish(output: Output, resumed: int) -> InferenceSummary:
    """Count what the file holds, `resumed` rows of it from before, and write that into its manifest."""
    wanted = {question.key for question in output.plan.questions}
    failed = 0
    examples: list[str] = []
    for prediction in outputs.read_log(output.plan.out) if output.failures else ():
        if prediction.failed and prediction.question.key in wanted:
            failed += 1
            if len(examples) < 3:
                examples.append(f"{prediction.question.key}: {prediction.error}")
    rows = rows_of(output)
    summary = InferenceSummary(output.plan.out, len(wanted), rows - failed, failed, resumed, tuple(examples))
    manifest: dict[str, Any] = runs.refuse_other_run(output.plan.manifest, output.plan.identity, "") or {}
    manifest["context"] |= {"finished": runs.now(), "rows": summary.to_json()}
    files.write_json(output.plan.manifest, manifest)
    return summary
