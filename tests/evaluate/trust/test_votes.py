"""`unifer eval --vote-file`: a run against the votes of people, rates checked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.evaluate.trust import voted
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict
from unifer.evaluate.trust.sheets import Sheet, read_sheet
from unifer.evaluate.trust.votes import match_votes, votes_sheet


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return voted.folder(tmp_path)


def evaluate(spec: DatasetSpec, *more: str) -> int:
    path = spec.results / "tiny.jsonl"
    return main(["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), *more])


def values(sheet: Sheet) -> dict[str, float | None]:
    return {rate.name: rate.value for rate in sheet.rates}


def test_a_vote_file_gives_a_sheet_a_figure_and_a_table_with_people(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voted.predictions(spec)
    assert evaluate(spec, "--vote-file", str(voted.table(tmp_path)), "--resamples", "50") == 0
    shown = capsys.readouterr().out
    assert "one person" in shown
    assert "five people" in shown
    assert "tiny.votes.json" in shown
    assert (spec.results / "tiny.votes.png").read_bytes().startswith(b"\x89PNG")
    sheet = read_sheet(spec.results / "tiny.votes.json")
    assert (sheet.kind, sheet.model, sheet.dataset) == ("votes", "tiny", "voted")
    assert sheet.rates[0].name == "expected agreement"


def test_rates_are_those_counted_by_hand(spec: DatasetSpec, tmp_path: Path) -> None:
    """Shares of the ten votes 1.0, 0.8, 0.3, 0.4; the last answer names no label and agrees with nobody."""
    voted.predictions(spec)
    evaluate(spec, "--vote-file", str(voted.table(tmp_path)), "--resamples", "50")
    sheet = read_sheet(spec.results / "tiny.votes.json")
    rates = values(sheet)
    assert rates["expected agreement"] == pytest.approx((1.0 + 0.8 + 0.3 + 0.4 + 0) / 5)
    assert rates["two people"] == pytest.approx(
        (90 + (56 + 2) + (30 + 6) + (20 + 12) + (12 + 12 + 2)) / 90 / 5
    )
    assert rates["accuracy"] == pytest.approx(3 / 5)
    # The top votes: neutral, sadness, happiness, surprise, and of the tie neutral, which stands first.
    assert rates["accuracy on the top vote"] == pytest.approx(2 / 5)
    # Face four: where one of 5 surprise voters steps out, surprise still stands before fear. Face five: where
    # a neutral voter steps out sadness wins, where one for sadness does neutral wins: nobody agrees.
    assert rates["one person"] == pytest.approx((1.0 + 0.8 + 0.6 + 0.5 + 0.0) / 5)
    assert rates["agrees with nine"] == pytest.approx((1.0 + 1.0 + 0.0 + 0.0 + 0.0) / 5)
    assert rates["above one person"] == pytest.approx(rates["agrees with nine"] - rates["one person"])  # type: ignore[operator]
    assert [band["n"] for band in sheet.details["bands"]] == [1, 1, 1, 2]
    assert rates["accuracy, 5 or fewer of 10"] == 0
    assert sheet.details["label_is_not_the_top_vote"] == 2


def test_cross_entropy_is_the_surprise_of_the_votes(spec: DatasetSpec, tmp_path: Path) -> None:
    """90 % of an answer is sure and 10 % even over four labels; an answer without a label is even whole."""
    voted.predictions(spec)
    evaluate(spec, "--vote-file", str(voted.table(tmp_path)), "--resamples", "0")
    sheet = read_sheet(spec.results / "tiny.votes.json")
    sure, even = 0.9 + 0.1 / 4, 0.1 / 4
    expected = [
        -math.log(sure),
        -(0.8 * math.log(sure) + 0.2 * math.log(even)),
        -(3 / 9 * math.log(sure) + 6 / 9 * math.log(even)),
        -(4 / 9 * math.log(sure) + 5 / 9 * math.log(even)),
        -math.log(1 / 4),
    ]
    rate = sheet.rate("cross-entropy")
    assert rate is not None
    assert rate.value == pytest.approx(sum(expected) / 5)
    assert (rate.low, rate.high, rate.better) == (None, None, "lower")


def test_vote_shares_of_several_answers_take_the_place_of_a_sure_one(spec: DatasetSpec) -> None:
    path = voted.predictions(spec, own_votes=True)
    result = score_strict(spec, PredictionFile("tiny", path), 0)
    faces = match_votes(result, None)
    shares = {face.question.key: {"sad": 0.5, "neutral": 0.25} for face in faces}
    rates = values(votes_sheet(result, faces[1:2], 0, shares))
    even = (0.1 + 0.9 * 0.25) / 4  # a quarter of the answers named no label
    assert rates["cross-entropy"] == pytest.approx(
        -(0.8 * math.log(0.9 * 0.5 + even) + 0.2 * math.log(0.9 * 0.25 + even))
    )


def test_rows_with_votes_need_no_file(spec: DatasetSpec, tmp_path: Path) -> None:
    voted.predictions(spec, own_votes=True)
    assert evaluate(spec, "--vote-file", "--resamples", "20") == 0
    own = read_sheet(spec.results / "tiny.votes.json")
    assert evaluate(spec, "--vote-file", str(voted.table(tmp_path)), "--resamples", "20") == 0
    assert read_sheet(spec.results / "tiny.votes.json") == own


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (slice(0, 4), "the votes of 3 of 5 questions are not in"),
        (slice(0, 2), "the votes of 5 of 5 questions are not in"),
    ],
)
def test_votes_that_do_not_match_the_rows_are_refused_before_anything_is_written(
    spec: DatasetSpec, tmp_path: Path, lines: slice, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over the rows that match alone, a score would look like one of the whole set."""
    voted.predictions(spec)
    path = voted.table(tmp_path)
    path.write_text("\n".join(path.read_text().splitlines()[lines]))
    assert evaluate(spec, "--vote-file", str(path)) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert reason in message
    assert f"'/faces/{2 if '3 of' in reason else 0:04d}.png'" in message
    assert {path.name for path in spec.results.iterdir()} == {"tiny.jsonl"}


def test_a_table_that_contradicts_the_rows_is_refused(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voted.predictions(spec, own_votes=True)
    other = [*voted.FACES[:4], ("sad", {"sadness": 10}, "sad")]
    assert evaluate(spec, "--vote-file", str(voted.table(tmp_path, other))) == 2
    assert "1 of 5 questions state other votes" in " ".join(capsys.readouterr().err.split())


def test_another_layout_and_another_protocol_are_refused(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voted.predictions(spec)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    assert evaluate(spec, "--vote-file", str(tmp_path / "fer2013.csv")) == 2
    assert "no column is called 'Image name'" in capsys.readouterr().err
    assert evaluate(spec, "--vote-file", str(voted.table(tmp_path)), "--protocol", "unifer") == 2
    assert "leave it or --protocol unifer out" in " ".join(capsys.readouterr().err.split())
    assert evaluate(spec, "--vote-file") == 2
    assert "carry none, the first is '/faces/0000.png'" in " ".join(capsys.readouterr().err.split())
