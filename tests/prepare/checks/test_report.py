"""Files together: copies within and between them, leaks into the test set, classes, images.

The table reader's own refusals.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.prepare.checks.rows import Row, cot, cut, face, question, reward, written
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.prepare.checks import duplicates, pictures
from unifer.prepare.checks.findings import ERRORS, KINDS, WARNINGS, RowFinding
from unifer.prepare.checks.report import CheckReport, conclude
from unifer.prepare.checks.tables import Tables


def checked(
    *paths: Path, test: Sequence[Path] = (), root: Path | None = None, images: bool = True
) -> CheckReport:
    tables = Tables(root)
    for path in (*paths, *test):
        tables.read(path, test=path in test)
    if not images:
        return conclude(tables, None, duplicates.Copies.none(len(tables.pictures)))
    prints = pictures.fingerprints(tables.pictures)
    return conclude(tables, prints, duplicates.copies(prints))


def of(report: CheckReport, kind: str) -> list[RowFinding]:
    return [finding for finding in report.findings if finding.kind == kind]


def rows_of(report: CheckReport, kind: str) -> list[tuple[str, int | None]]:
    return [(Path(finding.file).name, finding.row) for finding in of(report, kind)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six faces as PNG: 0.png ... 5.png."""
    for index in range(6):
        face(index).save(tmp_path / f"{index}.png")
    return tmp_path


def test_every_kind_is_an_error_or_a_warning_and_never_both() -> None:
    assert not set(ERRORS) & set(WARNINGS)
    assert all(len(f"warning {10**6:>8,}  {text}  [{kind}]") <= 80 for kind, text in KINDS.items())


def test_leaks_are_found_across_renamed_and_re_encoded_copies(folder: Path) -> None:
    """The published recipe trains on splits of the very datasets that it tests.

    A copied test face would raise the score unseen.
    """
    face(0).save(folder / "renamed.bmp")
    face(1).save(folder / "compressed.jpg", quality=60)
    cut(face(2), 0.03).save(folder / "cut.jpg", quality=80)
    ImageOps.mirror(face(3)).save(folder / "turned.png")
    shown = ["renamed.bmp", "compressed.jpg", "cut.jpg", "turned.png", "5.png"]
    train = written(folder / "rlvr.json", [reward(name) for name in shown])
    test = written(folder / "qa.json", [question(f"{index}.png") for index in range(5)])
    report = checked(train, test)
    assert rows_of(report, "leak") == [("rlvr.json", 1), ("rlvr.json", 2), ("rlvr.json", 3), ("rlvr.json", 4)]
    assert [finding.message.rsplit(":", 1)[1] for finding in of(report, "leak")] == [
        f"{row}, a test file" for row in (1, 2, 3, 4)
    ]
    assert report.errors == 4


def test_a_file_named_as_test_is_one_whatever_rows_it_holds(folder: Path) -> None:
    train = written(folder / "rlvr.json", [reward("0.png")])
    held_out = written(folder / "held_out.json", [reward("0.png")])
    assert rows_of(checked(train, test=[held_out]), "leak") == [("rlvr.json", 1)]
    assert rows_of(checked(train, held_out), "leak") == []


def test_without_images_a_leak_is_found_by_path_however_it_is_spelled(tmp_path: Path) -> None:
    train = written(tmp_path / "rlvr.json", [reward("/x/../RAF-DB/a.jpg"), reward("/RAF-DB/b.jpg")])
    test = written(tmp_path / "qa.json", [question("/RAF-DB/a.jpg")])
    assert rows_of(checked(train, test, images=False), "leak") == [("rlvr.json", 1)]
    assert rows_of(checked(train, test, root=tmp_path, images=False), "leak") == [("rlvr.json", 1)]


def test_copies_within_a_file_warn_and_copies_labelled_otherwise_are_errors(folder: Path) -> None:
    face(0).save(folder / "same.bmp")
    face(1).save(folder / "near.jpg", quality=50)
    face(2).save(folder / "conflict.jpg", quality=50)
    rows = [reward(f"{index}.png") for index in range(3)]
    rows += [
        reward("same.bmp"),
        reward("near.jpg"),
        reward("conflict.jpg", label="sad"),
        reward("0.png", label="fear"),
    ]
    report = checked(written(folder / "rlvr.json", rows))
    assert rows_of(report, "duplicate") == [("rlvr.json", 4)]
    assert rows_of(report, "near_duplicate") == [("rlvr.json", 5)]
    assert rows_of(report, "label_conflict") == [("rlvr.json", 6), ("rlvr.json", 7)]


def test_one_picture_asked_about_in_two_ways_is_no_duplicate(folder: Path) -> None:
    twice = [
        reward("0.png"),
        reward("0.png", problem="Name the action units, then: happy, sad or fear?", AUs=["AU6"]),
    ]
    assert checked(written(folder / "rlvr.json", twice)).counts == {"absent_class": 1}
    assert rows_of(checked(written(folder / "again.json", [twice[0], twice[0]])), "duplicate") == [
        ("again.json", 2)
    ]


def test_two_training_files_over_the_same_faces_share_them_in_one_line(folder: Path) -> None:
    first = written(folder / "cot.json", [cot(f"{index}.png") for index in range(4)])
    second = written(folder / "rlvr.json", [reward("0.png"), reward("1.png"), reward("2.png", label="sad")])
    report = checked(first, second)
    assert [finding.message.split(",")[0] for finding in of(report, "shared")] == ["3 of its 3 pictures"]
    assert rows_of(report, "label_conflict") == [("rlvr.json", 3)]


def test_happy_and_happiness_are_one_class_and_no_conflict(folder: Path) -> None:
    rows = [reward("0.png"), reward("0.png", label="happiness", candidate_labels=["happiness", "sadness"])]
    report = checked(written(folder / "rlvr.json", rows))
    assert not of(report, "label_conflict")
    assert report.files[0].pooled["happiness"] == 2


def test_images_that_cannot_be_used_and_odd_ones(folder: Path) -> None:
    (folder / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    face(0).resize((20, 20)).save(folder / "tiny.png")
    face(0).resize((400, 100)).save(folder / "long.png")
    face(1).convert("L").save(folder / "gray.png")
    names = ["torn.jpg", "none.jpg", "../out.jpg", "tiny.png", "long.png", "gray.png"]
    report = checked(written(folder / "rlvr.json", [reward(name) for name in names]))
    assert rows_of(report, "image") == [("rlvr.json", 1), ("rlvr.json", 2), ("rlvr.json", 3)]
    assert rows_of(report, "tiny") == [("rlvr.json", 4)]
    assert rows_of(report, "proportions") == [("rlvr.json", 5)]
    assert report.files[0].images == {"L": 1, "RGB": 2}


def test_broken_rows_do_not_hide_what_comes_after_them(folder: Path) -> None:
    lines = [
        json.dumps(reward("0.png")),
        "{torn",
        json.dumps({"image": 1}),
        json.dumps(reward("0.png", label="sad")),
    ]
    path = folder / "rlvr.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    report = checked(path)
    assert rows_of(report, "json") == [("rlvr.jsonl", 2)]
    assert rows_of(report, "schema") == [("rlvr.jsonl", 3)]
    assert rows_of(report, "label_conflict") == [("rlvr.jsonl", 4)]


def test_a_truncated_array_is_checked_as_far_as_it_goes(folder: Path) -> None:
    path = folder / "rlvr.json"
    path.write_text("[" + json.dumps(reward("none.png")) + ',{"image_path"', encoding="utf-8")
    report = checked(path)
    assert rows_of(report, "image") == [("rlvr.json", 1)]
    assert len(of(report, "json")) == 1


def test_ids_and_question_keys_stand_once(folder: Path) -> None:
    train = written(
        folder / "rlvr.json",
        [reward("0.png", id="x"), reward("1.png", id="x"), reward("2.png"), reward("3.png")],
    )
    assert rows_of(checked(train), "duplicate_id") == [("rlvr.json", 2)]
    asked = written(folder / "qa.json", [question("4.png"), question("4.png")])
    assert rows_of(checked(asked), "duplicate_id") == [("qa.json", 2)]


def test_a_class_without_a_row_is_told_by_dataset(folder: Path) -> None:
    rows = [
        reward("0.png", dataset="one"),
        reward("1.png", label="sad", dataset="one"),
        reward("2.png", label="fear", dataset="two"),
    ]
    report = checked(written(folder / "rlvr.json", rows))
    assert [finding.message for finding in of(report, "absent_class")] == [
        "no row of one is labelled fear, which its rows offer",
        "no row of two is labelled happiness, sadness, which its rows offer",
    ]
    assert report.files[0].classes == {
        "one": {"happiness": 1, "sadness": 1, "fear": 0},
        "two": {"happiness": 0, "sadness": 0, "fear": 1},
    }


def test_a_file_in_a_datasets_folder_is_held_against_its_labels(
    tmp_path: Path, specs: list[DatasetSpec]
) -> None:
    tables = Tables(tmp_path, specs)
    rafdb = next(spec for spec in specs if spec.name == "rafdb")
    assert tables.spec_of(rafdb.questions) == rafdb
    assert tables.spec_of(tmp_path / "qa.json") is None


@pytest.mark.parametrize("row", [question(model_response="x"), question(error=True, error_message="x")])
def test_predictions_are_refused_as_what_they_are(tmp_path: Path, row: Row) -> None:
    with pytest.raises(InputError, match="predictions"):
        Tables().read(written(tmp_path / "results.jsonl", [row]))


def test_a_missing_file_is_bad_input_and_an_empty_one_a_finding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Tables().read(tmp_path / "none.json")
    (tmp_path / "empty.json").write_text("")
    assert checked(tmp_path / "empty.json").counts == {"json": 1}


def test_the_report_on_disk_has_every_finding(folder: Path) -> None:
    Image.new("RGB", (40, 40)).save(folder / "flat.png")
    report = checked(written(folder / "rlvr.json", [reward("none.png"), reward("flat.png", AUs=["AU99"])]))
    found = json.loads(json.dumps(report.to_json()))
    assert [(each["kind"], each["severity"], each["row"]) for each in found["findings"]] == [
        ("absent_class", "warning", None),
        ("image", "error", 1),
        ("action_units", "error", 2),
    ]
    assert found["errors"] == 2
    assert found["files"][0]["classes"] == {"": {"happiness": 2, "sadness": 0, "fear": 0}}
