"""Figures of trust sheets: a column wide, text as text, and nothing that a sheet may hold breaks them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.report.trust.trial_sheets import MAKERS
from unifer.evaluate.trust.sheets import KINDS, Kind, Sheet, TrustRate
from unifer.records import Json
from unifer.report.trust.figures import TrustFigure, figures_of, write_svgs

NUMBER = {"faithfulness": 2, "votes": 1, "damage": 1, "calibration": 2, "fairness": 2}
"""Figures of each kind."""


def texts(figure: TrustFigure) -> str:
    return " ".join(ElementTree.fromstring(figure.svg).itertext())


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_a_column_wide_and_its_text_is_text_at_a_size_that_is_read(kind: Kind) -> None:
    figures = figures_of(MAKERS[kind]("tiny", "rafdb"))
    assert len(figures) == NUMBER[kind]
    for figure in figures:
        width = re.search(r'width="([\d.]+)pt"', figure.svg)
        assert width is not None
        assert abs(float(width[1]) / 72 - 3.3) < 0.01
        sizes = {float(size) for size in re.findall(r"font(?:-size)?: ([\d.]+)px", figure.svg)}
        assert sizes, "text became outlines, which nobody can edit or search"
        assert min(sizes) >= 5.5
        assert "percent" in texts(figure)


def test_each_kind_draws_what_it_is_about() -> None:
    drawn = {kind: [texts(each) for each in figures_of(MAKERS[kind]("tiny", "rafdb"))] for kind in KINDS}
    assert "AU12" in drawn["faithfulness"][0]
    assert "noise in answers (0.4)" in drawn["faithfulness"][0]
    assert "happiness" in drawn["faithfulness"][1]
    assert "one person, all faces: 70.2" in drawn["votes"][0]
    assert "five people, all faces: 81.6" in drawn["votes"][0]
    assert "occlude-eyes" in drawn["damage"][0]
    assert "calibrated" in drawn["calibration"][0]
    assert "coverage" in drawn["calibration"][1]
    assert "African-American (450)" in drawn["fairness"][0]


def test_the_same_sheet_gives_the_same_characters() -> None:
    sheet = MAKERS["calibration"]("tiny", "rafdb")
    assert figures_of(sheet) == figures_of(sheet)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "details",
    [
        {},
        {"by_au": None, "bands": 3, "damages": "none", "bins": {"a": 1}, "columns": []},
        {
            "by_au": {"AU1": {"seen": "many"}},
            "bands": [None, {"name": 1}],
            "columns": [{"groups": [{"n": 3}]}],
        },
        {"damages": [{"name": "dark"}, 7], "clean": 1, "bins": [[1, 2], {"confidence": "high"}]},
    ],
)
def test_details_of_another_version_leave_the_rates_as_dots(kind: Kind, details: Json) -> None:
    rates = (
        TrustRate("brand_new", 0.4, 0.3, 0.5, 9, "things"),
        TrustRate("odd", 3.5, None, None, 9, "", "lower"),
    )
    figures = figures_of(Sheet(kind, "tiny", "rafdb", rates, details=details))
    assert len(figures) == 1
    assert "brand new (9)" in texts(figures[0])
    assert "odd" not in texts(figures[0]), "3.5 is no share"


def test_a_sheet_without_a_value_has_no_figure() -> None:
    assert figures_of(Sheet("votes", "tiny", "rafdb", (TrustRate("a", None, None, None, 0, "faces"),))) == []


def test_names_from_a_file_stay_below_the_folder_and_are_no_markup(tmp_path: Path) -> None:
    rates = (TrustRate("<script>$x^2$&", 0.4, 0.3, 0.5, 9, "things"),)
    (figure,) = figures_of(Sheet("votes", "../../evil", "<b>", rates))
    (path,) = write_svgs(tmp_path, [figure])
    assert path.parent == tmp_path / "trust"
    assert "<script>$x^2$&" in texts(figure)


def test_figures_of_an_earlier_page_go_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    for name in ("old.rafdb.votes.svg", "old.rafdb.votes.2.svg", "mine.svg"):
        (tmp_path / "trust" / name).write_text("<svg/>")
    write_svgs(tmp_path, figures_of(MAKERS["votes"]("tiny", "rafdb")))
    names = {path.name for path in (tmp_path / "trust").iterdir()}
    assert names == {"mine.svg", "tiny.rafdb.votes.svg"}
