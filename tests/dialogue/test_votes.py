"""Several replies about one face: shares, entropy, agreement, and when they are too few to be sure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.dialogue import votes
from unifer.dialogue.answers import Verdict
from unifer.dialogue.votes import Calibration, read_calibration
from unifer.errors import InputError
from unifer.recognition.readings import Reading

LABELS = ("happy", "sad", "angry")


def verdict(label: str | None, *units: int) -> Verdict:
    return Verdict("answered" if label else "no_answer", label, "", True, frozenset(units))


def test_shares_entropy_and_agreement_by_hand() -> None:
    said = [verdict("sad", 1, 15), verdict("sad", 1), verdict("happy", 12), verdict(None)]
    tally = votes.shares(said, LABELS, None, None)
    assert tally.shares == {"happy": 0.25, "sad": 0.5, "angry": 0.0}
    assert tally.unanswered == 0.25
    assert tally.entropy == pytest.approx(1.5)
    assert tally.confidence == pytest.approx(0.5)
    assert tally.au_shares == {"AU1": 0.5, "AU12": 0.25, "AU15": 0.25}
    # {1, 15} and {1}: 2/3; every other pair shares nothing.
    assert tally.au_agreement == pytest.approx(2 / 3 / 6)
    assert (tally.threshold, votes.winner(tally.labels)) == (0.5, "sad")


def test_temperature_humbles_and_its_threshold_counts_unless_another_is_given() -> None:
    said = [verdict("sad")] * 3 + [verdict("happy")]
    calibration = Calibration(2.0, 0.7)
    tally = votes.shares(said, LABELS, calibration, None)
    assert tally.confidence == pytest.approx(0.75**0.5 / (0.75**0.5 + 0.25**0.5))
    assert (tally.temperature, tally.threshold) == (2.0, 0.7)
    assert votes.shares(said, LABELS, calibration, 0.2).threshold == 0.2


def test_a_tie_goes_to_the_label_voted_for_first_and_nobody_wins_without_votes() -> None:
    tally = votes.shares([verdict("angry"), verdict("sad")], LABELS, None, None)
    assert (votes.winner(tally.labels), votes.ties(tally.labels)) == ("angry", ("angry", "sad"))
    silent = votes.shares([verdict(None)] * 2, LABELS, None, None)
    assert (votes.winner(silent.labels), silent.confidence, silent.unanswered) == (None, 0.0, 1.0)


@given(
    st.lists(st.sampled_from([*LABELS, None]), min_size=1, max_size=20),
    st.floats(0.01, 100),
)
def test_shares_add_up_and_confidence_stays_in_bounds(labels: list[str | None], temperature: float) -> None:
    tally = votes.shares([verdict(label) for label in labels], LABELS, Calibration(temperature, 0.5), None)
    assert sum(tally.shares.values()) + tally.unanswered == pytest.approx(1)
    assert 0 <= tally.confidence <= 1 + 1e-9
    assert 0 <= tally.entropy <= 2 + 1e-9


def test_a_calibration_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    good: dict[str, Any] = {"format": 1, "temperature": 1.5, "threshold": 0.6, "fitted_on": "RAF-DB, fold 1"}
    path.write_text(json.dumps(good))
    assert read_calibration(path) == Calibration(1.5, 0.6, "RAF-DB, fold 1")
    for change, problem in (
        ({"format": 2}, "'format' is 2"),
        ({"temperature": 0}, "'temperature' is 0"),
        ({"threshold": "high"}, "'threshold' must be a number"),
        ({"threshold": 1.5}, "'threshold' is 1.5"),
        ({"tresh": 1}, "did you mean 'threshold'"),
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(InputError, match=problem):
            read_calibration(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="JSON object"):
        read_calibration(path)


def test_a_reading_is_read_back_strictly() -> None:
    row = Reading("a.png", "happy", "answered").to_json()
    assert Reading.from_json(row) == Reading("a.png", "happy", "answered")
    for change, problem in (
        ({"format": 9}, "'format' is 9"),
        ({"outcome": "maybe"}, "'outcome' is 'maybe'"),
        ({"index": "one"}, "'index' must be a whole number"),
        ({"colour": 1}, "unknown key 'colour'"),
    ):
        with pytest.raises(ValueError, match=problem):
            Reading.from_json(row | change)
    with pytest.raises(ValueError, match="JSON object"):
        Reading.from_json([])
