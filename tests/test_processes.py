"""No process outlives the one that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks.watching import running, still_running, wait_until
from unifer.processes import ProcessGroup

ROOT = Path(__file__).parents[1]
STUBBORN = "trap '' TERM; sleep 300 & echo $! > {0}; while :; do sleep 1; done"
"""A shell that starts a process of its own, and neither ends when asked."""


def number_in(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), 30)
    return int(path.read_text())


def test_what_a_killed_child_had_started_is_ended(tmp_path: Path) -> None:
    """vLLM's engine outlived its worker, and held nine tenths of the GPU."""
    group = ProcessGroup(["/bin/sh", "-c", STUBBORN.format(tmp_path / "pid")], patience=0.1)
    engine = number_in(tmp_path / "pid")
    group.process.kill()
    group.process.wait()
    assert running(engine)
    group.sweep()
    assert not still_running([engine], 30)
    group.end()


def test_end_ends_what_does_not_want_to(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", STUBBORN.format(tmp_path / "pid")], patience=0.1)
    engine = number_in(tmp_path / "pid")
    group.end()
    assert group.process.returncode == -signal.SIGKILL
    assert not still_running([engine], 30)


def test_a_group_ends_though_we_are_killed(tmp_path: Path) -> None:
    ours = f"""
import time
from unifer.processes import ProcessGroup
group = ProcessGroup(["/bin/sh", "-c", {STUBBORN.format(tmp_path / "pid")!r}], patience=0.5)
time.sleep(300)
"""
    parent = subprocess.Popen([sys.executable, "-c", ours], cwd=ROOT)
    engine = number_in(tmp_path / "pid")
    parent.kill()
    parent.wait()
    assert not still_running([engine], 30)


def test_a_rank_ends_with_its_launcher(tmp_path: Path) -> None:
    """torchrun gives ranks sessions of their own; killed, it left them training."""
    rank = (
        "from unifer.processes import end_with_parent as e; e(); import os, time; print(os.getpid(), "
        "flush=True); time.sleep(300)"
    )
    pid = tmp_path / "pid"
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.run([sys.executable, '-c', "
            f"{rank!r}], stdout=open({str(pid)!r}, 'w'))",
        ],
        cwd=ROOT,
        start_new_session=True,
    )
    child = number_in(pid)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    assert not still_running([child], 30)
