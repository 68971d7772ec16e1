"""From files to scores: every row counted once, nothing averaged in silence, strangers refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import (
    ADJECTIVES,
    FAILED,
    FOUR,
    NOUNS,
    dataset,
    question,
    replied,
    run_of,
    write,
)
from unifer.datasets import DatasetSpec
from unifer.dialogue.answers import grade
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.published import score_published
from unifer.evaluate.run_files import common_run, find_runs, newest_run
from unifer.evaluate.scoring import score_strict


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return dataset(tmp_path, "toy")


def run(path: Path) -> PredictionFile:
    return PredictionFile(path.stem, path)


def test_each_outcome_is_counted_and_only_the_right_answer_scores(spec: DatasetSpec) -> None:
    result = score_strict(spec, run(write(spec.results / "m.jsonl", FOUR)), resamples=0)
    counts = result.labelled.counts
    assert counts == {
        "asked": 4,
        "answered": 1,
        "off_list": 1,
        "no_answer": 1,
        "failed": 1,
        "missing": 0,
        "well_formed": 2,
    }
    assert result.labelled.war == 0.25
    assert [row.correct for row in result.graded] == [True, False, False, False]


def test_reward_and_metric_cannot_disagree(spec: DatasetSpec) -> None:
    """Published: `Happiness` earned no reward and then scored as correct."""
    answers = ["Happy.", "happiness", "unhappy", "not angry, sad", "sad</answer><answer>happy", "", "HAPPY"]
    rows = run_of(ADJECTIVES, [("happy", replied(answer)) for answer in answers])
    result = score_strict(spec, run(write(spec.results / "m.jsonl", rows)), resamples=0)
    rewards = [grade(row["model_response"], row["candidate_labels"]).label == "happy" for row in rows]
    assert [row.correct for row in result.graded] == rewards == [True, True, False, False, False, False, True]
    assert result.labelled.war == sum(rewards) / len(rewards)


def test_a_dataset_has_no_spellings_of_its_own(tmp_path: Path) -> None:
    """With an alias `joy` the metric said right and the reward wrong: neither knew the other's table."""
    with pytest.raises(InputError, match="unknown key 'aliases'; reward, filter and metric accept the same"):
        dataset(tmp_path, "toy", extra="aliases: {happy: [joy]}\n")


def test_our_rows_and_the_published_array_score_alike(spec: DatasetSpec) -> None:
    ours = score_strict(spec, run(write(spec.results / "m.jsonl", FOUR)))
    theirs = [{key: value for key, value in row.items() if key != "error_message"} for row in FOUR]
    published = score_strict(spec, run(write(spec.results / "toy_m_results.json", theirs)))
    assert published.labelled.to_json() == ours.labelled.to_json()


def test_errors_lower_strict_accuracy_and_raise_the_published_one(spec: DatasetSpec) -> None:
    half = run_of(ADJECTIVES, [("happy", replied("happy")), ("sad", replied("happy"))])
    more = [*half, question(9, "sad") | FAILED]
    strict = [
        score_strict(spec, run(write(spec.results / f"{len(rows)}.jsonl", rows)), 0).labelled.war
        for rows in (half, more)
    ]
    published = [score_published(spec, run(spec.results / f"{len(rows)}.jsonl")) for rows in (half, more)]
    assert strict == [1 / 2, 1 / 3]
    assert [result.metrics["overall"]["accuracy"] for result in published] == [1 / 2, 1 / 2]
    assert "1 failed rows left every denominator" in published[1].notes[-1]


def test_all_rows_failed_is_zero_in_strict_and_an_error_in_the_published_protocol(spec: DatasetSpec) -> None:
    """Published: NameError, since the labels leaked from the loop over the rows that were kept."""
    path = write(spec.results / "m.jsonl", run_of(ADJECTIVES, [("sad", FAILED), ("happy", FAILED)]))
    assert score_strict(spec, run(path)).labelled.war == 0
    with pytest.raises(InputError, match=r"m\.jsonl: every row failed.*--protocol strict"):
        score_published(spec, run(path))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*FOUR, FOUR[0]], r"m\.jsonl:5: '/faces/0000\.png' stands already in row 1"),
        (
            run_of(NOUNS, [("happiness", replied("happiness"))]),
            r"m\.jsonl:1: .*'happiness'.*another dataset.*angry, happy, sad",
        ),
        ([question(0, "sad")], r"m\.jsonl:1: 'model_response'"),
        ([question(0, "sad") | {"model_response": 3}], r"m\.jsonl:1: 'model_response' must be a string"),
        ([], "is empty"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused(
    spec: DatasetSpec, rows: list[dict[str, object]], message: str
) -> None:
    path = write(spec.results / "m.jsonl", rows)
    for score in (score_strict, score_published):
        with pytest.raises(InputError, match=message):
            score(spec, run(path))


def test_an_empty_published_array_is_refused(spec: DatasetSpec) -> None:
    with pytest.raises(InputError, match="holds no predictions"):
        score_strict(spec, run(write(spec.results / "toy_m_results.json", [])))


def test_rows_of_a_set_with_fewer_labels_are_noted(tmp_path: Path) -> None:
    """RAF-DB's labels all occur in AffectNet, so its rows pass as AffectNet's but for the label that nobody
    offers.
    """
    spec = dataset(tmp_path, "big", NOUNS)
    rows = [row | {"dataset": "small"} for row in run_of(NOUNS[:3], [("anger", replied("anger"))])]
    notes = score_strict(spec, run(write(spec.results / "m.jsonl", rows)), 0).notes
    assert any("no question offers contempt" in note for note in notes)
    assert any("'small', not 'big'" in note for note in notes)
    assert any("no question shows happiness, sadness, contempt" in note for note in notes)


def test_missing_rows_count_as_wrong_under_their_true_label(spec: DatasetSpec) -> None:
    questions = [question(index, truth) for index, truth in enumerate(["happy", "sad", "angry", "sad"])]
    write(spec.questions, questions)
    path = write(
        spec.results / "m.jsonl",
        [questions[0] | replied("happy"), questions[1] | replied("sad")],
        asked=4,
        name="toy_qa.json",
    )
    result = score_strict(spec, run(path))
    assert (result.labelled.war, result.labelled.counts["missing"], result.labelled.counts["asked"]) == (
        0.5,
        2,
        4,
    )
    assert [row.support for row in result.labelled.per_class] == [1, 1, 2]
    assert result.labelled.uar == pytest.approx((0 + 1 + 0.5) / 3)
    assert "incomplete run: 2 of 4" in result.notes[0]
    assert "incomplete run: 2" in score_published(spec, run(path)).notes[-1]


@pytest.mark.parametrize(
    "changed", [{"name": "elsewhere.json"}, {"name": "toy_qa.json", "sha256": "0" * 64}, {}]
)
def test_missing_rows_whose_question_file_is_gone_are_wrong_in_war_and_said_so(
    spec: DatasetSpec, changed: dict[str, Any]
) -> None:
    write(spec.questions, [question(0, "happy"), question(1, "sad")])
    path = write(spec.results / "m.jsonl", [question(0, "happy") | replied("happy")], asked=2, **changed)
    result = score_strict(spec, run(path))
    assert (result.labelled.war, result.labelled.uar) == (0.5, 1)
    assert "not at hand" in result.notes[1]


def test_more_rows_than_questions_asked_are_refused(spec: DatasetSpec) -> None:
    with pytest.raises(InputError, match=r"4 rows, but m\.manifest\.json says that 3 questions"):
        score_strict(spec, run(write(spec.results / "m.jsonl", FOUR, asked=3)))


@pytest.mark.parametrize(
    "text", ["{}", "[]", "nonsense", '{"identity": {"questions": {}}, "context": {"asked": "many"}}']
)
def test_a_file_beside_the_rows_that_is_no_manifest_is_named(spec: DatasetSpec, text: str) -> None:
    path = write(spec.results / "m.jsonl", FOUR)
    (spec.results / "m.manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"m\.manifest\.json"):
        score_strict(spec, run(path))


def test_a_short_published_file_is_noted(tmp_path: Path) -> None:
    spec = dataset(tmp_path, "toy", extra="expected: {angry: 3, happy: 3}\n")
    assert (
        "4 rows of the 6 that Set toy has"
        in score_strict(spec, run(write(spec.results / "toy_m_results.json", FOUR))).notes
    )


# --- which run
# -----------------------------------------------------------------------------------------------------------
def test_the_newest_run_is_chosen_and_what_is_no_run_is_not(spec: DatasetSpec) -> None:
    write(spec.results / "old.jsonl", FOUR, age=100)
    write(spec.results / "new.sample_qa.jsonl", FOUR, age=1)
    write(spec.results / "toy_unifer_7b_results.json", FOUR, age=50)
    for other in (
        "new.graded.jsonl",
        "new.shard-0.jsonl",
        "new.metrics.json",
        "new.manifest.json",
        ".hidden.jsonl",
    ):
        write(spec.results / other, FOUR)
    assert [found.name for found in find_runs(spec)] == ["new.sample_qa", "unifer_7b", "old"]
    assert newest_run(spec)[0].path.name == "new.sample_qa.jsonl"
    assert newest_run(spec)[1] == 3


def test_a_folder_without_runs_says_how_to_make_one(spec: DatasetSpec) -> None:
    with pytest.raises(
        InputError, match=r"holds no predictions of Set toy; make some with `python infer_unifer\.py`"
    ):
        newest_run(spec)
    spec.results.rmdir()
    with pytest.raises(InputError, match="holds no predictions"):
        newest_run(spec)


def test_the_run_of_a_total_is_the_newest_that_every_folder_has(tmp_path: Path) -> None:
    first, second = dataset(tmp_path, "one"), dataset(tmp_path, "two", NOUNS)
    for spec, name, age in (
        (first, "a", 9),
        (second, "a", 8),
        (first, "b", 7),
        (second, "b", 6),
        (first, "c", 1),
    ):
        write(spec.results / f"{name}.jsonl", FOUR, age=age)
    assert {found.name for found in common_run([first, second])} == {"b"}
    assert {found.name for found in common_run([first, second], "a")} == {"a"}
    with pytest.raises(InputError, match=r"eval_two.results: has no run 'c' \(there are b, a\).*--datasets"):
        common_run([first, second], "c")


def test_no_common_run_lists_what_each_folder_has(tmp_path: Path) -> None:
    first, second = dataset(tmp_path, "one"), dataset(tmp_path, "two")
    write(first.results / "a.jsonl", FOUR)
    with pytest.raises(InputError, match=r"eval_two.results: has no run \(it holds no predictions\)"):
        common_run([first, second])
    write(second.results / "b.jsonl", FOUR)
    with pytest.raises(
        InputError, match=r"no run has predictions in all 2 folders.*eval_one: a; eval_two: b"
    ):
        common_run([first, second])


# --- several datasets
# -----------------------------------------------------------------------------------------------------------
