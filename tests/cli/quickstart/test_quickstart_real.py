"""The quickstart's own commands on the real stack, with few faces and steps: what a new user sees of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EVAL_FOLDERS, ROOT

pytestmark = pytest.mark.slow

SMALL = """\
import sys
from unifer.cli import main, quickstart
counts = iter(("24", "32", "24"))
quickstart.FACES = {name: ["--count", next(counts), *series[2:]] for name, series in quickstart.FACES.items()}
quickstart.BASE_LIMIT = 8
grpo = ["--per_device_train_batch_size", "16", "--max_completion_length", "32", "--max_steps", "2"]
quickstart.TRAINING = {"sft": ["--max_steps", "2"], "grpo": grpo}
sys.exit(main(["quickstart"]))
"""
STAGE = r"(one processor core: .*|(install|faces|sft|grpo|infer|score): .+)"
HEADS = r"(UniFER-Tiny on .*|percent, 95 % .*|─+|the base was .*|recall, percent .*|better, worse: .*)"
MODEL = r"(base|after SFT|after GRPO)[ (].*"
LABEL = r"(neutral|happiness|sadness|surprise|fear|disgust|anger|contempt) +\d.*"
CLOSE = r"((WAR|AU F1): .*|labels: GRPO .*|seconds: install .*|wrote .*|      \S*runs/quickstart/\S+)"
OURS = re.compile(f"{STAGE}|{HEADS}|{MODEL}|{LABEL}|{CLOSE}|")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout of this code in which nothing has run yet."""
    for name in ("train_unifer", *EVAL_FOLDERS):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("results"))
    (tmp_path / "data").mkdir()
    (tmp_path / "unifer").symlink_to(ROOT / "unifer")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "small.py").write_text(
        SMALL.replace(
            "counts =",
            "from pathlib import Path\nquickstart.project_root = lambda near: "
            f"Path({str(tmp_path)!r})\ncounts =",
        ),
        encoding="utf-8",
    )
    return tmp_path


def test_the_happy_path_prints_our_lines_and_nothing_else(project: Path) -> None:
    """Warnings of Triton, CUDA and NUMA, a traceback at the end of every good run: a new user could not tell
    them from trouble.
    """
    environment = os.environ | {"UNIFER_SETUP_SECONDS": "6", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "small.py"], cwd=project, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    strange = [line for line in run.stdout.splitlines() if not OURS.fullmatch(line)]
    assert strange == []
    assert max(map(len, run.stdout.splitlines())) <= 80
    found = json.loads((project / "runs/quickstart/summary.json").read_text(encoding="utf-8"))
    assert [found[stage]["n"] for stage in ("base", "sft", "grpo")] == [8, 24, 24]
    for log in (project / "runs/quickstart/logs").glob("*.log"):
        said = log.read_text(encoding="utf-8", errors="replace")
        assert "Traceback" not in said, f"{log.name}:\n{said}"
