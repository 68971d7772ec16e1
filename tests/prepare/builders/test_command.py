"""`unifer data build` as a user meets it: defaults, refusals, exit status, the manifest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer import cli
from unifer.prepare.builders.registry import BUILDERS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of eval folders alone, which the command runs in."""
    root = tmp_path / "project"
    for folder in ("data", "train_unifer"):
        (root / folder).mkdir(parents=True)
    for builder in BUILDERS.values():
        if builder.eval_folder:
            (root / builder.eval_folder).mkdir(parents=True)
            shutil.copy(mini.ROOT / builder.eval_folder / "dataset.yaml", root / builder.eval_folder)
    monkeypatch.chdir(root)
    return root


def run(*argv: object) -> int:
    return cli.main(["data", "build", *map(str, argv)])


def test_a_test_split_becomes_the_question_file_of_its_eval_folder(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run("rafdb", "--root", mini.rafdb(tmp_path / "raf"), "--split", "test")
    shown = capsys.readouterr().out
    assert status == 1, "two rows are not the 3,068 that dataset.yaml states"
    assert "DIFFERS FROM THE STATED COUNT: disgust 0 (stated: 160)" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "/" not in line)
    rows = json.loads((project / "eval_rafdb/data/rafdb_qa.json").read_text())
    assert [row["true_label"] for row in rows] == ["neutral", "surprise"]
    manifest = json.loads((project / "eval_rafdb/data/rafdb_qa.manifest.json").read_text())
    assert manifest["identity"]["inputs"][0]["name"] == "basic/EmoLabel/list_patition_label.txt"
    assert (manifest["identity"]["rows"], manifest["context"]["report"]["kept"]) == ("questions", 2)
    assert str(tmp_path) not in json.dumps(manifest)


def test_outside_a_project_the_facts_of_the_checkout_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh user stands anywhere: `eval_rafdb: no such folder` would be no answer to them."""
    monkeypatch.chdir(tmp_path)
    assert run("rafdb", "--root", mini.rafdb(tmp_path / "raf"), "--split", "test", "--out", "rows.json") == 1
    assert len(json.loads((tmp_path / "rows.json").read_text())) == 2


def test_a_training_split_becomes_reward_rows_in_data(project: Path, tmp_path: Path) -> None:
    assert (
        run(
            "ferplus",
            "--root",
            mini.ferplus(tmp_path, {"f.png": (0, 9, 0, 0, 0, 0, 0, 0, 1, 0)}, "Training", "FER2013Train"),
        )
        == 0
    )
    row = json.loads((project / "data/ferplus_train.jsonl").read_text())
    assert (row["solution"], row["image_path"]) == ("happy", "/FERPlus/train/happy/f.png")


def test_an_existing_file_is_refused_and_with_overwrite_moved_aside(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("disfa", "--root", mini.disfa(tmp_path, {}))
    assert run(*argv) == 0
    before = (project / "data/disfa_all.jsonl").read_text()
    assert run(*argv, "--frame-step", 2) == 2
    assert "disfa_all.jsonl exists; it is not overwritten" in capsys.readouterr().err
    assert run(*argv, "--frame-step", 2, "--overwrite") == 0
    assert (project / "data/disfa_all.jsonl.1").read_text() == before
    assert len((project / "data/disfa_all.jsonl").read_text().splitlines()) == 2
    assert (project / "data/disfa_all.manifest.json.1").exists()


def test_a_failed_build_with_overwrite_leaves_the_old_rows_where_they_are(
    project: Path, tmp_path: Path
) -> None:
    argv = ("disfa", "--root", mini.disfa(tmp_path, {}), "--overwrite")
    assert run(*argv) == 0
    (tmp_path / "Images/SN001/000001.jpg").unlink()
    assert run(*argv) == 2
    assert (project / "data/disfa_all.jsonl").exists()


def test_an_own_table_can_become_questions_and_an_image_root(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mini.write(tmp_path / "mine", "x.csv", "image,label", "a.jpg,happy", "b.jpg,sad")
    mini.touch(tmp_path / "mine", ["a.jpg", "b.jpg"])
    out = project / "q.json"
    assert run("table", "--root", tmp_path / "mine", "--rows", "questions", "--out", out, "--image-root") == 0
    assert "image root: 2 images, 2 of them new" in capsys.readouterr().out
    for row in json.loads(out.read_text()):
        assert (project / "data/images" / row["image_path"].lstrip("/")).is_file()


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("rafbd", "--root", "."), "'rafbd' is no dataset; there are rafdb, ferplus"),
        (("rafdb",), "say where rafdb lies with --root"),
        (("rafdb", "--root", ".", "--frame-step", "2"), "--frame-step means nothing for rafdb"),
        (("rafdb", "--root", ".", "--label-column", "x"), "--label-column means nothing for rafdb"),
        (
            ("rafdb", "--root", ".", "--no-images", "--image-root", "x"),
            "--no-images does not look for images",
        ),
        (("disfa", "--root", ".", "--au-threshold", "6"), "--au-threshold 6: intensities are 1"),
        (("disfa", "--root", ".", "--frame-step", "0"), "--frame-step 0: 1 takes every frame"),
        (("folder", "--root", ".", "--labels", "happy"), "two or more different labels"),
        (("rafdb", "--root", ".", "--out", "x.csv"), "rows are written as .json or .jsonl"),
        (
            ("disfa", "--root", ".", "--template", "joint"),
            "--template joint: asks for a label, and DISFA has none",
        ),
        (("fea20k", "--root", ".", "--image-root", "x"), "DISFA-Train-stage1.jsonl: rows of one source"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    project: Path, argv: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    assert problem in capsys.readouterr().err


def test_an_image_root_is_the_folder_that_was_named(project: Path, tmp_path: Path) -> None:
    assert run("rafdb", "--root", mini.rafdb(tmp_path / "raf"), "--image-root", ".") == 1
    assert (project / "RAF-DB/aligned/train_00001_aligned.jpg").is_file()
    assert not (project / "data/images").exists()


def test_a_long_build_shows_that_it_goes_on(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"{index}.jpg", ("happy", "sad")[index % 2]) for index in range(50_000)]
    mini.write(tmp_path, "x.csv", *mini.csv_lines(("image", "label"), rows))
    assert run("table", "--root", tmp_path, "--no-images", "--out", "x.jsonl") == 0
    assert "writing rows: 50000/50000 rows" in capsys.readouterr().err
    assert len((project / "x.jsonl").read_text().splitlines()) == 50_000


def test_the_datasets_page_has_a_line_for_every_builder() -> None:
    page = (mini.ROOT / "docs/datasets.md").read_text()
    assert all(f"| `{name}` |" in page for name in BUILDERS)


def test_the_list_names_every_dataset_with_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    shown = capsys.readouterr().out
    assert all(f"{name} " in shown and builder.layout in shown for name, builder in BUILDERS.items())
