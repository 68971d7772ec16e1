"""Launching ranks: their exit status comes through, their message stays the last word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# One write a line: two ranks share the pipe, and `print` writes the line end apart.
RANK = "import os, sys, time\nos.write(1, b'ready\\n')\n"


def start(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    (tmp_path / "rank.py").write_text(RANK + body)
    argv = [sys.executable, "-m", "unifer.cli.launch", "--standalone", "--nproc_per_node", "2", str(tmp_path / "rank.py")]
    return subprocess.Popen(argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
