"""Folds of people.

Nobody is trained on and tested on, whichever file is built first, with whichever flags.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer import cli
from unifer.errors import InputError
from unifer.prepare.builders.folds import Fold, own_folds, read_folds
from unifer.records import Json


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven people of DISFA and four of BP4D, beside an empty project in which the command runs."""
    for number in range(1, 8):
        mini.disfa(tmp_path / "DISFA", {12: [0, 1, 2, 5]}, f"SN00{number}")
    for index, subject in enumerate(("F001", "F002", "M001", "M002")):
        mini.bp4d(tmp_path / "BP4D", {frame: {12: 1} for frame in range(1, 5 + index)}, f"{subject}_T1")
    for folder in ("data", "train_unifer"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def build(name: str, root: Path, *argv: object) -> int:
    return cli.main(["data", "build", name, "--root", str(root), *map(str, argv)])


def rows(path: str) -> list[Json]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def people(path: str) -> set[str]:
    return {row["provenance"]["subject"] for row in rows(path)}


def test_own_folds_are_balanced_in_frames_and_fixed() -> None:
    frames = {"a": 50, "b": 30, "c": 20, "d": 20, "e": 20, "f": 10}
    folds = own_folds(frames, 3)
    assert [folds.within(number) for number in (1, 2, 3)] == [{"a"}, {"b", "e"}, {"c", "d", "f"}]
    assert own_folds(dict(reversed(frames.items())), 3) == folds, (
        "the order in which folders are listed decided"
    )
    with pytest.raises(InputError, match="3 folds need 3 subjects or more; there are 2: a, b"):
        own_folds({"a": 1, "b": 9}, 3)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/1", "1", "a/b", "1/3/5", "-1/3"])
def test_a_fold_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--fold .*: K/N is expected, such as 1/3"):
        Fold.parse(text)


@pytest.mark.parametrize(("name", "folder"), [("disfa", "DISFA"), ("bp4d", "BP4D")])
def test_train_and_test_rows_of_a_fold_share_nobody_and_are_all(root: Path, name: str, folder: str) -> None:
    tested: list[str] = []
    for number in (1, 2, 3):
        for split in ("train", "test"):
            assert build(name, root / folder, "--fold", f"{number}/3", "--split", split) == 0
        train, test = (people(f"data/{name}_{split}.{number}-of-3.jsonl") for split in ("train", "test"))
        assert not train & test
        assert {row["provenance"]["fold"] for row in rows(f"data/{name}_test.{number}-of-3.jsonl")} == {
            f"{number}/3"
        }
        tested += test
    everybody = (
        {"SN00" + str(number) for number in range(1, 8)}
        if name == "disfa"
        else {"F001", "F002", "M001", "M002"}
    )
    assert sorted(tested) == sorted(everybody)


def test_folds_do_not_move_with_the_frame_step_or_with_missing_images(root: Path) -> None:
    """Train rows of every frame and test rows of every 20th are built apart.

    Folds of the rows at hand would differ, and leak.
    """
    for number in (2, 3, 4, 5):
        mini.bp4d(root / "BP4D", {frame: {12: 1} for frame in range(1, 30)}, f"F001_T{number}")
    assert build("bp4d", root / "BP4D", "--fold", "1/3", "--split", "train", "--no-images") == 0
    (root / "BP4D/Sequences(2D+3D)/F001/T1/0001.jpg").unlink()
    assert (
        build(
            "bp4d", root / "BP4D", "--fold", "1/3", "--split", "test", "--frame-step", 29, "--allow-missing"
        )
        == 0
    )
    assert not people("data/bp4d_train.1-of-3.jsonl") & people("data/bp4d_test.1-of-3.jsonl")


def test_own_folds_are_marked_in_every_row_in_the_manifest_and_on_screen(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("disfa", root / "DISFA", "--rows", "questions", "--out", "disfa_qa.json") == 0
    assert (
        "own folds, of this project, no published assignment: 1/3 3 subjects, 12 frames; 2/3 2 subjects"
        in capsys.readouterr().out
    )
    made = json.loads(Path("disfa_qa.json").read_text())
    assert {row["provenance"]["folds"] for row in made} == {"own folds"}
    assert {row["provenance"]["fold"] for row in made} == {"1/3", "2/3", "3/3"}
    identity = json.loads(Path("disfa_qa.manifest.json").read_text())["identity"]
    assert (identity["fold"], identity["folds"]["folds"]) == (None, "own folds")
    assert identity["folds"]["subjects"]["1/3"] == ["SN001", "SN004", "SN007"]


def test_test_rows_of_a_fold_are_questions_and_training_rows_are_not(root: Path) -> None:
    for split in ("train", "test"):
        assert build("disfa", root / "DISFA", "--fold", "2/3", "--split", split) == 0
    assert "prompt" in rows("data/disfa_test.2-of-3.jsonl")[0]
    assert "problem" in rows("data/disfa_train.2-of-3.jsonl")[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("folds.yaml", "# of a paper\nF001: 3\nF002: 1\nM001: 2\nM002: 2\nM999: 1\n"),
        ("folds.json", '{"F001": 3, "F002": 1,\n "M001": "2", "M002": 2}'),
        ("folds.csv", "Subject;Fold\nF001;3\nF002;1\nM001;2\nM002;2\n"),
    ],
)
def test_a_published_assignment_is_followed_and_named(
    root: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_text(text)
    assert build("bp4d", root / "BP4D", "--folds", name, "--fold", "2/3", "--split", "test") == 0
    assert "no published assignment" not in capsys.readouterr().out
    assert people("data/bp4d_test.2-of-3.jsonl") == {"M001", "M002"}
    assert rows("data/bp4d_test.2-of-3.jsonl")[0]["provenance"]["folds"].startswith(f"folds of {name} (")
    identity = json.loads(Path("data/bp4d_test.2-of-3.manifest.json").read_text())["identity"]
    assert identity["folds"]["file"]["name"] == name


def test_a_subject_called_007_is_not_called_7(tmp_path: Path) -> None:
    path = mini.write(tmp_path, "folds.yaml", "007: 1", "7: 2")
    assert read_folds(path, ["007", "7"]).of == {"007": 1, "7": 2}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "a.yaml",
            "F001: 1\nF002: 2\nM001: 3\nF001: 3\nM002: 1",
            "a.yaml:4: subject 'F001' stands in fold 3 here and in fold 1 in row 1",
        ),
        (
            "a.yaml",
            "F001: 1\nf001: 1\nF002: 2\nM001: 3",
            "a.yaml:2: subject 'f001' stands in row 1 too; write each subject once",
        ),
        ("a.json", '{"F001": 1,\n"F002": "one"}', "a.json:2: 'one' is no fold of 'F002'"),
        (
            "a.csv",
            "subject,fold\nF001,0\n",
            "a.csv:2: '0' is no fold of 'F001'; write each subject once, with the fold, from 1",
        ),
        ("a.csv", "subject,fold\nF001,1\nF002,2\nM001,3\n", "a.csv: lacks M002, subjects of the data"),
        ("a.csv", "who,part\nF001,1\n", "a.csv:1: no column is called 'subject'"),
        (
            "a.yaml",
            "F001: 1\nF002: 3\nM001: 1\nM002: 3\n",
            "a.yaml: puts no subject of the data into fold 2 of 3",
        ),
        ("a.yaml", "F001: 1\nF002: 1\nM001: 1\nM002: 1\n", "a.yaml: puts everybody into one fold"),
        ("a.yaml", "F001: 1\nF002: 2\nM001: 1\nM002: 2\n", "--fold 1/3: a.yaml has 2 folds; say --fold 1/2"),
        ("a.yaml", "- F001\n", "a.yaml: a mapping such as 'SN001: 1' is expected"),
        ("a.yaml", "F001: [1, 2]\n", "a.yaml:1: one subject and its fold are expected"),
        ("a.yaml", "F001: [1", "a.yaml: not valid YAML"),
        ("b.yaml", None, "b.yaml: no such file"),
        ("b.csv", None, "b.csv: no such file"),
    ],
)
def test_an_assignment_that_would_leak_or_lacks_somebody_is_refused(
    root: Path, name: str, text: str | None, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path(name).write_text(text)
    assert build("bp4d", root / "BP4D", "--folds", name, "--fold", "1/3", "--split", "test") == 2
    assert problem in capsys.readouterr().err
    assert list(Path("data").iterdir()) == []


def test_the_other_side_of_the_fold_built_by_other_folds_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Own folds for the training rows and a published assignment for the test rows.

    Each is right, and together they leak.
    """
    Path("folds.csv").write_text("subject,fold\nF001,1\nF002,2\nM001,3\nM002,3\n")
    assert build("bp4d", root / "BP4D", "--fold", "1/3", "--split", "train") == 0
    assert build("bp4d", root / "BP4D", "--fold", "1/3", "--split", "test", "--folds", "folds.csv") == 2
    error = capsys.readouterr().err
    assert "would hold subject 'F001' for fold 1/3" in error
    assert "bp4d_train.1-of-3.jsonl:1 (own folds)" in error
    assert "build both files with the same --folds" in error
    assert not Path("data/bp4d_test.1-of-3.jsonl").exists()


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (
            ("disfa", "--split", "test"),
            "--split test: DISFA has no splits of its own that are known here; --fold 1/3",
        ),
        (("disfa", "--fold", "1/3"), "--fold 1/3: takes --split test or --split train, not all"),
        (("rafdb", "--fold", "1/3", "--split", "test"), "--fold means nothing for rafdb"),
        (
            ("rafau", "--split", "test"),
            "RAF-AU has no splits of its own that are known here; --test-list FILE",
        ),
        (("rafau", "--test-list", "x"), "--test-list x: takes --split test or --split train"),
    ],
)
def test_a_split_that_nothing_tells_is_refused(
    root: Path, argv: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(argv[0], root, *argv[1:]) == 2
    assert problem in capsys.readouterr().err


def test_too_few_people_for_folds_are_rows_without_any(root: Path) -> None:
    assert build("disfa", mini.disfa(root / "one", {12: [2, 2, 2, 2]})) == 0
    assert "fold" not in rows("data/disfa_all.jsonl")[0]["provenance"]


LIST = ("0001.jpg 1+4", "0002.jpg null", "0003.jpg 12")


@pytest.mark.parametrize(
    ("name", "text"),
    [("test.txt", "0002.jpg\n"), ("RAF-AU-Test.jsonl", '{"image": "RAF-AU/0002_aligned.jpg", "AUs": []}\n')],
)
def test_rafau_is_split_by_a_list_of_its_test_images(root: Path, name: str, text: str) -> None:
    faces = mini.rafau(root / "RAF-AU", *LIST)
    Path(name).write_text(text)
    for split, wanted in (("test", ["0002"]), ("train", ["0001", "0003"])):
        assert build("rafau", faces, "--split", split, "--test-list", name) == 0
        assert [row["image_path"][-16:-12] for row in rows(f"data/rafau_{split}.jsonl")] == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [("9999.jpg\n", "test.txt:1: names '9999', an image that RAFAU_label.txt lacks"), ("", "is empty")],
)
def test_a_list_of_other_images_is_refused(
    root: Path, text: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("test.txt").write_text(text)
    assert (
        build("rafau", mini.rafau(root / "RAF-AU", *LIST), "--split", "test", "--test-list", "test.txt") == 2
    )
    assert problem in capsys.readouterr().err
