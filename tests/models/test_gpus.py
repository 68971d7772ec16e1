"""What a GPU's driver says, by a double of nvidia-smi."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.errors import InputError
from unifer.models import devices
from unifer.train.doctor.machine import toolchain

FAKE = """#!/bin/sh
case "$1" in
--query-gpu=*)
    case "$4" in *0*) printf 'GPU-a, H100, {driver}, 81920, {used}\\n' ;; esac
    case "$4" in *1*) printf 'GPU-b, H100, {driver}, 81920, 10\\n' ;; esac ;;
--query-compute-apps=*) printf 'GPU-a, 999999, /usr/bin/python3, 71680\\nGPU-b, 5, other, 1\\n' ;;
esac
"""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    return tmp_path / "nvidia-smi"


def answers(card: Path, driver: str = "580.65.06", used: int = 10) -> None:
    card.write_text(FAKE.format(driver=driver, used=used))
    card.chmod(0o755)


def test_a_gpu_that_somebody_holds_is_refused_with_the_process(card: Path) -> None:
    """vLLM's own check fails minutes later, after the weights of other ranks, and names nobody."""
    answers(card, used=71690)
    with pytest.raises(InputError) as refused:
        devices.refuse_full(None)
    said = str(refused.value)
    assert said.startswith(
        "GPU 0 (H100): 10 of 80 GB are free, 74 are asked for; held by process 999999 (python3, 70 GB)"
    )
    assert "--gpu-memory-utilization 0.09" in said
    devices.refuse_full(0.1)


def test_a_free_gpu_passes(card: Path) -> None:
    answers(card)
    devices.refuse_full(None)


def test_a_gpu_that_the_run_does_not_use_may_be_full(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard of two visible GPUs takes the first; who holds the second is not its business."""
    answers(card, used=71690)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    devices.refuse_full(None, 1)
    with pytest.raises(InputError, match="held by process 999999"):
        devices.refuse_full(None, 2)


def test_a_process_that_cannot_be_seen_is_said_to_be_one(card: Path) -> None:
    answers(card, used=71690)
    card.write_text(card.read_text().replace("GPU-a, 999999", "GPU-c, 999999"))
    with pytest.raises(InputError, match="held by a process that this machine does not show"):
        devices.refuse_full(None)


def test_where_nvidia_smi_does_not_answer_nothing_is_refused(card: Path) -> None:
    card.write_text("#!/bin/sh\nexit 9\n")
    card.chmod(0o755)
    assert devices.gpu_states() == []
    devices.refuse_full(None)


@pytest.mark.parametrize(("driver", "level"), [("580.65.06", "ok"), ("570.86.15", "problem")])
def test_a_driver_older_than_cuda_13_is_a_problem(card: Path, driver: str, level: str) -> None:
    answers(card, driver)
    found = toolchain()[0]
    assert (found.title, found.level) == ("driver", level)
    assert level == "ok" or "cuda-compat-13-0" in found.remedy


def test_a_missing_compiler_and_missing_headers_are_named(
    card: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Triton says so itself, in the middle of a traceback, once the weights are loaded."""
    answers(card)
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    _, compiler, headers = toolchain()
    assert (compiler.level, headers.level) == ("problem", "problem")
    assert "no-such-compiler is not on PATH" in compiler.text
    assert "python3-dev" in headers.remedy
