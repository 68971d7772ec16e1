"""Resampled sums against closed forms, whole subjects drawn together, and intervals that do not depend on the
order of rows.
"""

from __future__ import annotations

import math
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.scored import ADJECTIVES
from unifer.evaluate.statistics.bootstrap import (
    cluster_notes,
    cluster_sums,
    clusters_of,
    percentile_interval,
    rare_notes,
    resampled_sums,
    t_quantile,
)
from unifer.records import Question

counts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def question(index: int, subject: object = None) -> Question:
    provenance = None if subject is None else {"subject": subject}
    return Question(f"/{index}.png", "happy", "Which?", ADJECTIVES, provenance=provenance)


def test_sums_have_the_binomial_mean_and_variance() -> None:
    rows = np.array([[1.0]] * 70 + [[0.0]] * 30)
    sums = resampled_sums(rows, None, 40_000, 1)
    assert sums.shape == (40_000, 2)
    assert (sums[:, 1] == 100).all()
    assert sums[:, 0].mean() == pytest.approx(70, abs=0.1)
    assert sums[:, 0].var() == pytest.approx(100 * 0.7 * 0.3, rel=0.03)


def test_subjects_come_whole_with_all_their_rows() -> None:
    """Three subjects of 1, 2 and 4 rows: every sample is one of the 27 draws, no row ever leaves its own."""
    rows = np.array([[1.0], [10.0], [10.0], [100.0], [100.0], [100.0], [100.0]])
    sums = resampled_sums(rows, ["a", "b", "b", "c", "c", "c", "c"], 3000, 2)
    whole = [(1, 1), (20, 2), (400, 4)]
    expected = {tuple(np.sum(draw, axis=0)) for draw in product(whole, repeat=3)}
    assert {tuple(row) for row in sums} == expected


def test_the_spread_over_subjects_is_that_between_them() -> None:
    """27 subjects that answer all right or all wrong: 2,700 rows, but 27 coins."""
    rows = np.array([[1.0]] * 1800 + [[0.0]] * 900)
    subjects = [index // 100 for index in range(2700)]
    alone, together = (
        resampled_sums(rows, clusters, 20_000, 3)[:, 0] / 2700 for clusters in (None, subjects)
    )
    assert alone.std() == pytest.approx(math.sqrt(2 / 9 / 2700), rel=0.03)
    assert together.std() == pytest.approx(math.sqrt(2 / 9 / 27), rel=0.03)


@given(counts, st.integers(0, 99))
@settings(max_examples=30)
def test_the_order_of_rows_does_not_matter(found: list[tuple[int, int]], seed: int) -> None:
    rows, clusters = np.array(found, dtype=np.float64), [index % 4 for index in range(len(found))]
    order = np.random.default_rng(seed).permutation(len(found))
    shuffled = [clusters[index] for index in order]
    assert (resampled_sums(rows, None, 20, 0) == resampled_sums(rows[order], None, 20, 0)).all()
    assert (resampled_sums(rows, clusters, 20, 0) == resampled_sums(rows[order], shuffled, 20, 0)).all()


@given(counts)
@settings(max_examples=30)
def test_subjects_with_one_row_each_are_rows(found: list[tuple[int, int]]) -> None:
    rows = np.array(found, dtype=np.float64)
    assert (resampled_sums(rows, None, 20, 5) == resampled_sums(rows, list(range(len(rows))), 20, 5)).all()


def test_many_samples_of_many_rows_are_drawn_piece_by_piece_to_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """100,000 samples of 11,072 distinct rows at once are 8.9 GB."""
    rows = np.arange(50, dtype=np.float64)[:, None]
    whole = resampled_sums(rows, None, 40, 7)
    monkeypatch.setattr("unifer.evaluate.statistics.bootstrap._CELLS", 300)
    assert (resampled_sums(rows, None, 40, 7) == whole).all()


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="no row to resample"):
        resampled_sums(np.zeros((0, 2)), None, 5, 0)
    with pytest.raises(ValueError, match="2 clusters were given for 3 rows"):
        cluster_sums(np.ones((3, 1)), ["a", "b"])
    with pytest.raises(ValueError, match="no sample"):
        percentile_interval(np.array([np.nan]), 0.95)


def test_the_interval_is_the_middle_and_leaves_undefined_samples_out() -> None:
    samples = np.append(np.arange(1001.0), np.nan)
    assert percentile_interval(samples, 0.95) == pytest.approx((25, 975))
    assert percentile_interval(samples, 0.5) == pytest.approx((250, 750))


def test_few_subjects_move_the_tails_out_to_those_of_t() -> None:
    """On a normal curve the expanded interval is mean +- t(g-1) sqrt(g/(g-1)) sigma; t(26) = 2.0555, t(4) =
    2.7764 by any table.
    """
    samples = np.array([NormalDist().inv_cdf((index + 0.5) / 50_000) for index in range(50_000)])
    for clusters, quantile in ((27, 2.0555), (5, 2.7764)):
        reach = quantile * math.sqrt(clusters / (clusters - 1))
        assert percentile_interval(samples, 0.95, clusters) == pytest.approx((-reach, reach), rel=3e-3)
    assert percentile_interval(samples, 0.95, 100_000) == pytest.approx(
        percentile_interval(samples, 0.95), rel=1e-3
    )


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.70620),
        (2, 4.302653),
        (3, 3.182446),
        (4, 2.776445),
        (26, 2.055529),
        (40, 2.021075),
        (9999, 1.960201),
    ],
)
def test_quantiles_of_t_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(0.95, freedom) == pytest.approx(quantile, rel=1e-6)


def test_labels_with_hardly_any_question_are_named_beside_means_over_labels() -> None:
    """Measured: with 10 questions of a label, the interval of UAR covers 92 % and not 95 %."""
    assert rare_notes("UAR", {"happy": 500, "sad": 20, "angry": 0}) == []
    assert rare_notes("UAR", {"happy": 500, "sad": 19}) == [
        "few examples of sad 19: UAR and intervals of them are rough"
    ]
    (note,) = rare_notes("UAR", dict.fromkeys("abcdef", 1))
    assert "a 1, b 1, c 1, d 1 and 2 more" in note


@pytest.mark.parametrize(
    ("subjects", "found", "note"),
    [
        ([None, None], None, None),
        (["a", None, "b"], None, "1 of 3 questions name no subject"),
        (["a", "a"], None, "the same subject"),
        (["a", "b", "a"], ["a", "b", "a"], "only 2 subjects"),
        ([1, 2, 2], ["1", "2", "2"], "only 2 subjects"),
        ([*"abcdefghij"], [*"abcdefghij"], None),
    ],
)
def test_subjects_count_where_every_question_names_one(
    subjects: list[object], found: list[str] | None, note: str | None
) -> None:
    """Half a set by subject and half by row would be an interval of nothing."""
    questions = [question(index, subject) for index, subject in enumerate(subjects)]
    assert clusters_of(questions) == found
    notes = cluster_notes(questions)
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]
