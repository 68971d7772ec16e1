"""No process outlives the one that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from unifer.processes import ProcessGroup

ROOT = Path(__file__).parents[1]
STUBBORN = "trap '' TERM; sleep 300 & echo $! > {0}; while :; do sleep 1; done"
"""A shell that starts a process of its own, and neither ends when asked."""


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def number_in(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def running(pid: int) -> bool:
    """Whether it still computes; one that waits for its parent to take note of its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_killed_child_had_started_is_ended(tmp_path: Path) -> None:
    """vLLM's engine outlived its worker, and held nine tenths of the GPU."""
    group = ProcessGroup(["/bin/sh", "-c", STUBBORN.format(tmp_path / "pid")], patience=0.1)
    engine = number_in(tmp_path / "pid")
    group.process.kill()
    group.process.wait()
    assert running(engine)
    group.sweep()
    wait_until(lambda: not running(engine))
    group.end()


def test_end_ends_what_does_not_want_to(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", STUBBORN.format(tmp_path / "pid")], patience=0.1)
    engine = number_in(tmp_path / "pid")
    group.end()
    assert group.process.returncode == -signal.SIGKILL
    wait_until(lambda: not running(engine))


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
    wait_until(lambda: not running(engine))


def test_a_rank_ends_with_its_launcher(tmp_path: Path) -> None:
    """torchrun gives ranks sessions of their own; killed, it left them training."""
    rank = "from unifer.processes import end_with_parent as e; e(); import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    pid = tmp_path / "pid"
    launcher = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {rank!r}], stdout=open({str(pid)!r}, 'w'))"],
        cwd=ROOT,
        start_new_session=True,
    )
    child = number_in(pid)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    wait_until(lambda: not running(child))
