"""Places: shared where the difference may be noise, and only there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.leaderboard.models import answer, project
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.metrics import score
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.evaluate.statistics.gains import table_statistic
from unifer.report.leaderboard.cells import QuestionOutcome, Value, outcomes_of
from unifer.report.leaderboard.ranks import Pairs, Place, overlap, places


def never(one: str, other: str) -> bool:
    return False


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_without_ties_a_rank_is_one_more_than_how_many_are_better(scores: dict[str, float]) -> None:
    for name, place in places(scores, never).items():
        assert place.rank == 1 + sum(other > scores[name] for other in scores.values())
        assert place.shared == (list(scores.values()).count(scores[name]) > 1)


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1), min_size=1, max_size=8),
    st.floats(0, 0.5),
)
def test_a_better_score_never_has_a_worse_rank(scores: dict[str, float], noise: float) -> None:
    found = places(scores, lambda one, other: abs(scores[one] - scores[other]) <= noise)
    for one in scores:
        for other in scores:
            assert scores[one] < scores[other] or found[one].rank <= found[other].rank
        assert found[one].level == (max(scores.values()) - scores[one] <= noise)


def test_noise_does_not_part_models_and_the_next_group_counts_all_before_it() -> None:
    values = {
        "a": Value(0.70, (0.68, 0.72)),
        "b": Value(0.69, (0.67, 0.71)),
        "c": Value(0.60, (0.58, 0.62)),
        "d": Value(0.59, (0.5, 0.6)),
    }
    found = places({name: value.score for name, value in values.items()}, overlap(values))
    assert found == {
        "a": Place(1, True, True),
        "b": Place(1, True, True),
        "c": Place(3, True, False),
        "d": Place(3, True, False),
    }


def test_without_intervals_only_equal_scores_share_a_rank() -> None:
    values = {"a": Value(0.70), "b": Value(0.6999), "c": Value(0.70)}
    found = places({name: value.score for name, value in values.items()}, overlap(values))
    assert [found[name].rank for name in "abc"] == [1, 3, 1]


def said(models: dict[str, DatasetScores]) -> dict[str, dict[str, dict[str, QuestionOutcome]]]:
    return {"rafdb": {name: outcomes_of(result.graded) for name, result in models.items()}}


def scored(root: Path, right: dict[str, float]) -> dict[str, DatasetScores]:
    spec = project(root, ("rafdb",))["rafdb"]
    return {
        name: score_strict(spec, PredictionFile(name, answer(spec, name, share)), 0)
        for name, share in right.items()
    }


def test_a_paired_comparison_parts_what_overlapping_intervals_do_not(tmp_path: Path) -> None:
    """Two models that differ on 12 of 200 questions, always the same way: their own intervals overlap by
    far.
    """
    specs = project(tmp_path, ("rafdb",))
    spec = specs["rafdb"]
    first = score_strict(spec, PredictionFile("a", answer(spec, "a", 0.70)))
    rows = (spec.results / "a.jsonl").read_text().splitlines()
    right = [index for index, row in enumerate(first.graded) if row.correct][:12]
    better = "\n".join(
        row.replace("<answer>", "<answer>no ") if index in right else row for index, row in enumerate(rows)
    )
    (spec.results / "b.jsonl").write_text(better + "\n")
    second = score_strict(spec, PredictionFile("b", spec.results / "b.jsonl"))
    values = {
        name: Value(each.labelled.war, each.labelled.intervals["war"])
        for name, each in (("a", first), ("b", second))
    }
    assert overlap(values)("a", "b")
    for metric in ("war", "uar", "macro_f1"):
        assert not Pairs(said({"a": first, "b": second}), 1000).tied(metric, ["rafdb"], pool=False)("a", "b")


def test_equal_models_are_tied_and_unequal_ones_are_not(tmp_path: Path) -> None:
    models = scored(tmp_path, {"a": 0.7, "b": 0.7, "c": 0.4})
    pairs = Pairs(said(models), 500)
    for metric in ("war", "uar", "macro_f1"):
        tied = pairs.tied(metric, ["rafdb"], pool=True)
        assert tied("a", "b")
        assert not tied("a", "c")


def test_paired_samples_are_of_the_metric_that_is_shown(tmp_path: Path) -> None:
    """The mean of the resampled differences is the difference of the scores, for each metric: another formula
    would drift.
    """
    models = scored(tmp_path, {"a": 0.8, "b": 0.5})
    pairs = Pairs(said(models), 4000)
    sums, _ = pairs._sums("rafdb", "a", "b")
    for metric in ("war", "uar", "macro_f1"):
        drawn = -sums.differences(table_statistic(metric, len(pairs._labels)))
        exact = [getattr(score(each.labelled.table, resamples=0), metric) for each in models.values()]
        assert np.mean(drawn) == pytest.approx(exact[0] - exact[1], abs=0.005)


def test_questions_without_a_row_are_wrong_for_that_model_alone(tmp_path: Path) -> None:
    """A model with a third of its rows missing is no better for it: the missing ones once left the
    comparison.
    """
    spec = project(tmp_path, ("rafdb",))["rafdb"]
    models = {
        "whole": score_strict(spec, PredictionFile("whole", answer(spec, "whole", 0.7)), 0),
        "torn": score_strict(spec, PredictionFile("torn", answer(spec, "torn", 0.7, skip=range(60))), 0),
    }
    assert not Pairs(said(models), 500).tied("war", ["rafdb"], pool=False)("whole", "torn")
