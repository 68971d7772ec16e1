"""Trust sheets on the report's page: a section per kind, figures as images, what a sheet holds as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.page.pages import FLAGS, chromium, make_dataset, summary_of, write_run
from tests.report.trust.trial_sheets import write_sheets
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate.trust.sheets import Sheet, TrustRate, sheet_path, write_sheet

SECTIONS = ["faithfulness", "votes", "damage", "calibration", "fairness"]


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    """Two runs: `full` with every sheet, `bare` with none."""
    spec = make_dataset(tmp_path, "nouns", ("happiness", "sadness", "anger"), 12)
    for name in ("full", "bare"):
        write_run(spec, name, 3)
    write_sheets(spec.results / "full.jsonl", "full", "nouns")
    return spec


def report(spec: DatasetSpec, out: Path) -> int:
    return main(["report", str(spec.folder), "--out", str(out), "--resamples", "50", "--images", "none"])


def test_sheets_become_sections_and_svg_files(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert report(spec, out) == 0
    assert "trust/: 8 figures for a paper, SVG" in capsys.readouterr().out
    assert len(list((out / "trust").glob("full.nouns.*.svg"))) == 8
    sections = summary_of((out / "index.html").read_text())["trust"]
    assert [section["kind"] for section in sections] == SECTIONS
    for section in sections:
        of = "" if section["kind"] == "faithfulness" else "nouns"
        assert section["lacking"] == [{"run": "bare", "dataset": of}], "drawn pairs are a set of their own"
        assert "unifer " in section["command"]
        (sheet,) = section["sheets"]
        assert sheet["rates"][0]["n"] > 0


def test_without_sheets_the_page_is_as_before(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", ("happiness", "sadness"), 6)
    write_run(spec, "bare", 3)
    assert report(spec, tmp_path / "out") == 0
    assert summary_of((tmp_path / "out/index.html").read_text())["trust"] == []
    assert not (tmp_path / "out/trust").exists()


def test_a_torn_sheet_stops_the_page(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page without that section would read as if nothing had been measured."""
    (spec.results / "full.votes.json").write_text('{"kind": "vot')
    assert report(spec, tmp_path / "out") == 2
    assert "full.votes.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sections_are_drawn_in_a_browser_and_sheets_are_data(spec: DatasetSpec, tmp_path: Path) -> None:
    evil = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
    rates = (
        TrustRate(evil, 0.5, 0.4, 0.6, 10, evil),
        TrustRate("gap", -0.1, -0.2, 0.0, 10, "faces", "lower"),
    )
    sheet = Sheet("fairness", "bare", "nouns", rates, (evil,), {"columns": [{"column": evil, "groups": []}]})
    write_sheet(sheet_path(spec.results / "bare.jsonl", "fairness"), sheet)
    assert report(spec, tmp_path / "out") == 0
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme="dark")
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "out/index.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        for kind in SECTIONS:
            assert page.locator(f"#{kind} table.rates").count() == 1
            assert page.locator(f'#links a[href="#{kind}"]').count() == 1
        assert "Not measured: bare. unifer counterfactual" in page.locator("#faithfulness").inner_text()
        assert evil in page.locator("#fairness table.rates").inner_text()
        for image in page.locator(".paper img").all():
            image.scroll_into_view_if_needed()
            page.wait_for_function(
                "image => image.complete && image.naturalWidth > 200", arg=image.element_handle()
            )
        assert page.locator(".paper img").count() == 9
        assert page.evaluate("window.broken") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        browser.close()
    assert wrong == []


def test_votes_of_a_run_lend_it_their_sheet_once(spec: DatasetSpec, tmp_path: Path) -> None:
    """`unifer infer --votes 8` writes `full.votes.jsonl`; its calibration is the model's."""
    (spec.results / "full.calibration.json").rename(spec.results / "full.votes.calibration.json")
    write_run(spec, "full.votes", 3)
    assert report(spec, tmp_path / "out") == 0
    sections = {each["kind"]: each for each in summary_of((tmp_path / "out/index.html").read_text())["trust"]}
    assert [sheet["run"] for sheet in sections["calibration"]["sheets"]] == ["full"]
    assert sections["calibration"]["lacking"] == [{"run": "bare", "dataset": "nouns"}]
