"""Intervals over subjects: people are drawn, not their frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.test_metrics import LABELS, Row, _headline, rows
from unifer.evaluate.metrics import UNNAMED, score, score_pooled, tally


def _people(number: int, frames: int, seed: int) -> tuple[list[Row], list[str]]:
    """Rows of people who are read well or badly as a whole."""
    rng = np.random.default_rng(seed)
    found: list[Row] = []
    for ability in rng.choice([0.2, 0.9], size=number):
        for _ in range(frames):
            truth = str(rng.choice(LABELS))
            found.append((truth, "answered", truth if rng.random() < ability else str(rng.choice(LABELS))))
    return found, [f"S{index // frames}" for index in range(number * frames)]


def test_frames_of_one_person_are_no_independent_trials() -> None:
    """2,000 rows of 40 people who are read as a whole: over rows the interval is a fifth of what other people
    would show.
    """
    found, subjects = _people(40, 50, 3)
    alone, together = score(tally(LABELS, found)), score(tally(LABELS, found, subjects=subjects))
    assert (alone.war, alone.uar, alone.macro_f1) == (together.war, together.uar, together.macro_f1)
    for name in ("war", "uar", "macro_f1"):
        narrow, wide = (high - low for low, high in (alone.intervals[name], together.intervals[name]))
        assert wide > 3.5 * narrow
    assert together.to_json()["intervals"]["method"] == "percentile bootstrap over 40 subjects"
    assert alone.to_json()["intervals"]["method"] == "percentile bootstrap over rows"


def test_samples_over_subjects_are_those_of_drawing_subjects_one_by_one() -> None:
    found, subjects = _people(12, 20, 4)
    scores = score(tally(LABELS, found, subjects=subjects), resamples=4000, seed=1)
    rng = np.random.default_rng(9)
    plain = []
    for _ in range(1500):
        chosen = [f"S{index}" for index in rng.integers(0, 12, 12)]
        plain.append(
            _headline(
                [
                    row
                    for name in chosen
                    for row, subject in zip(found, subjects, strict=True)
                    if subject == name
                ]
            )
        )
    assert scores.samples.mean(axis=0) == pytest.approx(np.mean(plain, axis=0), abs=0.02)
    assert scores.samples.std(axis=0) == pytest.approx(np.std(plain, axis=0), rel=0.08)


@given(rows, st.integers(0, 99))
def test_neither_the_order_of_rows_nor_the_names_of_subjects_matter(found: list[Row], seed: int) -> None:
    subjects = [f"S{index % 3}" for index in range(len(found))]
    order = np.random.default_rng(seed).permutation(len(found))
    first = score(tally(LABELS, found, subjects=subjects), resamples=30)
    other = tally(
        LABELS,
        [found[index] for index in order],
        subjects=[subjects[index].replace("S", "person ") for index in order],
    )
    assert score(other, resamples=30).samples.tolist() == first.samples.tolist()


def test_missing_rows_of_nobody_are_wrong_in_every_sample() -> None:
    found, subjects = _people(12, 5, 1)
    right: list[Row] = [(truth, "answered", truth) for truth, _, _ in found]
    scores = score(tally(LABELS, right, subjects=subjects, unplaced=60), resamples=50)
    assert (scores.samples[:, 0] == 0.5).all()
    assert scores.counts["missing"] == 60


def test_pooled_datasets_are_drawn_apart_where_one_names_subjects() -> None:
    """A person of one set must not be drawn in place of a row of another: the pool would change its
    mixture.
    """
    found, subjects = _people(15, 20, 2)
    people, strangers = (
        tally(LABELS, found, subjects=subjects),
        tally(LABELS, [("sad", "answered", "sad")] * 700),
    )
    pooled = score_pooled([people, strangers], resamples=300)
    assert pooled.war == score(people + strangers, resamples=0).war
    assert (pooled.samples[:, 0] >= 0.7).all()
    assert (
        pooled.to_json()["intervals"]["method"]
        == "percentile bootstrap over rows or (at least 15) subjects of each dataset"
    )
    rows_alone = [tally(LABELS, found), strangers]
    assert (
        score_pooled(rows_alone, seed=4).intervals == score(rows_alone[0] + rows_alone[1], seed=4).intervals
    )


def test_subjects_follow_their_rows_into_other_names() -> None:
    nouns = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
    found, subjects = _people(4, 6, 8)
    table = tally(LABELS, found, subjects=subjects).relabelled(
        ("happiness", "sadness", "anger", "contempt"), nouns
    )
    assert table.subjects is not None
    assert (table.subjects.sum(axis=0) == table.counts).all()
    assert table.subjects.shape == (4, 4, 4 + len(UNNAMED))
    with pytest.raises(ValueError, match="1 subjects were given for 24 rows"):
        tally(LABELS, found, subjects=["S0"])
