"""Which runs stand in one table, what is pooled, and who has a rank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.scored import FAILED
from tests.report.leaderboard.models import (
    COUNT,
    answer,
    answered,
    boards_of,
    dataset,
    line,
    names,
    project,
    ranking,
)
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.overall import overall
from unifer.evaluate.published import pool_published, score_published
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import score_strict
from unifer.report.leaderboard.boards import arrange
from unifer.report.leaderboard.cells import BoardCell, Value
from unifer.report.leaderboard.entries import Entry, Group, collect


def test_a_model_over_all_sets_has_the_pooled_score_and_mean_of_eval_total(tmp_path: Path) -> None:
    specs = project(tmp_path)
    answered(specs, "one", 0.8)
    (board,) = boards_of(specs)
    total = overall(
        [
            score_strict(spec, PredictionFile("one", spec.results / "one.jsonl"), 100)
            for spec in specs.values()
        ],
        100,
    )
    for metric in ("war", "uar", "macro_f1"):
        found = line(board, "one", metric)
        assert (found.values["pooled"].score, found.values["pooled"].interval) == (
            getattr(total.pooled, metric),
            total.pooled.intervals[metric],
        )
        assert found.values["mean"].score == total.mean[metric]
        assert ranking(board, metric).ranked_by == "pooled"
    assert line(board, "one").questions == f"{2 * COUNT} of {2 * COUNT}"


def test_by_the_published_protocol_the_pooled_score_is_that_of_eval_total(tmp_path: Path) -> None:
    """SFEW's own script reads the tag in another way than the pooled one: each has its place."""
    specs = project(tmp_path, ("rafdb",))
    specs["sfew"] = dataset(tmp_path / "eval_sfew_2.0", "sfew", published={"answer_tag": "any_lines"})
    answered(specs, "one", 0.8)
    path = specs["sfew"].results / "one.jsonl"
    path.write_text(path.read_text().replace("<answer>", "<Answer>"))
    (board,) = boards_of(specs, "unifer")
    runs = [(spec, PredictionFile("one", spec.results / "one.jsonl")) for spec in specs.values()]
    pooled = pool_published([score_published(spec, run, "one_line") for spec, run in runs])["overall"][
        "accuracy"
    ]
    found = line(board, "one")
    assert found.values["pooled"].score == pooled
    assert [found.values[name].score for name in specs] == [
        score_published(*run).metrics["overall"]["accuracy"] for run in runs
    ]
    assert found.protocol == "unifer"


def test_a_model_without_all_sets_has_neither_a_pooled_score_nor_a_rank(tmp_path: Path) -> None:
    specs = project(tmp_path)
    answered(specs, "whole", 0.5)
    answer(specs["rafdb"], "part", 0.99)
    (board,) = boards_of(specs)
    part = line(board, "part")
    assert set(part.values) == {"rafdb"}
    assert set(part.places) == {"rafdb"}
    assert "not asked: Set affectnet" in part.about
    assert part.questions == f"{COUNT} of {2 * COUNT}"
    assert names(board) == ["whole", "part"]
    assert line(board, "whole").places["pooled"].rank == 1


def test_a_run_over_a_part_of_the_questions_is_marked_and_not_ranked(tmp_path: Path) -> None:
    """`--limit 40` on the easy first questions once led the table."""
    specs = project(tmp_path, ("rafdb",))
    answer(specs["rafdb"], "whole", 0.5)
    answer(specs["rafdb"], "limited", 0.99, limit=40)
    (board,) = boards_of(specs)
    limited = line(board, "limited")
    assert limited.partial == {"rafdb"}
    assert limited.places == {}
    assert any("partial: 40 of 200 questions" in each for each in limited.about)
    assert line(board, "whole").places["rafdb"].rank == 1


def test_missing_and_failed_rows_count_as_wrong_and_are_said(tmp_path: Path) -> None:
    specs = project(tmp_path, ("rafdb",))
    answer(specs["rafdb"], "torn", 1.0, skip=range(50), failed=range(50, 60))
    (board,) = boards_of(specs)
    torn = line(board, "torn")
    assert torn.values["rafdb"].score == (COUNT - 60) / COUNT
    assert set(torn.about) == {"incomplete: 50 without a reply", "10 failed"}
    assert torn.places["rafdb"].rank == 1


def test_answers_to_other_question_files_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    specs = project(tmp_path, ("rafdb",))
    answer(specs["rafdb"], "m", 0.5)
    answer(specs["rafdb"], "m", 0.95, sample=True)
    boards = {board.group.title: board for board in boards_of(specs)}
    assert set(boards) == {"FERBench", "FERBench: questions of sample_qa.json"}
    assert line(boards["FERBench"], "m").values["rafdb"].score == 0.5
    assert line(boards["FERBench: questions of sample_qa.json"], "m").values["rafdb"].score == 0.95


def test_two_runs_of_one_name_on_one_dataset_are_refused(tmp_path: Path) -> None:
    spec = project(tmp_path, ("rafdb",))["rafdb"]
    path = answer(spec, "m", 0.5)
    copy = tmp_path / "m.jsonl"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(
        InputError, match=r"'m' has a second run on Set rafdb, .*results/m\.jsonl; leave one out"
    ):
        collect(
            [Selected(spec, PredictionFile("m", path)), Selected(spec, PredictionFile("m", copy))],
            protocol="strict",
            resamples=0,
        )


def test_one_name_for_two_checkpoints_is_not_pooled(tmp_path: Path) -> None:
    specs = project(tmp_path)
    answered(specs, "m", 0.8)
    beside = specs["rafdb"].results / "m.manifest.json"
    found = json.loads(beside.read_text())
    found["identity"]["model"]["fingerprint"] = "another"
    beside.write_text(json.dumps(found))
    (board,) = boards_of(specs)
    assert "pooled" not in line(board, "m").values
    assert "another checkpoint on each dataset" in line(board, "m").about


def test_models_that_noise_parts_share_a_rank(tmp_path: Path) -> None:
    specs = project(tmp_path)
    for model, right in (("a", 0.70), ("b", 0.69), ("c", 0.3)):
        answered(specs, model, right)
    (board,) = boards_of(specs, resamples=500)
    places = {name: line(board, name).places["pooled"] for name in names(board)}
    assert [(places[name].rank, places[name].shared, places[name].level) for name in "abc"] == [
        (1, True, True),
        (1, True, True),
        (3, False, False),
    ]


def test_units_alone_are_ranked_by_their_mean_over_sets(tmp_path: Path) -> None:
    specs = {}
    for name, units in (("disfa", ["AU6", "AU12"]), ("bp4d", ["AU4"])):
        spec = dataset(tmp_path / "eval_more" / name, name, labels=None, action_units="all")
        rows = [
            {
                "image_path": f"/{name}/{index}.png",
                "true_label": None,
                "prompt": "Which AUs?",
                "candidate_labels": [],
                "AUs": units,
            }
            for index in range(30)
        ]
        spec.questions.write_text(json.dumps(rows))
        for model, said in (("good", units), ("bad", ["AU1"])):
            reply = {"model_response": f"<think>x</think><answer>{', '.join(said)}</answer>"}
            text = "".join(
                json.dumps(row | (FAILED if index < 3 else reply)) + "\n" for index, row in enumerate(rows)
            )
            (spec.results / f"{model}.jsonl").write_text(text)
        specs[name] = spec
    (board,) = boards_of(specs)
    assert board.group.title == "Other emotions, Action Units and reasoning"
    found = ranking(board, "au_macro_f1")
    assert [each.name for each in found.lines] == ["good", "bad"]
    assert found.ranked_by == "mean"
    assert line(board, "good", "au_macro_f1").values["mean"].score == pytest.approx(2 * 27 / (27 + 30))
    assert not any(each.metric == "war" for each in board.rankings)


def test_lines_can_be_sorted_by_name_or_by_another_metric_without_moving_ranks(tmp_path: Path) -> None:
    specs = project(tmp_path)
    for model, right in (("b", 0.9), ("a", 0.5), ("c", 0.7)):
        answered(specs, model, right)
    for sort, order in ((None, "bca"), ("name", "abc"), ("uar", "bca"), ("war:rafdb", "bca")):
        (board,) = boards_of(specs, sort=sort)
        assert "".join(names(board)) == order
        assert {name: line(board, name).places["pooled"].rank for name in names(board)} == {
            "b": 1,
            "c": 2,
            "a": 3,
        }


def test_a_dataset_outside_the_benchmark_has_a_table_of_its_own(tmp_path: Path) -> None:
    specs = project(tmp_path) | {"mine": dataset(tmp_path / "runs" / "heldout", "mine")}
    answered(specs, "m", 0.8)
    boards = {board.group.title: board for board in boards_of(specs)}
    assert set(boards) == {"FERBench", "Set mine"}
    assert [key for key, _ in ranking(boards["Set mine"]).columns] == ["mine"]


@pytest.mark.parametrize(
    ("judges", "ranks"),
    [(("gpt-4o-mini, judge-1", "gpt-4o-mini, judge-1"), [1, 2]), (("gpt-4o-mini, judge-1", "other"), [])],
)
def test_means_of_different_judges_are_not_ranked_against_each_other(
    tmp_path: Path, judges: tuple[str, str], ranks: list[int]
) -> None:
    specs = {"fea20k": dataset(tmp_path / "eval_more" / "fea20k", "fea20k")}
    group = Group("Other emotions, Action Units and reasoning")
    counts = {"asked": COUNT, "missing": 0, "failed": 0}
    entries = [
        Entry(
            name,
            group,
            {
                "fea20k": BoardCell(
                    {"judge": Value(mean, (mean - 0.1, mean + 0.1))}, counts, COUNT, judge=judge
                )
            },
        )
        for name, mean, judge in (("a", 6.0, judges[0]), ("b", 5.0, judges[1]))
    ]
    (board,) = arrange(entries, specs, [], protocol="strict", resamples=100)
    lines = ranking(board, "judge").lines
    assert [each.places["fea20k"].rank for each in lines if each.places] == ranks
    assert [each.about[0] for each in lines] == list(judges)
