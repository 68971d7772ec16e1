"""GPUs are counted as CUDA counts them, without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.models import devices


@pytest.mark.parametrize(
    ("files", "ids"),
    [
        ([], []),
        (["nvidia2"], ["0"]),
        (["nvidia3", "nvidia10", "nvidiactl", "nvidia-uvm", "null"], ["0", "1"]),
    ],
)
def test_device_files_of_a_container_are_counted_from_0(
    files: list[str], ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(devices, "_DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.visible_gpus() == ids


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ("", []),
        ("-1", []),
        ("2, 0", ["2", "0"]),
        ("GPU-5f", ["GPU-5f"]),
        ("NoDevFiles", []),
        ("1,-1,2", ["1"]),
    ],
)
def test_what_the_user_chose_stands(chosen: str, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert devices.visible_gpus() == ids
