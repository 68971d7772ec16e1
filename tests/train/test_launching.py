"""Launching ranks: their exit status comes through, their message stays the last word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unifer.processes import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# One write a line: two ranks share the pipe, and `print` writes the line end apart.
RANK = "import os, sys, time\nos.write(1, b'ready\\n')\n"


def start(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    (tmp_path / "rank.py").write_text(RANK + body)
    argv = [
        sys.executable,
        "-m",
        "unifer.cli.launch",
        "--standalone",
        "--nproc_per_node",
        "2",
        str(tmp_path / "rank.py"),
    ]
    return subprocess.Popen(
        argv,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("body", "status"), [("", 0), ("sys.exit(2)", 2), ("os.kill(os.getpid(), 9)", 137)])
def test_the_status_of_a_rank_comes_through(tmp_path: Path, body: str, status: int) -> None:
    process = start(tmp_path, body)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == status
    assert "Traceback" not in errors


def test_ctrl_c_reaches_the_ranks_and_leaves_no_traceback(tmp_path: Path) -> None:
    # A rank says that it waits from inside the `try`: the signal may come before its next line.
    waits = "try:\n    os.write(1, b'waits\\n')\n    time.sleep(600)\n"
    waits += "except KeyboardInterrupt:\n    os.write(1, b'kept\\n')\n    sys.exit(130)\n"
    process = start(tmp_path, waits)
    assert process.stdout is not None
    assert sorted(process.stdout.readline() for _ in range(4)) == ["ready\n", "ready\n", "waits\n", "waits\n"]
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out.count("kept") == 2
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("rank", "said"), [(0, "1/2 clients joined"), (1, "timed out after 2000ms while trying to connect")]
)
def test_a_machine_that_does_not_appear_is_one_line(rank: int, said: str) -> None:
    """torchrun's own words come after forty lines of traceback."""
    nodes = [
        "--nnodes",
        "2",
        "--node_rank",
        str(rank),
        "--master_addr",
        "127.0.0.1",
        "--master_port",
        str(free_port("127.0.0.1")),
    ]
    argv = [
        sys.executable,
        "-m",
        "unifer.cli.launch",
        *nodes,
        "--rdzv-conf",
        "timeout=2",
        "--nproc_per_node",
        "1",
        "-m",
        "unifer",
    ]
    done = subprocess.run(
        argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("unifer: ")]
    assert line.startswith(f"unifer: machine {rank} of 2: ")
    assert said in line
    assert "RENDEZVOUS_MINUTES" in line
    assert "Traceback" not in done.stderr


def test_ranks_that_nccl_cannot_connect_are_one_line() -> None:
    from torch.distributed import DistBackendError

    from unifer.errors import InputError
    from unifer.train import stage

    with (
        pytest.raises(
            InputError, match=r"could not talk to each other: .*remote process exited.*NCCL_SOCKET_IFNAME"
        ),
        stage._ranks_connected(),
    ):
        raise DistBackendError(
            "NCCL error in: x.cpp:1\nncclRemoteError: A call failed, remote process exited"
        )
