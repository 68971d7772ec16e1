"""Inference in several processes, one engine each: on GPUs one process a device.

Rows go to a file a process, merged at the end.

A process that dies loses nothing it had written and takes no other with it. This file is both sides:
`answer_in_processes` is the parent; `python -m unifer.evaluate.inference.shards` the child, told its work in
one line of JSON on standard input. That pipe ends with the parent, and the child ends with the pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from unifer.append_log import AppendLog
from unifer.dialogue.damage.kinds import Damage
from unifer.errors import INTERRUPTED, InputError
from unifer.evaluate.inference.answering import answer
from unifer.evaluate.inference.outputs import AnswerPlan, Output
from unifer.models.devices import visible_gpus
from unifer.models.engines import EngineSpec
from unifer.models.engines.succession import EngineSlot
from unifer.processes import ProcessGroup
from unifer.progress import Advance
from unifer.records import Json, Question

_POLL_SECONDS = 0.2
_STOP_SECONDS = 5.0


def default_shards(spec: EngineSpec) -> int:
    """As many engines as fit on the visible GPUs; 1 on CPU, where it uses all cores, and for servers."""
    return (
        1 if spec.name in ("scripted", "server") else max(1, len(visible_gpus()) // spec.tensor_parallel_size)
    )


@dataclass(frozen=True)
class ModelWork:
    """The open results files of one model, for the engine of `spec`; `progress` shows how far it is."""

    outputs: Sequence[Output]
    spec: EngineSpec
    progress: Callable[[], AbstractContextManager[Advance]]


def answer_in_processes(shares: Sequence[ModelWork], shards: int) -> None:
    """Split the open questions of every share over `shards` processes, wait, and merge their rows.

    Raises InputError if there are fewer GPUs than that takes; naming the processes that failed, after merging
    what every one wrote.
    """
    gpus = len(visible_gpus())
    widest = max((share.spec for share in shares), key=lambda spec: spec.tensor_parallel_size)
    if gpus and shards * widest.tensor_parallel_size > gpus:
        needed = f"{shards} processes of {widest.tensor_parallel_size} GPU(s) each"
        raise InputError(
            f"--shards: {needed} need {shards * widest.tensor_parallel_size} GPUs, {gpus} are visible; "
            "ask for fewer"
        )
    jobs = [[_job(share, index, shards) for share in shares] for index in range(shards)]
    outputs = [output for share in shares for output in share.outputs]
    workers = [
        _Worker(
            index,
            [output.plan for output in outputs],
            [job for job in own if job["work"]],
            _environment(index, shards, widest),
        )
        for index, own in enumerate(jobs)
        if any(job["work"] for job in own)
    ]
    try:
        for share in shares:
            _watch(share, workers)
        while any(worker.running() for worker in workers):
            pass  # they close their engines
    finally:
        for worker in workers:
            worker.stop()
        for output in outputs:
            output.adopt_shards()
    dead = [worker for worker in workers if worker.status]
    if dead:
        names = "; ".join(worker.obituary() for worker in dead)
        raise InputError(
            f"{len(dead)} of {len(workers)} worker processes failed: {names}. The answers of all are "
            "kept; see the messages above for the cause, then run the same command again to go on"
        )


def _watch(share: ModelWork, workers: Sequence[_Worker]) -> None:
    """Show the rows of one share as they come, until they are all there or no worker runs."""
    missing = sum(len(output.todo()) for output in share.outputs)
    plans = [output.plan for output in share.outputs]
    with share.progress() as advance:
        while missing > 0:
            going = any(worker.running() for worker in workers)
            rows = sum(worker.new_rows(plan) for worker in workers for plan in plans)
            advance(rows)
            missing -= rows
            if not going:
                return


class _Worker:
    """One child process and the row files that it fills."""

    def __init__(
        self, index: int, plans: Sequence[AnswerPlan], jobs: Sequence[Json], environment: dict[str, str]
    ) -> None:
        self._index = index
        self._read_to = {plan.shard(index): 0 for plan in plans}
        self._group = ProcessGroup(
            [sys.executable, "-m", "unifer.evaluate.inference.shards"],
            patience=_STOP_SECONDS,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | environment,
            text=True,
        )
        try:
            self._pipe().write(json.dumps(jobs) + "\n")
            self._pipe().flush()
        except BrokenPipeError:
            return  # it died at once: its exit status will say so

    def _pipe(self) -> IO[str]:
        assert self._group.process.stdin is not None
        return self._group.process.stdin

    @property
    def status(self) -> int:
        return self._group.process.returncode

    def running(self) -> bool:
        """False once it ended; waits a moment before saying True."""
        try:
            self._group.process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        self._group.sweep()  # killed alone, it leaves its engine with most of a GPU
        return False

    def new_rows(self, plan: AnswerPlan) -> int:
        """Rows written for `plan` since the last call."""
        path, rows = plan.shard(self._index), 0
        if path.exists():
            with path.open("rb") as stream:
                stream.seek(self._read_to[path])
                rows = stream.read().count(b"\n")
                self._read_to[path] = stream.tell()
        return rows

    def stop(self) -> None:
        """End it if it still runs: first by closing its pipe, then by force."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe().close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._group.process.wait(_STOP_SECONDS)
        self._group.end()

    def obituary(self) -> str:
        """`number 2 was killed by signal 9`, or its exit status."""
        end = (
            f"was killed by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        )
        return f"number {self._index} {end}"


def _environment(index: int, of: int, spec: EngineSpec) -> dict[str, str]:
    """The child's share of the machine: its GPUs, or its part of the cores.

    It must find this very package, however we were started.
    """
    package = str(Path(__file__).parents[2])
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    gpus, each = visible_gpus(), spec.tensor_parallel_size
    if gpus:
        return paths | {"CUDA_VISIBLE_DEVICES": ",".join(gpus[index * each : (index + 1) * each])}
    # Pinned threads of several engines would all land on the same first cores.
    return paths | {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // of)),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }


def _job(share: ModelWork, index: int, of: int) -> Json:
    """What worker `index` has to do for one share."""
    parts = [(output.plan, output.todo()[index::of]) for output in share.outputs]
    return {
        "spec": share.spec.to_json(),
        "work": [_work(plan, index, questions) for plan, questions in parts if questions],
    }


def _work(plan: AnswerPlan, index: int, questions: list[Question]) -> Json:
    return {
        "questions_file": str(plan.questions_file),
        "questions": [question.to_json() for question in questions],
        "out": str(plan.shard(index)),
        "votes": plan.votes,
        "image_root": None if plan.image_root is None else str(plan.image_root),
        "damage": None if plan.damage is None else plan.damage.to_json(),
    }


def main() -> int:
    """The child: read the work, answer it. Returns the exit status."""
    jobs = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with EngineSlot() as slot:
            for job in jobs:
                _answer_job(job, slot)
    except InputError as error:
        sys.stderr.write(f"unifer worker: {error}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _answer_job(job: Json, slot: EngineSlot) -> None:
    spec = EngineSpec.from_json(job["spec"])
    engine = slot.engine_for(spec)
    for work in job["work"]:
        plan = _plan_of(work)
        with AppendLog(plan.out) as log:
            answer([Output(plan, log)], engine, spec.image_rule, lambda amount=1: None)


def _plan_of(work: Json) -> AnswerPlan:
    """What `_work` wrote down."""
    return AnswerPlan(
        Path(work["questions_file"]),
        tuple(Question.from_json(row) for row in work["questions"]),
        Path(work["out"]),
        None if work["image_root"] is None else Path(work["image_root"]),
        {},
        votes=work["votes"],
        damage=None if work["damage"] is None else Damage.from_json(work["damage"]),
    )


def _end_with_parent() -> None:
    """Ends the child when the pipe from the parent closes: every finished row is on disk already.

    Reads the descriptor, not `sys.stdin`: a thread inside that object's read holds its lock, and a process
    that is forked meanwhile (vLLM's engine on a GPU), whose first act is to close its standard input, would
    wait for that lock for ever.
    """
    while os.read(0, 65536):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
