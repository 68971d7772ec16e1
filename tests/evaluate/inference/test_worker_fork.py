"""A worker process can fork while its thread waits for the parent's end, as vLLM's engine does on a GPU."""

from __future__ import annotations

import subprocess
import sys
import threading

FORKS = """
import multiprocessing, sys, threading
from unifer.evaluate.inference import shards

assert sys.stdin.readline() == "job\\n"
threading.Thread(target=shards._end_with_parent, daemon=True).start()
child = multiprocessing.get_context("fork").Process(target=print, args=("forked",), kwargs={"flush": True})
child.start()
child.join()
print("joined", child.exitcode, flush=True)
sys.stdin.close = lambda: None
threading.Event().wait()
"""


def test_a_forked_child_closes_its_standard_input_while_the_worker_waits_on_it() -> None:
    """The thread sat in sys.stdin.read() and held its lock: every multi-GPU `unifer infer` hung in the
    child's first act.
    """
    worker = subprocess.Popen(
        [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write("job\n")
        worker.stdin.flush()
        lines: list[str] = []
        said = worker.stdout
        reader = threading.Thread(target=lambda: lines.extend(said.readline() for _ in range(2)), daemon=True)
        reader.start()
        reader.join(timeout=60)
        assert lines == ["forked\n", "joined 0\n"]
        worker.stdin.close()
        assert worker.wait(timeout=60) == 1, "the end of the parent's pipe is the worker's end"
    finally:
        worker.kill()
        worker.wait()
