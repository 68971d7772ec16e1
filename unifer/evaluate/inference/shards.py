"""Inference in several processes, one engine each: on GPUs one process a device. Rows go to a file a process, merged at the end.

A process that dies loses nothing it had written and takes no other with it. This file is both sides: `answer_in_processes` is the
parent; `python -m unifer.evaluate.inference.shards` the child, told its work in one line of JSON on standard input. That pipe ends with the
parent, and the child ends with the pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from unifer.errors import INTERRUPTED, InputError
from unifer.evaluate.inference.answering import Advance, answer
from unifer.evaluate.inference.outputs import Output, Plan
from unifer.files import AppendLog
from unifer.models.devices import visible_gpus
from unifer.models.engines import EngineSpec
from unifer.records import Json, Question

_POLL_SECONDS = 0.2
_STOP_SECONDS = 5.0


def default_shards(spec: EngineSpec) -> int:
    """As many engines as fit on the visible GPUs; 1 on CPU, where one engine uses all cores."""
    return 1 if spec.name == "scripted" else max(1, len(visible_gpus()) // spec.tensor_parallel_size)


def answer_in_processes(opened: Sequence[Output], spec: EngineSpec, shards: int, advance: Advance) -> None:
    """Split the open questions of `opened` over `shards` processes, wait, and merge their rows.

    Raises InputError if there are fewer GPUs than that takes; naming the processes that failed, after merging what every one wrote.
    """
    gpus = len(visible_gpus())
    if gpus and shards * spec.tensor_parallel_size > gpus:
        needed = f"{shards} processes of {spec.tensor_parallel_size} GPU(s) each"
        raise InputError(f"--shards: {needed} need {shards * spec.tensor_parallel_size} GPUs, {gpus} are visible; ask for fewer")
    parts = [[output.todo()[index::shards] for output in opened] for index in range(shards)]
    workers = [_Worker(index, shards, opened, part, spec) for index, part in enumerate(parts) if any(part)]
    try:
        while any(worker.running() for worker in workers):
            advance(sum(worker.new_rows() for worker in workers))
        advance(sum(worker.new_rows() for worker in workers))
    finally:
        for worker in workers:
            worker.stop()
        for output in opened:
            output.adopt_shards()
    dead = [worker for worker in workers if worker.status]
    if dead:
        names = "; ".join(worker.obituary() for worker in dead)
        raise InputError(
            f"{len(dead)} of {len(workers)} worker processes failed: {names}. The answers of all are kept; see the messages "
            "above for the cause, then run the same command again to go on"
        )


class _Worker:
    """One child process and the row files that it fills."""

    def __init__(self, index: int, of: int, opened: Sequence[Output], part: Sequence[list[Question]], spec: EngineSpec) -> None:
        self._index = index
        plans = [output.plan for output in opened]
        self._read_to = {plan.shard(index): 0 for plan in plans}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "unifer.evaluate.inference.shards"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | _environment(index, of, spec),
            text=True,
        )
        work = [_work(plan, index, questions) for plan, questions in zip(plans, part, strict=True) if questions]
        try:
            self._pipe().write(json.dumps({"spec": spec.to_json(), "work": work}) + "\n")
            self._pipe().flush()
        except BrokenPipeError:
            return  # it died at once: its exit status will say so

    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def status(self) -> int:
        return self._process.returncode

    def running(self) -> bool:
        """False once it ended; waits a moment before saying True."""
        try:
            self._process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        return False

    def new_rows(self) -> int:
        """Rows written since the last call."""
        rows = 0
        for path, start in self._read_to.items():
            if path.exists():
                with path.open("rb") as stream:
                    stream.seek(start)
                    rows += stream.read().count(b"\n")
                    self._read_to[path] = stream.tell()
        return rows

    def stop(self) -> None:
        """End it if it still runs: first by closing its pipe, then by force."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe().close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def obituary(self) -> str:
        """`number 2 was killed by signal 9`, or its exit status."""
        end = f"was killed by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        return f"number {self._index} {end}"


def _environment(index: int, of: int, spec: EngineSpec) -> dict[str, str]:
    """The child's share of the machine: its GPUs, or its part of the cores. It must find this very package, however we were started."""
    package = str(Path(__file__).parents[2])
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    gpus, each = visible_gpus(), spec.tensor_parallel_size
    if gpus:
        return paths | {"CUDA_VISIBLE_DEVICES": ",".join(gpus[index * each : (index + 1) * each])}
    # Pinned threads of several engines would all land on the same first cores.
    return paths | {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // of)), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


def _work(plan: Plan, index: int, questions: list[Question]) -> Json:
    return {
        "questions_file": str(plan.questions_file),
        "questions": [question.to_json() for question in questions],
        "out": str(plan.shard(index)),
        "image_root": None if plan.image_root is None else str(plan.image_root),
    }


def main() -> int:
    """The child: read the work, answer it. Returns the exit status."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    spec = EngineSpec.from_json(job["spec"])
    try:
        engine = spec.open()
        for work in job["work"]:
            questions = tuple(Question.from_json(row) for row in work["questions"])
            root = None if work["image_root"] is None else Path(work["image_root"])
            plan = Plan(Path(work["questions_file"]), questions, Path(work["out"]), root, {})
            with AppendLog(plan.out) as log:
                answer([Output(plan, log)], engine, spec.image_rule, lambda amount=1: None)
    except InputError as error:
        sys.stderr.write(f"unifer worker: {error}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _end_with_parent() -> None:
    """Every finished row is on disk already, so there is nothing to tidy up when the pipe from the parent closes."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
