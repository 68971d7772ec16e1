"""A benchmark's tables: they fit a terminal, and what servers say is shown as data."""

from __future__ import annotations

from pathlib import Path

from tests.evaluate.asked import make_dataset
from unifer.datasets import load_dataset
from unifer.evaluate.bench.cells import BenchCell, make_cells, read_datasets
from unifer.evaluate.bench.entries import ModelEntry
from unifer.models.api.budget import Prices
from unifer.report.bench import live_line, live_row, plan_text, result_text, short


def cells(folder: Path, *entries: ModelEntry) -> list[BenchCell]:
    make_dataset(folder / "eval_toy", 3)
    return make_cells(
        entries, read_datasets([load_dataset(folder / "eval_toy")], sample=False, limit=None), None
    )


def test_a_reason_that_quotes_a_server_moves_no_cursor(tmp_path: Path) -> None:
    (cell,) = cells(tmp_path, ModelEntry("m", "m", url="http://h:1/v1"))
    cell.lose("boom \x1b[2J\u202e\n" + "x" * 5000)
    for shown in (live_line(cell), result_text([cell], {})):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert len(shown) < 1500
    assert "m (toy): boom" in result_text([cell], {})


def test_a_plan_adds_up_and_says_where_prices_are_missing(tmp_path: Path) -> None:
    priced = ModelEntry("a", "a", provider="o/x", prices=Prices(1000.0, 0.0, 94))
    first, second = cells(tmp_path, priced, ModelEntry("b", "b", provider="o/y"))
    lines = plan_text([first, second]).splitlines()
    assert lines[2].split()[-2:] == ["3", "0.30"]
    assert lines[3].split()[-3:] == ["3", "no", "prices"]
    assert lines[-1].split() == ["all", "6", "0.30"]


def test_counts_are_short_and_a_cell_without_rows_has_no_score(tmp_path: Path) -> None:
    assert [short(count) for count in (950, 9999, 12_345, 4_500_000)] == ["950", "9,999", "12.3k", "4.5M"]
    (cell,) = cells(tmp_path, ModelEntry("m", "m", url="http://h:1/v1"))
    assert live_row(cell) == ("m", "toy", "waiting", "0", "3", "–", "0", "–", "–", "–")
