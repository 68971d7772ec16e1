"""Sheets survive the disk, refuse what they are not, and know their denominators."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.errors import InputError
from unifer.evaluate.trust.sheets import (
    STALE,
    Sheet,
    TrustRate,
    read_sheet,
    share,
    sheet_path,
    sheets_of,
    write_sheet,
)

RATE = TrustRate("ECE", 0.1, 0.05, 0.2, 40, "questions with 8 votes", "lower")


def test_a_sheet_comes_back_from_the_disk_as_it_was(tmp_path: Path) -> None:
    sheet = Sheet("calibration", "tiny", "rafdb", (RATE,), ("few rows",), {"bins": [1, 2]})
    predictions = tmp_path / "tiny.jsonl"
    write_sheet(sheet_path(predictions, "calibration"), sheet)

    assert (tmp_path / "tiny.calibration.json").is_file()
    assert sheets_of(predictions) == [sheet]
    assert sheet.rate("ECE") == RATE
    assert sheet.rate("AURC") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"kind": "mood", "model": "m", "dataset": "d", "rates": []}', "allowed are faithfulness, votes"),
        ('{"kind": "votes", "model": "m", "dataset": "d", "rates": [], "format": 2}', "this version reads 1"),
        ('{"kind": "votes", "model": "m", "dataset": "d"}', "missing 'rates'"),
    ],
)
def test_what_is_no_sheet_is_refused_with_file_and_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "run.votes.json"
    path.write_text(text)

    with pytest.raises(InputError, match=r"run\.votes\.json") as error:
        read_sheet(path)
    assert reason in str(error.value)


def test_a_rate_of_nothing_has_no_value() -> None:
    assert share("seen", [], "pairs") == TrustRate("seen", None, None, None, 0, "pairs")
    with pytest.raises(ValueError, match="of nothing"):
        TrustRate("seen", 0.5, None, None, 0, "pairs")


def test_alike_rows_widen_the_interval() -> None:
    hits = [True] * 50 + [False] * 50
    rows = share("seen", hits, "pairs")
    families = share("seen", hits, "pairs", units=[index // 10 for index in range(100)])

    assert rows.value == families.value == 0.5
    assert rows.low is not None
    assert families.low is not None
    assert families.low < rows.low
    assert share("seen", hits, "pairs", units=["one"] * 100).low is None


def test_a_sheet_of_replies_that_were_asked_anew_says_so(tmp_path: Path) -> None:
    predictions = tmp_path / "tiny.jsonl"
    predictions.write_text("{}\n")
    sheet = Sheet("calibration", "tiny", "rafdb", (RATE,), ("few rows",))
    write_sheet(sheet_path(predictions, "calibration"), sheet, predictions)
    assert sheets_of(predictions)[0].notes == ("few rows",)

    predictions.write_text("{}\n{}\n")

    assert sheets_of(predictions)[0].notes == (STALE, "few rows")
