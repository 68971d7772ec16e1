"""Stages of a long command: which are done, and the processes that do them, one after the other or side by side.

Knows commands and seconds; not what any stage is for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError, Interrupted
from unifer.records import Json

_POLL_SECONDS = 0.2
_STOP_SECONDS = 5.0
_GIGABYTES_AN_ENGINE = 4


class Stages:
    """Which stages are done and how long each took, on disk. `recipe` is what they were done for.

    Raises InputError where `path` tells of another recipe: its stages are no part of this one.
    """

    def __init__(self, path: Path, recipe: Json, remedy: str) -> None:
        self._path, self._recipe = path, recipe
        found = files.read_json(path, remedy) if path.exists() else {"recipe": recipe, "seconds": {}}
        if found.get("recipe") != recipe:
            raise InputError(f"{path}: tells of a run with another recipe, {found.get('recipe')} where this one has {recipe}; {remedy}")
        self.seconds: dict[str, float] = found["seconds"]

    def note(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(seconds, 1)
        files.write_json(self._path, {"recipe": self._recipe, "seconds": self.seconds})

    def forget(self, name: str) -> None:
        self.seconds.pop(name, None)

    def run(self, name: str, title: str, work: Callable[[], None]) -> None:
        """Do `work` and note its seconds, unless it was done before."""
        if name in self.seconds:
            print(f"── {name}: done before, in {self.seconds[name]:.0f} s")
            return
        print(f"── {name}: {title}", flush=True)
        started = time.monotonic()
        work()
        self.note(name, time.monotonic() - started)
        print(f"── {name}: done in {self.seconds[name]:.0f} s", flush=True)


def unifer(*argv: str) -> list[str]:
    """The command line of `unifer ARGV` in this Python."""
    return [sys.executable, "-m", "unifer", *argv]


def command(argv: list[str], **environment: str) -> None:
    """Run one command in a process of its own, so that each stage starts and ends as it does for a user."""
    try:
        status = subprocess.run(argv, env=os.environ | environment, check=False).returncode
    except KeyboardInterrupt:
        raise _interrupted() from None
    if status:
        raise _failed(argv, status)


def side_by_side(commands: Mapping[str, list[str]], logs: Path, lanes: int, **environment: str) -> None:
    """Run commands at most `lanes` at once, in their order. One at a time shows its progress; what the others say goes to
    `logs/<name>.log`, and to the screen if they fail. The first failure stops the rest.
    """
    waiting, running = dict(commands), dict[str, _Running]()
    try:
        while waiting or running:
            while waiting and len(running) < lanes:
                name = next(iter(waiting))
                seen = not any(each.log is None for each in running.values())
                running[name] = _Running(waiting.pop(name), None if seen else logs / f"{name}.log", environment)
            for name in [name for name, each in running.items() if each.ended()]:
                running.pop(name).check()
            if running:
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        raise _interrupted() from None
    finally:
        for each in running.values():
            each.stop()


def share_of_machine(engines: int) -> dict[str, Any]:
    """How many engines run at once and with how many threads. Starting vLLM keeps one core busy, so on CPU they start together.

    On GPU each engine fills the card. One thread an engine loses nothing: three of them take the cores in turns.
    """
    from unifer.models.devices import visible_gpus

    if visible_gpus():
        return {"lanes": 1}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lanes = max(1, min(engines, int(memory / _GIGABYTES_AN_ENGINE)))
    # Pinned threads of several engines would all land on the same first cores.
    threads = str(max(1, (os.cpu_count() or 1) // lanes))
    return {"lanes": lanes, "OMP_NUM_THREADS": threads, "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


class _Running:
    """One process, its output on the screen or in a log."""

    def __init__(self, argv: list[str], log: Path | None, environment: Mapping[str, str]) -> None:
        self._argv, self.log = argv, log
        where: dict[str, Any] = {}
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            where = {"stdout": log.open("wb"), "stderr": subprocess.STDOUT}
        self._process = subprocess.Popen(argv, env=os.environ | environment, **where)
        if log is not None:
            where["stdout"].close()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def check(self) -> None:
        """Raise InputError if it failed, after showing what it said."""
        if self._process.returncode:
            if self.log is not None:
                print(self.log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
            raise _failed(self._argv, self._process.returncode)

    def stop(self) -> None:
        """End it: a moment to end by itself after a Ctrl-C, which it got too, then by request, then by force."""
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()


def _interrupted() -> Interrupted:
    return Interrupted("stopped; run the same command to go on")


def _failed(argv: list[str], status: int) -> InputError:
    shown = " ".join(map(os.path.relpath, argv[:2]))
    return InputError(f"stopped: `{shown} ...` ended with status {status}; its message stands above")
