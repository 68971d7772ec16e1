"""Verdicts on test rows: read back for the very file they were given on, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unifer import cli, files, runs
from unifer.records import CoTRow


def row(number: int, **more: Any) -> dict[str, Any]:
    made = {
        "id": f"f{number}#try-0",
        "image_path": f"{number}.png",
        "question": "Which?",
        "response": "<think>AU6</think><answer>happy</answer>",
    }
    return (
        made
        | {"label": "happy", "candidate_labels": ["happy", "sad"], "AUs": ["AU6"], "faults": ["too short"]}
        | more
    )


@pytest.fixture
def reviewed(tmp_path: Path) -> Path:
    path = tmp_path / "review.jsonl"
    files.write_rows(path, [row(number) for number in range(4)])
    return path


def save(reviewed: Path, verdicts: Any, **file: Any) -> Path:
    path = reviewed.with_name("review.verdicts.json")
    files.write_json(path, {"file": runs.describe_file(reviewed) | file, "verdicts": verdicts})
    return path


def judge(reviewed: Path, verdicts: Any, *flags: str, **file: Any) -> int:
    return cli.main(
        ["synthesize", "review", str(reviewed), "--verdicts", str(save(reviewed, verdicts, **file)), *flags]
    )


ALL = {"f0#try-0": "accepted", "f1#try-0": "rejected", "f2#try-0": "accepted", "f3#try-0": "rejected"}


def test_accepted_rows_are_written_and_all_are_counted(
    reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(reviewed, ALL) == 0
    assert "4 rows: 2 accepted, 2 rejected, 0 undecided" in capsys.readouterr().out
    kept = list(files.read_records(reviewed.with_name("review.accepted.json"), CoTRow.from_json))
    assert [each.id for each in kept] == ["f0#try-0", "f2#try-0"]
    assert kept[0].provenance == {"reviewed": True}
    manifest = json.loads(reviewed.with_name("review.accepted.manifest.json").read_text())
    assert manifest["context"]["rows"] == {"accepted": 2, "rejected": 2, "undecided": 0}
    assert manifest["identity"]["reviewed"]["sha256"] == files.sha256(reviewed)


def test_rows_without_a_verdict_are_named_unless_partial(
    reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = {"f0#try-0": "accepted"}
    assert judge(reviewed, some) == 2
    assert (
        "no verdict on 3 rows ('f1#try-0', 'f2#try-0', 'f3#try-0') of the 4 rows" in capsys.readouterr().err
    )
    assert not reviewed.with_name("review.accepted.json").exists()
    assert judge(reviewed, some, "--partial") == 0
    assert "1 accepted, 0 rejected, 3 undecided" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verdicts", "file", "message"),
    [
        (ALL | {"f9#try-0": "accepted"}, {}, "speaks of 1 row ('f9#try-0'), not in"),
        (
            ALL,
            {"sha256": "0" * 64, "name": "other.jsonl"},
            "its verdicts are on another file, 'other.jsonl' with SHA-256 000000000000",
        ),
        (
            ALL | {"f0#try-0": "maybe"},
            {},
            "the verdict on 'f0#try-0' is 'maybe'; allowed are accepted and rejected",
        ),
        (["f0#try-0"], {}, "holds no verdicts ('file' and 'verdicts' are needed)"),
    ],
)
def test_verdicts_that_do_not_fit_are_refused_and_nothing_is_written(
    verdicts: Any, file: dict[str, Any], message: str, reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(reviewed, verdicts, **file) == 2
    assert message in capsys.readouterr().err
    assert not reviewed.with_name("review.accepted.json").exists()


def test_a_file_that_changed_since_is_another_file(
    reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = save(reviewed, ALL)
    files.write_rows(reviewed, [row(number, faults=[]) for number in range(4)])
    assert cli.main(["synthesize", "review", str(reviewed), "--verdicts", str(verdicts)]) == 2
    assert "write a new page and review this one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no row to review"),
        ([row(0, id=None)], "'id' is null"),
        ([row(0, faults="short")], "'faults' must be a list of texts, not"),
        ([row(0), row(0)], "f0#try-0"),
        ([{"image_path": "a.png"}], "'question'"),
    ],
)
def test_a_file_that_is_no_review_is_refused(
    rows: list[Any], message: str, reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed.write_text(json.dumps(rows))
    assert cli.main(["synthesize", "review", str(reviewed)]) == 2
    assert message in capsys.readouterr().err
    assert not reviewed.with_suffix(".html").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--partial"], "give --verdicts FILE with it"),
        (["--out", "{file}"], "is what is read; give another file"),
    ],
)
def test_flags_that_would_do_nothing_or_harm_are_refused(
    flags: list[str], message: str, reviewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = reviewed.read_bytes()
    assert (
        cli.main(["synthesize", "review", str(reviewed), *(flag.format(file=reviewed) for flag in flags)])
        == 2
    )
    assert message in capsys.readouterr().err
    assert reviewed.read_bytes() == before
