"""vLLM with its engine in a process of its own, as on GPUs: it starts behind a worker, and nothing of it
survives a kill.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.watching import descendants, still_running, wait_until
from tests.evaluate.asked import lines, make_dataset
from tests.shared import BASE

pytestmark = pytest.mark.slow

FORK = """
import multiprocessing
choose = multiprocessing.get_context
multiprocessing.get_context = lambda method=None: choose("fork" if method == "spawn" else method)
"""
"""As vLLM starts its engine on a GPU; on a CPU it would be started anew."""
COUNT = 6


def start(dataset: Path, *flags: str) -> subprocess.Popen[bytes]:
    (dataset / "sitecustomize.py").write_text(FORK)
    command = [
        sys.executable,
        "-m",
        "unifer",
        "infer",
        "--dataset-dir",
        str(dataset),
        "--engine",
        "vllm",
        "--model",
        str(BASE),
    ]
    environment = os.environ | {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "1",
        "PYTHONPATH": str(dataset),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [*command, "--max-new-tokens", "100", *flags], env=environment, stderr=subprocess.PIPE
    )


def test_forked_engines_answer_behind_their_workers_and_end_with_a_killed_command(tmp_path: Path) -> None:
    """A worker's thread that read standard input kept the forked engine waiting for ever; a killed one left
    it holding the GPU.
    """
    dataset = make_dataset(tmp_path / "eval_toy", COUNT)
    process = start(dataset, "--shards", "2")
    results = dataset / "results"

    def answered() -> bool:
        assert process.poll() is None, process.communicate()[1].decode()[-3000:]
        return any(lines(part) for part in results.glob("*.shard-*.jsonl"))

    wait_until(answered, 240)
    started = descendants(process.pid)
    process.kill()
    process.communicate()
    assert not still_running(started, 10)
    again = start(dataset, "--shards", "2")
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0, said.decode()[-3000:]
    assert lines(results / f"{BASE.name}.jsonl") == COUNT
