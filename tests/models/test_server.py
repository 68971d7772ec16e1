"""A local server: its command line, its death with its last words, and no process left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unifer.errors import InputError
from unifer.models.server import LocalServer, ServerLost, ServerOptions, serving

ROOT = Path(__file__).parents[2]

HEALTHY = """
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""
"""A server with a child of its own, as vLLM has."""

OUTLIVED = """
import os, signal, sys
from pathlib import Path
from tests.models.test_server import Stand
from unifer.models.server import serving
with serving(Stand(sys.argv[1]), "m", Path(sys.argv[1]) / "server.log"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Stand(ServerOptions):
    """Options whose command starts a small stand-in for vLLM."""

    def command(self, served: str, port: int) -> list[str]:
        return [sys.executable, "-c", HEALTHY, str(Path(self.model) / "pids"), str(port)]


class Broken(ServerOptions):
    """Options whose command fails as a program does."""

    def command(self, served: str, port: int) -> list[str]:
        said = "print('INFO loading'); raise ValueError('\\x1b[31mno room for the KV cache')"
        return [sys.executable, "-c", said]


def gone(pid: int) -> bool:
    """Whether the process ended; one that is dead and not yet collected by its parent has."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_until_gone(pids: list[int]) -> None:
    """Returns when all have ended; `pidfd_open` tells without polling."""
    import select

    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        assert select.select([handle], [], [], 60)[0], f"{pid} still runs"
        os.close(handle)


def test_the_options_become_arguments_of_the_module(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"dtype": "float16"}))
    options = ServerOptions(
        str(tmp_path),
        tensor_parallel=2,
        max_model_len=99,
        gpu_memory=0.5,
        trust_remote_code=True,
        args=("--seed", "7"),
    )
    command = " ".join(options.command("name", 1234))
    assert "-m vllm.entrypoints.openai.api_server" in command
    for part in (
        f"--model {tmp_path}",
        "--served-model-name name",
        "--host 127.0.0.1 --port 1234",
        "--tensor-parallel-size 2",
    ):
        assert part in command
    for part in (
        "--max-model-len 99",
        "--gpu-memory-utilization 0.5",
        "--trust-remote-code",
        "--generation-config vllm",
        "--seed 7",
    ):
        assert part in command


def test_a_model_is_a_folder_or_a_hub_id_and_nothing_else() -> None:
    assert ServerOptions("Qwen/Qwen2.5-VL-7B-Instruct").folder is None
    assert ServerOptions("Qwen/Qwen2.5-VL-7B-Instruct").describe("q") == {
        "hub": "Qwen/Qwen2.5-VL-7B-Instruct",
        "name": "q",
    }
    with pytest.raises(
        InputError, match=r"runs/no/model: no such folder, here or in the project, and no id on the model hub"
    ):
        ServerOptions("runs/no/model").command("m", 1)


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    with (
        pytest.raises(
            ServerLost, match=r"of m ended with status 1; it said: .*no room for the KV cache"
        ) as caught,
        serving(Broken("x"), "m", tmp_path / "server.log"),
    ):
        raise AssertionError
    assert str(tmp_path / "server.log") in str(caught.value)


def test_a_server_that_does_not_come_up_in_time_is_given_up(tmp_path: Path) -> None:
    server = LocalServer(Silent("x", start_seconds=0.0), "m", tmp_path / "server.log")
    try:
        server.start()
        with pytest.raises(ServerLost, match="did not answer within 0 s"):
            server.ready()
    finally:
        server.stop()


class Silent(ServerOptions):
    """Options whose command starts and never answers."""

    def command(self, served: str, port: int) -> list[str]:
        return ["sleep", "600"]


def test_its_whole_process_group_ends_with_the_block(tmp_path: Path) -> None:
    with serving(Stand(str(tmp_path)), "m", tmp_path / "server.log") as server:
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        server.alive()
        assert not any(gone(pid) for pid in pids)
    wait_until_gone(pids)


def test_a_server_killed_under_us_is_seen(tmp_path: Path) -> None:
    with serving(Stand(str(tmp_path)), "m", tmp_path / "server.log") as server:
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        os.kill(pids[0], signal.SIGKILL)
        wait_until_gone(pids[:1])
        with pytest.raises(ServerLost, match="was killed by signal 9"):
            server.alive()


def test_its_whole_process_group_ends_when_we_are_killed(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", OUTLIVED, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    wait_until_gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])
