"""Child processes that end when we do, however we end: with Ctrl-C, with an error, with SIGKILL.

A program that starts processes of its own (vLLM's engine, which holds most of a GPU) leaves them running when
it is killed. So it runs in a process group of its own, and a small watcher, outside that group, holds a pipe
from us: when the pipe closes, it ends the group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_WATCH = """
cat > /dev/null
kill -s TERM -- "-$1" 2> /dev/null
i=0
while [ "$i" -lt "$2" ]; do kill -s 0 -- "-$1" 2> /dev/null || exit 0; sleep 0.5; i=$((i + 1)); done
kill -s KILL -- "-$1" 2> /dev/null
"""
"""`$1` the group, `$2` half seconds between the request to end and the end by force."""
_PR_SET_PDEATHSIG = 1


class ProcessGroup:
    """`command` in a process group of its own, which ends with `end`, and with us.

    It has `patience` seconds to end by itself. `options` go to `subprocess.Popen`.
    """

    def __init__(self, command: Sequence[str], *, patience: float, **options: Any) -> None:
        self._patience = patience
        self.process: subprocess.Popen[Any] = subprocess.Popen(command, start_new_session=True, **options)
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", str(self.id), str(int(2 * patience))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def id(self) -> int:
        """The process that was started, and the group that it leads."""
        return self.process.pid

    def end(self) -> None:
        """Ask the group to end, wait, end it by force. It may have ended before."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self._patience)
        self.sweep()
        self.process.wait()
        self._watcher.kill()
        self._watcher.communicate()

    def sweep(self) -> None:
        """End by force what still runs of the group, as after the death of the process that led it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, number)


def end_with_parent() -> None:
    """From now on this process is killed when the one that started it dies; on Linux, elsewhere not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port(host: str = "") -> int:
    """A TCP port of `host` that nothing listens on; two processes that ask are given two."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
