"""Processes seen from outside: what a command has started, and whether it runs yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, its own children first."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [*children, *(below for child in children for below in descendants(child))]


def running(pid: int) -> bool:
    """Whether it still computes; one that waits for its parent to take note of its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def still_running(pids: Iterable[int], seconds: float) -> list[int]:
    """Those of `pids` that run after so many seconds; at once, when none does."""
    end, left = time.monotonic() + seconds, list(pids)
    while time.monotonic() < end and (left := [pid for pid in left if running(pid)]):
        time.sleep(0.05)
    return left


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Poll until `condition` holds; AssertionError after `seconds`, which only a hang reaches."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
