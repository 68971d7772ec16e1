"""`unifer calibrate` as people run it: what it prints, writes, and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import ADJECTIVES, FAILED, dataset, question, replied, run_of
from tests.evaluate.trust.voting import row, save_run, voted_rows
from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.dialogue.votes import Calibration, read_calibration
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile, open_run
from unifer.evaluate.trust.fitting import SureTarget, chosen_threshold, fit_calibration, halves
from unifer.evaluate.trust.sheets import sheets_of
from unifer.evaluate.trust.voted_answers import VotedAnswer, read_voted_run

Said = pytest.CaptureFixture[str]
FAST = ["--resamples", "100"]


def test_a_boaster_is_humbled_and_predict_reads_the_file(tmp_path: Path, capsys: Said) -> None:
    path = save_run(dataset(tmp_path, "toy"), voted_rows(400, boast=0.7))
    out = tmp_path / "calibration.json"
    assert main(["calibrate", str(path), "--out", str(out), *FAST]) == 0
    said = capsys.readouterr().out
    assert "400 asked, 400 answered" in said
    assert "Brier score" in said
    (sheet,) = sheets_of(path)
    rates = {rate.name: rate for rate in sheet.rates}
    assert sheet.rates[0].name == "ece"
    before, after = rates["ece_before"].value, rates["ece_after"].value
    assert before is not None
    assert after is not None
    assert before > 0.15
    assert after < before / 2
    assert rates["brier_gain"].low is not None
    assert rates["brier_gain"].low > 0
    assert path.with_name("tiny.votes.calibration.png").is_file()
    read = read_calibration(out)
    assert read.to_json() == sheet.details["calibration"]
    assert (read.fitted_on, read.votes) == ("tiny.votes, toy: half of the answers (200)", 8)
    assert main(["calibrate", str(path), "--out", str(out), *FAST]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_refusals_stand_apart_from_wrong_answers(tmp_path: Path) -> None:
    rows = voted_rows(100)
    silent = [row(100 + index, "sad", [None] * 8) for index in range(20)]
    failed = [question(200 + index, "sad") | FAILED for index in range(5)]
    path = save_run(dataset(tmp_path, "toy"), rows + silent + failed)
    assert main(["calibrate", str(path), *FAST]) == 0
    (sheet,) = sheets_of(path)
    assert sheet.details["counts"] == {
        "asked": 125,
        "answered": 100,
        "refused": 20,
        "failed": 5,
        "missing": 0,
    }
    refusals, ece = sheet.rate("refusals"), sheet.rate("ece")
    assert refusals is not None
    assert ece is not None
    assert refusals.value == pytest.approx(20 / 120)
    assert (refusals.n, ece.n) == (120, 100)


def test_no_subject_is_in_both_halves(tmp_path: Path) -> None:
    spec = dataset(tmp_path, "toy")
    path = save_run(spec, voted_rows(200, people=10))
    run = read_voted_run(open_run(load_dataset(spec.folder), PredictionFile("tiny.votes", path)))
    both = halves(run.answers, by_subject=run.by_subject, seed=0)
    people = [{answer.question.subject for answer in part} for part in (both.fit, both.judge)]
    assert [len(each) for each in people] == [5, 5]
    assert not people[0] & people[1]
    again = halves(run.answers[::-1], by_subject=True, seed=0)
    assert set(again.fit) == set(both.fit), "the halves must not depend on the order of replies"


def test_runs_of_one_model_share_a_calibration(tmp_path: Path) -> None:
    model = {"model": {"name": "Tiny"}, "generation": {"temperature": 0.7}}
    paths = [
        save_run(dataset(tmp_path, name), voted_rows(60, seed=seed), **model)
        for seed, name in enumerate(("one", "two"))
    ]
    assert main(["calibrate", *map(str, paths), *FAST]) == 0
    sheets = [sheets_of(path)[0] for path in paths]
    assert sheets[0].details["calibration"] == sheets[1].details["calibration"]
    assert [sheet.model for sheet in sheets] == ["Tiny", "Tiny"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model": {"name": "Other"}}, "the model is Other, in"),
        ({"generation": {"temperature": 1.0}}, "temperature of the votes is 1.0"),
    ],
)
def test_runs_that_share_no_calibration_are_refused(
    change: dict[str, Any], problem: str, tmp_path: Path, capsys: Said
) -> None:
    model = {"model": {"name": "Tiny"}, "generation": {"temperature": 0.7}}
    one = save_run(dataset(tmp_path, "one"), voted_rows(60), **model)
    two = save_run(dataset(tmp_path, "two"), voted_rows(60), **model | change)
    assert main(["calibrate", str(one), str(two), *FAST]) == 2
    assert problem in capsys.readouterr().err
    assert not sheets_of(one)


def _mixed() -> list[dict[str, Any]]:
    return [*voted_rows(50), row(50, "sad", ["sad"] * 4)]


def _foreign() -> list[dict[str, Any]]:
    rows = voted_rows(50)
    rows[7]["model_response"] = "<think>AU1</think><answer>angry</answer>"
    return rows


def _unlisted() -> list[dict[str, Any]]:
    rows = voted_rows(50)
    rows[7]["replies"][2]["label"] = "bored"
    return rows


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (run_of(ADJECTIVES, [("sad", replied("sad"))] * 50), "have one reply ('/faces/0000.png', for one)"),
        (_mixed(), "'/faces/0050.png' has 4 votes, most rows have 8"),
        ([row(index, "sad", [None] * 8) for index in range(50)], "none of the 50 questions has a vote"),
        ([question(index, "sad") | FAILED for index in range(50)], "every row failed"),
        (voted_rows(39), "halves of 19 and 20; each needs 20"),
        (voted_rows(90, people=2)[:42:2] + voted_rows(90, people=2)[1:9:2], "of 2 subjects"),
        (_foreign(), "'/faces/0007.png' is not the first vote for the winner"),
        (_unlisted(), "tiny.votes.jsonl:8: 'replies', vote 3: 'label' 'bored' is not among"),
        ([row(0, "sad", ["sad"])], "'replies' must be a list of two or more votes"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_and_nothing_is_written(
    rows: list[dict[str, Any]], problem: str, tmp_path: Path, capsys: Said
) -> None:
    path = save_run(dataset(tmp_path, "toy"), rows)
    out = tmp_path / "calibration.json"
    assert main(["calibrate", str(path), "--out", str(out), *FAST]) == 2
    assert problem in capsys.readouterr().err
    assert not out.exists()
    assert not sheets_of(path)


def voted(*counted: tuple[int, bool, int]) -> list[VotedAnswer]:
    """Ballots as (votes for the winner of eight, right or not, how many of them)."""
    from unifer.records import Question

    return [
        VotedAnswer(
            Question(f"{most}.png", "happy" if right else "angry", "Which?", ADJECTIVES),
            (*["happy"] * most, *["sad"] * (8 - most)),
        )
        for most, right, number in counted
        for _ in range(number)
    ]


def test_thresholds_are_chosen_for_what_is_asked() -> None:
    some = voted((8, True, 45), (8, False, 5), (6, True, 30), (6, False, 20))
    plain = Calibration(1.0, 0.5)
    assert chosen_threshold(some, plain, SureTarget(accuracy=0.9)) == 1.0
    assert chosen_threshold(some, plain, SureTarget(accuracy=0.75)) == 0.75
    assert chosen_threshold(some, plain, SureTarget(coverage=0.5)) == 1.0
    assert chosen_threshold(some, plain, SureTarget(coverage=0.51)) == 0.75
    with pytest.raises(InputError, match=r"--accuracy 0.95: no confidence is that good"):
        chosen_threshold(some, plain, SureTarget(accuracy=0.95))


def test_votes_that_all_agree_are_humbled_too() -> None:
    """By temperature alone eight votes of eight stay a confidence of 1, however often they are wrong."""
    some = voted((8, True, 30), (8, False, 20))
    fit = fit_calibration(some)
    assert fit.smoothing > 0
    assert some[0].confidence(fit) == pytest.approx(0.6, abs=0.01)


def test_shares_that_are_right_already_are_left_alone() -> None:
    fit = fit_calibration(voted((8, True, 40), (4, True, 1), (4, False, 1)))
    assert (fit.temperature, fit.smoothing) == (1.0, 0.0)


def test_the_fit_is_what_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(Calibration(1.2, 0.6, "x", 0.5).to_json()))
    assert read_calibration(path) == Calibration(1.2, 0.6, "x", 0.5)
