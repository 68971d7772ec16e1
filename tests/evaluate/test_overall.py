"""Several datasets together, and questions that ask for AUs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.scored import (
    ADJECTIVES,
    FOUR,
    NOUNS,
    au_dataset,
    au_row,
    dataset,
    replied,
    run_of,
    write,
)
from tests.evaluate.test_scoring import run
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.overall import overall
from unifer.evaluate.published import pool_published, score_published
from unifer.evaluate.scoring import score_strict


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return dataset(tmp_path, "toy")


def test_pooled_weighs_rows_and_the_mean_weighs_datasets(tmp_path: Path) -> None:
    """Published: only the pooled score, so that a large set outvotes a small one unseen."""
    large, small = dataset(tmp_path, "large"), dataset(tmp_path, "small", NOUNS)
    right = [("happy", replied("happy")), ("sad", replied("sad"))] * 3
    wrong = [("anger", replied("contempt")), ("happiness", replied("happy"))]
    parts = [
        score_strict(large, run(write(large.results / "m.jsonl", run_of(ADJECTIVES, right)))),
        score_strict(small, run(write(small.results / "m.jsonl", run_of(NOUNS, wrong)))),
    ]
    total = overall(parts)
    assert total.pooled.war == 7 / 8
    assert total.mean["war"] == (1 + 1 / 2) / 2
    assert total.pooled.table.labels == ("happiness", "sadness", "anger", "contempt")
    assert total.pooled.counts["asked"] == 8
    assert set(total.mean_intervals) == {"war", "uar", "macro_f1"}
    assert set(total.to_json()["datasets"]) == {"large", "small"}


def test_datasets_are_resampled_apart(tmp_path: Path) -> None:
    """Drawn with one seed, equal tables would move together and the interval of their mean be as wide as each
    one's.
    """
    parts = []
    for name in ("one", "two"):
        spec = dataset(tmp_path, name)
        rows = run_of(
            ADJECTIVES, [("happy", replied("happy" if index % 2 else "sad")) for index in range(200)]
        )
        parts.append(score_strict(spec, run(write(spec.results / "m.jsonl", rows))))
    width = [
        high - low
        for low, high in (
            *(part.labelled.intervals["war"] for part in parts),
            overall(parts).mean_intervals["war"],
        )
    ]
    assert width[2] < 0.85 * min(width[:2])


def test_the_published_pool_is_one_list_under_canonical_names(tmp_path: Path) -> None:
    one, two = dataset(tmp_path, "one"), dataset(tmp_path, "two", NOUNS)
    first = score_published(
        one, run(write(one.results / "m.jsonl", run_of(ADJECTIVES, [("angry", replied("angry"))])))
    )
    second = score_published(
        two, run(write(two.results / "m.jsonl", run_of(NOUNS, [("anger", replied("happy"))])))
    )
    pooled = pool_published([first, second])
    assert pooled["overall"]["accuracy"] == 0.5
    assert [row["emotion"] for row in pooled["per_class"]] == ["anger"]


def test_a_set_of_aus_alone_has_au_scores_and_no_war(tmp_path: Path) -> None:
    spec = au_dataset(tmp_path, "units")
    rows = [
        au_row(0, [6, 12], "AU6, AU12"),
        au_row(1, [4], "happy"),
        au_row(2, [], "none"),
        au_row(3, [1], None),
    ]
    result = score_strict(spec, run(write(spec.results / "m.jsonl", rows)), resamples=0)
    assert result.scores is None
    assert [row.correct for row in result.graded] == [True, False, True, False]
    assert result.counts == {
        "asked": 4,
        "answered": 2,
        "off_list": 1,
        "no_answer": 0,
        "failed": 1,
        "missing": 0,
        "well_formed": 3,
    }
    assert result.action_units is not None
    assert (result.action_units.n, result.action_units.unanswered, result.action_units.face_f1) == (4, 1, 0.5)
    with pytest.raises(InputError, match="asks for AUs alone"):
        overall([result])
    with pytest.raises(InputError, match="asks for AUs alone"):
        score_published(spec, result.run)


def test_labels_in_a_set_of_aus_alone_are_of_another_dataset(tmp_path: Path) -> None:
    spec = au_dataset(tmp_path, "units")
    with pytest.raises(InputError, match="asks for AUs alone"):
        score_strict(spec, run(write(spec.results / "m.jsonl", FOUR)))


def test_questions_without_a_label_stay_out_of_war_and_are_said(spec: DatasetSpec) -> None:
    rows = [*FOUR, au_row(9, [6], "AU6")]
    result = score_strict(spec, run(write(spec.results / "m.jsonl", rows)), resamples=0)
    assert (result.labelled.war, result.labelled.counts["asked"], result.counts["asked"]) == (0.25, 4, 5)
    assert any("1 questions ask for AUs alone" in note for note in result.notes)
