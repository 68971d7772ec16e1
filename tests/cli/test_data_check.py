"""`unifer data check` as a user meets it: a summary that fits the terminal, a file for scripts, exit
statuses.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.prepare.checks.rows import face, question, reward, written
from unifer.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, outside any project: three faces as PNG."""
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        face(index).save(f"{index}.png")
    return Path()


def test_a_clean_file_is_fit_and_a_leak_is_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = written(
        folder / "rlvr.json", [reward("0.png"), reward("1.png", label="sad"), reward("2.png", label="fear")]
    )
    assert main(["data", "check", str(train), "--workers", "1"]) == 0
    shown = capsys.readouterr().out
    assert "3 reward rows" in shown
    assert "fit for use: 0 errors, 0 warnings in 3 rows, 3 pictures" in shown
    test = written(folder / "qa.json", [question("0.png")])
    out = folder / "report.json"
    assert main(["data", "check", str(train), "--test", str(test), "--json", str(out), "--workers", "1"]) == 1
    shown = capsys.readouterr().out
    assert "[leak]" in shown
    assert "unfit for use: 1 error, 1 warning" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert json.loads(out.read_text())["counts"] == {"leak": 1, "absent_class": 1}


def test_only_the_first_examples_of_a_kind_are_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = written(folder / "rlvr.json", [reward(f"none{index}.png") for index in range(9)])
    assert main(["data", "check", str(train), "--workers", "1"]) == 1
    shown = capsys.readouterr().out
    assert "none2.png" in shown
    assert "none3.png" not in shown
    assert "... and 6 more" in shown


def test_without_images_none_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = written(
        tmp_path / "rlvr.json",
        [reward("none.png"), reward("b.png", label="sad"), reward("c.png", label="fear")],
    )
    assert main(["data", "check", str(train), "--no-images"]) == 0
    assert "3 pictures (not opened)" in capsys.readouterr().out


def test_bad_input_is_told_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = written(tmp_path / "rlvr.json", [reward()])
    for flags, told in (
        ([str(train), str(train)], "named twice"),
        ([str(train), "--image-root", str(tmp_path / "none")], "no such folder"),
        ([str(train), "--workers", "0"], "at least one"),
        ([str(tmp_path / "none.json")], "no such file"),
        ([str(train), "--dataset-dir", str(tmp_path / "none")], "no such folder"),
    ):
        assert main(["data", "check", *flags]) == 2
        assert told in capsys.readouterr().err
