"""`unifer trust`: one page on a model, with what is missing named, and never of two models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.report.page.pages import FLAGS, chromium, make_dataset, write_run
from tests.report.trust.trial_sheets import MAKERS, write_sheets
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict
from unifer.evaluate.trust.sheets import TrustRate, write_sheet
from unifer.report.trust.card import make_card
from unifer.report.trust.card_figure import card_figure
from unifer.report.trust.wording import bounds_text, number_text, rate_name

LABELS = ("happiness", "sadness", "anger")
Card = Callable[..., int]


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    spec = make_dataset(tmp_path, "nouns", LABELS, 12)
    write_run(spec, "tiny", 3)
    manifest = {
        "identity": {
            "questions": {"name": "nouns_qa.json", "sha256": "0123456789abcdef" * 4},
            "model": {"name": "tiny", "fingerprint": "fedcba9876543210" * 4},
            "prompt": "fer-1",
            "generation": {"temperature": 0.0},
        },
        "context": {
            "asked": 12,
            "finished": "2026-11-20T10:00:00+00:00",
            "versions": {"torch": "2.13.0", "trl": "1.16.0"},
            "commit": "3e447c57519603859fabf7db1b6e05b7f1cdc569",
        },
    }
    (spec.results / "tiny.manifest.json").write_text(json.dumps(manifest))
    return spec


@pytest.fixture
def card(spec: DatasetSpec, tmp_path: Path) -> Card:
    def run(*more: str) -> int:
        tokens = [str(spec.results / "tiny.jsonl"), "--out", str(tmp_path / "card"), "--resamples", "50"]
        return main(["trust", *tokens, *more])

    return run


def test_the_card_holds_each_headline_with_interval_and_n(
    spec: DatasetSpec, card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sheets(spec.results / "tiny.jsonl", "tiny", "nouns")
    assert card() == 0
    out = capsys.readouterr().out
    assert "Faithfulness" in out
    assert "70.0 %  64.0 to 75.0" in out
    assert "not measured" not in out
    assert max(len(line) for line in out.splitlines() if not line.startswith("wrote")) <= 80
    html = (tmp_path / "card/trust_card.html").read_text(encoding="utf-8")
    svg = (tmp_path / "card/trust_card.svg").read_text(encoding="utf-8")
    for text in (html, svg):
        assert "n 412 pairs whose answer changed" in text
        assert "64.0 to 75.0" in text
        assert "0123456789ab" in text, "the questions' fingerprint"
        assert "fedcba987654" in text, "the model's fingerprint"
        assert "torch 2.13.0, commit 3e447c57" in text
        assert "2026-11-20" in text
    with Image.open(tmp_path / "card/trust_card.png") as page:
        assert abs(page.height / page.width - 297 / 210) < 0.01, "A4"


def test_what_was_not_measured_is_named_with_its_command(
    spec: DatasetSpec, card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sheets(spec.results / "tiny.jsonl", "tiny", "nouns", ["votes"])
    assert card() == 0
    out = capsys.readouterr().out
    assert "not measured:" in out
    assert "Faithfulness: unifer counterfactual" in out
    assert "Fairness: unifer eval --group COLUMN" in out
    html = (tmp_path / "card/trust_card.html").read_text(encoding="utf-8")
    assert html.count("Not measured.") == 4
    assert "unifer infer --damage all" in html


def test_a_headline_without_a_value_gives_way_to_the_next_and_is_said(
    spec: DatasetSpec, card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = MAKERS["damage"]("tiny", "nouns").to_json()
    sheet["rates"] = [
        sheet["rates"][0] | {"value": None, "low": None, "high": None, "n": 0},
        *sheet["rates"][1:],
    ]
    (spec.results / "tiny.damage.json").write_text(json.dumps(sheet))
    assert card() == 0
    out = capsys.readouterr().out
    assert "refusals ↓" in out
    assert "Robustness: relative drop could not be given" in out


def test_sheets_that_lie_elsewhere_are_of_the_same_model(
    card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sheet(tmp_path / "own.json", MAKERS["faithfulness"]("tiny", "families"))
    write_sheet(tmp_path / "other.json", MAKERS["faithfulness"]("large", "families"))
    assert card("--sheets", str(tmp_path / "own.json")) == 0
    assert "says why ↑" in capsys.readouterr().out
    assert card("--sheets", str(tmp_path / "other.json")) == 2
    assert "of 2: tiny, large" in capsys.readouterr().err


def test_a_card_of_two_models_is_refused_and_nothing_written(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(spec, "other", 4)
    assert main(["trust", str(spec.folder), "--out", str(tmp_path / "card"), "--resamples", "50"]) == 2
    assert "a trust card is of one model" in capsys.readouterr().err
    assert not (tmp_path / "card").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"kind": "votes", "rates": [', "not valid JSON"),
        ('{"kind": "votes", "model": "tiny", "dataset": "d", "rates": [], "format": 7}', "of format 7"),
        ("[]", "a mapping"),
        (
            '{"kind": "votes", "model": "m", "dataset": "d", "rates": [{"name": "a", "value": NaN, '
            '"low": null, "high": null, "n": 3, "of": "faces"}]}',
            "no finite number",
        ),
    ],
)
def test_a_sheet_that_is_none_is_refused_with_its_file(
    spec: DatasetSpec, card: Card, tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (spec.results / "tiny.votes.json").write_text(text)
    assert card() == 2
    err = capsys.readouterr().err
    assert "tiny.votes.json" in err
    assert reason in err
    assert not (tmp_path / "card").exists()


def test_without_a_run_and_with_a_file_as_folder(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trust"]) == 2
    assert "no RUN given" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["trust", str(spec.folder), "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_the_fullest_card_fits_on_its_page(tmp_path: Path) -> None:
    """Six datasets and three sheets of every kind would run over the foot of the page."""
    results = []
    for name in ("one", "two", "three", "four", "five", "six"):
        spec = make_dataset(tmp_path, name, LABELS, 12)
        write_run(spec, "tiny", 3)
        write_sheets(spec.results / "tiny.jsonl", "tiny", name)
        results.append(score_strict(spec, PredictionFile("tiny", spec.results / "tiny.jsonl"), 50))
    card = make_card(results)
    assert [block.left for block in card.blocks] == [1, 4, 4, 4, 4, 4]
    (axes,) = card_figure(card).axes
    assert max(text.get_position()[1] for text in axes.texts) < 842 - 20
    figure = card_figure(card)
    edges = [text.get_window_extent() for text in figure.axes[0].texts]
    wide = figure.bbox.width
    assert all(edge.x0 > 0 and edge.x1 < wide for edge in edges), "a text runs over the edge of the page"


if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def browser() -> object:
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


def test_the_card_is_one_page_in_print_and_readable_in_the_dark(
    spec: DatasetSpec, card: Card, tmp_path: Path, browser: Browser
) -> None:
    write_sheets(spec.results / "tiny.jsonl", "tiny", "nouns")
    assert card() == 0
    page = browser.new_page(color_scheme="dark", viewport={"width": 400, "height": 900})
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.goto((tmp_path / "card/trust_card.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400, (
        "a phone would have to scroll sideways"
    )
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(21, 23, 26)"
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
    assert wrong == []


def test_votes_of_a_model_are_not_another_model(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(spec, "tiny.votes", 3)
    write_sheet(spec.results / "tiny.votes.calibration.json", MAKERS["calibration"]("tiny", "nouns"))
    assert main(["trust", str(spec.folder), "--out", str(tmp_path / "card"), "--resamples", "50"]) == 0
    out = capsys.readouterr().out
    assert out.count("WAR ↑") == 1, "its accuracy is that of the greedy replies"
    assert "ECE ↓" in out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ece_after", "ECE after"),
        ("accuracy_at_80", "accuracy of the surest 80 %"),
        ("accuracy at 80 % coverage", "accuracy of the surest 80 %"),
        ("stable_au", "stable AU"),
        ("race: worst UAR", "race: worst UAR"),
    ],
)
def test_rates_are_named_as_they_are_read(name: str, words: str) -> None:
    assert rate_name(name) == words


def test_what_cannot_be_a_share_is_no_percentage() -> None:
    """A cross-entropy of 1.83 nats stood as 182.6 %."""
    rate = TrustRate("cross-entropy", 1.826, 1.789, 1.862, 3573, "faces", "lower")
    assert (number_text(rate, rate.value), bounds_text(rate)) == ("1.83", "1.79 to 1.86")
