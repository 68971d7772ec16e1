"""Scores by fold beside the pooled ones: means by hand, ranges, and people who are in two folds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import au_dataset, au_row, dataset, question, replied, write
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.facial_r1 import score_facial_r1
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.report.leaderboard.entries import collect

FACES: tuple[tuple[str, str, list[int], str], ...] = (
    # fold, subject, AUs shown, AUs answered
    ("1/3", "a", [6], "AU6"),
    ("1/3", "a", [6], "none"),
    ("1/3", "b", [12], "AU12"),
    ("2/3", "c", [6], "AU6"),
    ("2/3", "c", [], "none"),
    ("3/3", "d", [6, 12], "none"),
)


def rows(**changed: Any) -> list[dict[str, Any]]:
    made = []
    for index, (fold, subject, shown, answer) in enumerate(FACES):
        row = au_row(
            index, shown, answer, **({"subject": subject, "fold": fold, "folds": "own folds"} | changed)
        )
        made.append(row | {"model_response": f"<think>{answer}</think><answer>{answer}</answer>"})
    return made


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return au_dataset(tmp_path, "disfa", [6, 12])


def scored(spec: DatasetSpec, made: list[dict[str, Any]]) -> DatasetScores:
    return score_strict(spec, PredictionFile("m", write(spec.results / "m.jsonl", made)), 0)


def test_each_fold_is_scored_alone_and_over_the_aus_that_its_own_faces_show(spec: DatasetSpec) -> None:
    result = scored(spec, rows())
    assert result.folds is not None
    assert [(fold.fold, fold.questions, fold.subjects) for fold in result.folds.each] == [
        ("1/3", 3, 2),
        ("2/3", 2, 1),
        ("3/3", 1, 1),
    ]
    by_hand = [(2 / 3 + 1) / 2, 1, 0]  # AU12 has no face in fold 2, and takes no part there
    assert [fold.values["au_macro_f1"] for fold in result.folds.each] == pytest.approx(by_hand, abs=1e-12)
    assert result.folds.spread("au_macro_f1") == pytest.approx((sum(by_hand) / 3, 0, 1), abs=1e-12)
    assert result.action_units is not None
    assert result.action_units.macro_f1 == pytest.approx((2 * 2 / 6 + 2 / 3) / 2, abs=1e-12), (
        "pooled: other than the mean of folds"
    )


def test_facial_r1_takes_each_fold_for_a_test_file(spec: DatasetSpec) -> None:
    result = score_facial_r1(spec, PredictionFile("m", write(spec.results / "m.jsonl", rows())), 0)
    assert result.folds is not None
    assert [fold.values["au_macro_f1"] for fold in result.folds.each] == pytest.approx(
        [(2 / 3 + 1) / 2, 1, 0], abs=1e-12
    )


def test_labels_are_scored_by_fold_too(tmp_path: Path) -> None:
    spec = dataset(tmp_path, "toy")
    about = [{"provenance": {"subject": str(n), "fold": f"{n + 1}/2", "folds": "x"}} for n in range(2)]
    made = [question(n, "happy") | about[n] | replied(answer) for n, answer in enumerate(("happy", "sad"))]
    folds = scored(spec, made).folds
    assert folds is not None
    assert folds.spread("war") == (0.5, 0, 1)


def test_both_protocols_print_and_write_pooled_and_by_fold(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(spec.results / "m.jsonl", rows())
    for protocol, name in (("strict", "m.metrics.json"), ("facial-r1", "m.facial-r1.metrics.json")):
        assert (
            main(["eval", "--dataset-dir", str(spec.folder), "--resamples", "0", "--protocol", protocol]) == 0
        )
        shown = capsys.readouterr().out
        assert "by fold (own folds, of this project: no published figure is over them)" in shown
        assert re.search(r"^mean +61\.1 ", shown, re.MULTILINE)
        assert re.search(r"^range +0\.0-100\.0 ", shown, re.MULTILINE)
        written = json.loads(path.with_name(name).read_text())["by_fold"]
        assert (written["folds"], len(written["each"])) == ("own folds", 3)
        assert written["over_folds"]["au_macro_f1"]["mean"] == pytest.approx(11 / 18)


def test_a_metric_that_a_fold_does_not_define_has_no_mean(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows()
    made[3]["AUs"] = []
    folds = scored(spec, made).folds
    assert folds is not None
    assert folds.each[1].values["au_macro_f1"] is None
    assert "au_macro_f1" not in folds.metrics
    assert main(["eval", "--dataset-dir", str(spec.folder), "--resamples", "0"]) == 0
    assert re.search(r"^mean +– ", capsys.readouterr().out, re.MULTILINE)


def test_one_fold_alone_says_so_and_has_no_table(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "m.jsonl", rows()[:3])
    assert main(["eval", "--dataset-dir", str(spec.folder), "--resamples", "0"]) == 0
    assert "fold 1/3 alone, 2 subjects (own folds" in capsys.readouterr().out


def test_a_subject_in_two_folds_is_refused_with_both_places(spec: DatasetSpec) -> None:
    made = rows()
    made[3]["provenance"]["subject"] = "a"
    with pytest.raises(
        InputError,
        match=r"m.jsonl: subject 'a' is in fold 2/3 \('/faces/0003.png'\) "
        r"and in fold 1/3 \('/faces/0000.png'\)",
    ):
        scored(spec, made)


def test_rows_of_two_assignments_or_without_a_fold_have_no_scores_by_fold(spec: DatasetSpec) -> None:
    made = rows()
    made[5]["provenance"]["folds"] = "folds of a.csv"
    result = scored(spec, made)
    assert result.folds is None
    assert any("in folds of 2 assignments (own folds; folds of a.csv)" in note for note in result.notes)
    del made[5]["provenance"]["fold"]
    assert any(note.startswith("1 of 6 questions name no fold") for note in scored(spec, made).notes)
    plain = [au_row(index, [6], "AU6", subject=str(index)) for index in range(3)]
    assert not any("fold" in note for note in scored(spec, plain).notes)


def test_the_leaderboard_marks_own_folds(spec: DatasetSpec) -> None:
    """Facial-R1's DISFA figure is over subjects that nobody knows: a run on folds of ours must not pass for
    the same test.
    """
    run = PredictionFile("m", write(spec.results / "m.jsonl", rows()))
    (entry,), _ = collect([Selected(spec, run)], protocol="strict", resamples=0)
    assert entry.cells["disfa"].folds == "own folds"
