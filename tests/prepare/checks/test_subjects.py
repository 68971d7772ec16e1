"""People in training and test rows: found by name, within one dataset, and once a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.checks.rows import Row, question, reward, written
from unifer import cli
from unifer.prepare.checks import duplicates
from unifer.prepare.checks.findings import RowFinding
from unifer.prepare.checks.report import conclude
from unifer.prepare.checks.tables import Tables


def of(subject: str, fold: str | None = None) -> Row:
    return {"dataset": "disfa", "provenance": {"subject": subject} | ({"fold": fold} if fold else {})}


def found(*paths: Path) -> list[RowFinding]:
    tables = Tables()
    for path in paths:
        tables.read(path)
    report = conclude(tables, None, duplicates.Copies.none(len(tables.pictures)))
    return [finding for finding in report.findings if finding.kind == "subject_leak"]


def test_a_person_of_the_training_file_in_the_test_file_is_named_once_with_both_places(
    tmp_path: Path,
) -> None:
    """Frames of one person differ in their pixels, so that no check of pictures finds them.

    The score rose unseen.
    """
    train = written(
        tmp_path / "train.jsonl",
        [reward("a.jpg", **of("SN002")), *(reward(f"{n}.jpg", **of("SN001")) for n in range(3))],
    )
    test = written(
        tmp_path / "test.jsonl", [question("x.jpg", **of("SN003")), question("y.jpg", **of("SN001"))]
    )
    (finding,) = found(train, test)
    assert (finding.file, finding.row, finding.severity) == (str(train), 2, "error")
    assert finding.message.startswith(
        f"shows subject 'SN001' of disfa, in 3 rows from here on, whom {test}:2, a test file, shows too"
    )


def test_one_name_in_two_datasets_is_two_people(tmp_path: Path) -> None:
    train = written(tmp_path / "train.jsonl", [reward("a.jpg", **of("SN001") | {"dataset": "bp4d"})])
    assert found(train, written(tmp_path / "test.jsonl", [question("x.jpg", **of("SN001"))])) == []


@pytest.mark.parametrize("make", [reward, question])
def test_a_person_in_two_folds_of_one_file_is_an_error(tmp_path: Path, make: type) -> None:
    rows = [
        make("a.jpg", **of("SN001", "1/3")),
        make("b.jpg", **of("SN001", "1/3")),
        make("c.jpg", **of("SN001", "2/3")),
    ]
    (finding,) = found(written(tmp_path / "rows.jsonl", rows))
    assert finding.row == 3
    assert (
        finding.message == "subject 'SN001' of disfa is in fold 2/3 here and in fold 1/3 in "
        f"{tmp_path / 'rows.jsonl'}:1; give each one fold"
    )


def test_the_command_ends_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = written(tmp_path / "train.jsonl", [reward("a.jpg", **of("SN001"))])
    test = written(tmp_path / "test.jsonl", [question("x.jpg", **of("SN001"))])
    assert cli.main(["data", "check", str(train), str(test), "--no-images"]) == 1
    shown = capsys.readouterr().out
    assert "error          1  person trained and tested on  [subject_leak]" in shown
    assert "unfit for use" in shown
