"""Stages of a long command: which are done, and the processes that do them.

Knows command lines and seconds; not what any stage is for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unifer import files, progress
from unifer.cli.machine import free_disk
from unifer.errors import INTERRUPTED, InputError, Interrupted
from unifer.places import project_root
from unifer.processes import end_with_parent
from unifer.progress import Progress
from unifer.records import Json

_LAUNCHERS = {"sft": "run_sft_fer.sh", "grpo": "run_grpo_vllm.sh"}
_POLL_SECONDS = 0.2
_STOP_SECONDS = 5.0
_GIGABYTES_AN_ENGINE = 4
_LAST_LINES = 12
_KILLED = (-9, 128 + 9)
_FULL_DISK = 64 * 2**20

Heard = Callable[[Mapping[str, Progress]], None]
"""Called a few times a second: name -> how far that command is, of those that have said so."""


class Stages:
    """Which stages are done and how long each took, on disk. `recipe` is what they were done for.

    Raises InputError where `path` tells of another recipe: its stages are no part of this one.
    """

    def __init__(self, path: Path, recipe: Json, remedy: str) -> None:
        self._path, self._recipe = path, recipe
        found = files.read_json(path, remedy) if path.exists() else {"recipe": recipe, "seconds": {}}
        if found.get("recipe") != recipe:
            raise InputError(
                f"{path}: tells of a run with another recipe, {found.get('recipe')} where this one has "
                f"{recipe}; {remedy}"
            )
        self.seconds: dict[str, float] = found["seconds"]
        self.yardsticks: dict[str, float] = found.get("yardsticks", {})
        """Stage -> seconds of the fixed piece of work that was timed before it; see `yardstick`."""

    def note(self, name: str, seconds: float) -> None:
        """`name` is done and took so long."""
        self.seconds[name] = round(seconds, 1)
        self._save()

    def note_yardstick(self, before: str, seconds: float) -> None:
        """How long the fixed piece of work took before the stage `before`."""
        self.yardsticks[before] = round(seconds, 4)
        self._save()

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

    def _save(self) -> None:
        timed = {"yardsticks": self.yardsticks} if self.yardsticks else {}
        files.write_json(self._path, {"recipe": self._recipe, "seconds": self.seconds} | timed)


def unifer(*argv: str) -> list[str]:
    """The command line of `unifer ARGV` in this Python."""
    return [sys.executable, "-m", "unifer", *argv]


def training(stage: str, config: Path, *more: str) -> list[str]:
    """The command line of the training `stage` (sft, grpo) by `config`; the flags `more` win over it."""
    launcher = project_root(Path(__file__).parent) / "train_unifer" / "src" / "scripts" / _LAUNCHERS[stage]
    return ["bash", str(launcher), "--config", str(config.absolute()), *more]


def as_flags(settings: Mapping[str, Any], joint: str) -> list[str]:
    """`{"max_steps": 60}` -> `["--max_steps", "60"]`, words joined by `joint`; a list is several values."""
    words: list[str] = []
    for name, value in settings.items():
        values = value if isinstance(value, list | tuple) else [value]
        words += [
            f"--{name.replace('_', joint)}",
            *(str(each).lower() if isinstance(each, bool) else str(each) for each in values),
        ]
    return words


def command(argv: list[str], **environment: str) -> None:
    """Run one command in a process of its own, which is killed with this one.

    So each stage starts and ends as it does for a user.
    """
    try:
        status = subprocess.run(
            argv, env=os.environ | environment, check=False, preexec_fn=end_with_parent
        ).returncode
    except KeyboardInterrupt:
        raise _interrupted() from None
    if status:
        raise _failed(argv, status)


def side_by_side(
    commands: Mapping[str, list[str]], logs: Path, lanes: int, heard: Heard | None = None, **environment: str
) -> None:
    """Run commands at most `lanes` at once, in their order.

    The first failure stops the rest; killed, we take them along.

    One at a time shows its progress; what the others say goes to `logs/<name>.log`, whose last lines are
    shown if they fail. With `heard` all of them write logs, and it hears how far they are.
    """
    waiting, running, told = dict(commands), dict[str, _Running](), dict[str, Progress]()
    try:
        while waiting or running:
            while waiting and len(running) < lanes:
                name = next(iter(waiting))
                seen = heard is None and not any(each.log is None for each in running.values())
                running[name] = _Running(
                    waiting.pop(name), None if seen else logs / f"{name}.log", environment
                )
            told |= {name: found for name, each in running.items() if (found := each.told()) is not None}
            for name in [name for name, each in running.items() if each.ended()]:
                running.pop(name).check()
            if heard is not None:
                heard(told)
            if running:
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        raise _interrupted() from None
    finally:
        for each in running.values():
            each.stop()


def share_of_machine(engines: int) -> dict[str, Any]:
    """How many engines run at once and with how many threads.

    Starting vLLM keeps one core busy, so on CPU they start together.

    On GPU each engine fills the card. One thread an engine loses nothing: three of them take the cores in
    turns.
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
    """One process, its output on the screen or at the end of a log, beside which it tells how far it is."""

    def __init__(self, argv: list[str], log: Path | None, environment: Mapping[str, str]) -> None:
        self._argv, self.log, self._telling = argv, log, Path()
        if log is None:
            self._process = subprocess.Popen(argv, env=os.environ | environment, preexec_fn=end_with_parent)
            return
        log.parent.mkdir(parents=True, exist_ok=True)
        self._telling = log.with_suffix(".progress")
        self._telling.unlink(missing_ok=True)
        told = {progress.VARIABLE: str(self._telling.absolute())}
        with log.open("ab") as out:
            self._start = out.tell()
            self._process = subprocess.Popen(
                argv,
                env={**os.environ, **told, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,
            )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def told(self) -> Progress | None:
        """How far it is, if it has said so."""
        return None if self.log is None else progress.heard(self._telling)

    def check(self) -> None:
        """Raise Interrupted if it was, InputError if it failed, with the last lines of its log."""
        status = self._process.returncode
        if status == INTERRUPTED:
            raise _interrupted()
        if status:
            raise (
                _failed(self._argv, status)
                if self.log is None
                else _failed_with_log(self.log, self._start, status)
            )

    def stop(self) -> None:
        """End it: wait a moment, as Ctrl-C reached it too, then request, then kill."""
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_STOP_SECONDS)
            except (
                subprocess.TimeoutExpired,
                KeyboardInterrupt,
            ):  # who presses Ctrl-C twice does not want to wait
                end()
        self._process.wait()


def _interrupted() -> Interrupted:
    return Interrupted("stopped; run the same command to go on")


def _failed(argv: list[str], status: int) -> InputError:
    shown = " ".join(map(os.path.relpath, argv[:2]))
    return InputError(
        f"stopped: `{shown} ...` ended with status {status}; its message stands above{_killed(status)}"
    )


def _failed_with_log(log: Path, start: int, status: int) -> InputError:
    with log.open("rb") as file:
        file.seek(start)
        said = file.read().decode("utf-8", errors="replace").replace("\r", "\n")
    lines = [line for line in said.splitlines() if line.strip()][-_LAST_LINES:]
    shown = "".join(f"  | {line[:200]}\n" for line in lines)
    # A full disk takes the last words of the log too.
    full = "the disk is full: free some space, then " if free_disk(log.parent) < _FULL_DISK else ""
    return InputError(
        f"{log.stem} ended with status {status}{_killed(status)}; its log {os.path.relpath(log)} ends "
        f"with\n{shown}{full}the same command goes on from here"
    )


def _killed(status: int) -> str:
    return " (killed: most likely memory ran out)" if status in _KILLED else ""
