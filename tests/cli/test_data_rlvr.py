"""`unifer data rlvr` as a user meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.prepare.checks.rows import face, question, reward, written
from unifer import files
from unifer.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one eval folder, whose question file shows 0.png; the current folder."""
    for name in ("data", "train_unifer", "eval_rafdb/data"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copyfile(ROOT / "eval_rafdb/dataset.yaml", tmp_path / "eval_rafdb/dataset.yaml")
    for index in range(4):
        face(index).save(tmp_path / f"{index}.png")
    labels = ["happiness", "sadness", "fear"]
    asked = question("0.png", "happiness", candidate_labels=labels)
    face(0).save(tmp_path / "eval_rafdb/data/0.png")
    written(tmp_path / "eval_rafdb/data/rafdb_qa.json", [asked])
    rows = [
        reward(f"{index}.png", labels[index % 3], candidate_labels=labels, dataset="rafdb")
        for index in range(4)
    ]
    written(tmp_path / "rlvr.json", rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_projects_question_files_are_kept_out_of_training(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "rlvr", "rlvr.json", "--out", "data/../out.json", "--workers", "1"]) == 0
    shown = capsys.readouterr().out
    assert [row["image_path"] for _, row in files.read_rows(project / "out.json")] == [
        "1.png",
        "2.png",
        "3.png",
    ]
    assert "[leak]" in shown
    assert "3 reward rows" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_what_was_not_looked_at_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "rlvr", "rlvr.json", "--out", "out.json", "--no-images"]) == 0
    assert "looked for by path alone" in " ".join(capsys.readouterr().out.split())


def test_an_existing_file_is_moved_aside_only_where_asked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "rlvr", "rlvr.json", "--out", "out.json", "--no-images"]
    (project / "out.json").write_text("mine")
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert (project / "out.json.1").read_text() == "mine"


def test_bad_flags_are_told_with_status_2(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags, told in (
        (["--out", "out.csv"], ".json or .jsonl"),
        (["--out", "rlvr.json"], "one of the inputs"),
        (["--out", "out.json", "--mix", "rafdb"], "NAME=SHARE"),
        (["--out", "out.json", "--mix", "rafdb=1", "rafdb=2"], "NAME=SHARE"),
        (["--out", "out.json", "--mix", "ferplus=1", "--workers", "1"], "of rafdb"),
        (["--out", "out.json", "--count", "0"], "--count 0"),
        (["--out", "out.json", "--test", "rlvr.json"], "is a test file"),
    ):
        assert main(["data", "rlvr", "rlvr.json", *flags]) == 2, flags
        assert told in capsys.readouterr().err
    assert not (project / "out.json").exists()
