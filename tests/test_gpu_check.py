"""The check for the first minutes on a card: what of it runs without one, and what it says where it
cannot.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def check(*parts: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the parts' results, the table."""
    command = [sys.executable, "benchmarks/gpu_check.py", "--parts", *parts]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True
    )
    return done.returncode, json.loads(done.stdout)["parts"], done.stderr


def test_a_part_without_its_gpu_is_skipped_with_the_reason() -> None:
    status, parts, table = check("grpo-3b", "sft")
    assert status == 0
    assert parts["sft"] == {"result": "skipped", "why": "needs a GPU"}
    assert table.splitlines()[-1].split(maxsplit=2) == ["sft", "skipped", "needs a GPU"]


@pytest.mark.slow
@pytest.mark.matrix
def test_what_needs_no_gpu_holds_on_a_cpu() -> None:
    status, parts, _ = check("infer", "lora-base")
    assert status == 0, parts
    assert parts["infer"]["processes left after the kill"] == 0
    assert parts["infer"]["rows"] == parts["infer"]["questions"] == 42
    assert parts["lora-base"]["largest change of the base"] == 0
