"""Drawn corpora: rows that say what is drawn, in the words of each dataset, the same every time."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image

from unifer import files
from unifer.cli import main
from unifer.cli.data.faces import dataset_specs
from unifer.datasets import DatasetSpec, read_questions
from unifer.dialogue import answers
from unifer.emotions import EMOTIONS, canonical
from unifer.errors import InputError
from unifer.places import FERBENCH
from unifer.prepare import corpus as drawn
from unifer.records import CoTRow, Question, RewardRow

ROOT = Path(__file__).parents[2]


def test_every_cot_reply_passes_the_grader_with_its_own_aus(corpus: Path) -> None:
    rows = list(files.read_records(corpus / "cot.json", CoTRow.from_json))
    assert len(rows) == 24
    for row in rows:
        assert row.candidate_labels is not None
        verdict = answers.grade(row.response, row.candidate_labels)
        assert verdict.well_formed
        assert verdict.outcome == "answered"
        assert verdict.action_units == frozenset(row.action_units or ())


def test_reward_rows_name_the_emotion_that_was_drawn(corpus: Path) -> None:
    rows = list(files.read_records(corpus / "rlvr.json", RewardRow.from_json))
    assert [canonical(row.label or "") for row in rows] == drawn.balanced(24)
    assert {row.dataset for row in rows} == {"rafdb", "ferplus", "affectnet", "sfew_2.0"}


def test_every_emotion_is_taught_in_every_vocabulary_that_has_it(
    specs: list[DatasetSpec], tmp_path: Path
) -> None:
    faces = [drawn.emotional_face("v", index, emotion) for index, emotion in enumerate(drawn.balanced(64))]
    drawn.write_emotion_corpus(tmp_path, faces, specs)
    pairs = {
        (canonical(row.label or ""), row.dataset)
        for row in files.read_records(tmp_path / "rlvr.json", RewardRow.from_json)
    }
    assert pairs == {(canonical(label), spec.name) for spec in specs for label in spec.labels}


def test_question_files_speak_each_datasets_vocabulary(corpus: Path, specs: list[DatasetSpec]) -> None:
    for spec in specs:
        questions = read_questions(corpus / f"{spec.name}_qa.json", spec)
        assert {question.candidate_labels for question in questions} == {spec.labels}
        assert {question.true_label for question in questions} == set(spec.labels)


def test_a_row_always_says_that_its_face_is_synthetic(corpus: Path) -> None:
    for name in ("cot.json", "rlvr.json", "rafdb_qa.json"):
        assert all(row["provenance"]["synthetic"] is True for _, row in files.read_rows(corpus / name))


def test_image_names_do_not_betray_the_label(corpus: Path) -> None:
    for _, row in files.read_rows(corpus / "affectnet_qa.json"):
        assert not any(label in row["image_path"] for label in row["candidate_labels"])


def test_a_face_does_not_depend_on_how_many_are_drawn_or_by_whom(tmp_path: Path) -> None:
    alone, among = (
        tmp_path / "alone.png",
        [(drawn.emotional_face("s", index, "fear"), tmp_path / f"{index}.png") for index in range(70)],
    )
    drawn.save_picture(drawn.emotional_face("s", 69, "fear").draw(), alone)
    drawn.save_faces(among, workers=2)
    assert alone.read_bytes() == (tmp_path / "69.png").read_bytes()


def test_the_committed_samples_regenerate_byte_identically(specs: list[DatasetSpec], tmp_path: Path) -> None:
    for spec in specs:
        questions, faces = drawn.sample_questions(spec)
        again = tmp_path / f"{spec.name}.json"
        files.write_rows(again, [question.to_json() for question in questions])
        assert again.read_bytes() == spec.samples.read_bytes()
        assert all(path.is_file() for _, path in faces), (
            f"{spec.samples}: renew the images with `unifer data faces --samples`"
        )


def test_action_unit_rows_list_what_is_coded_and_no_trace(tmp_path: Path) -> None:
    faces = [drawn.free_face("f", index) for index in range(40)]
    drawn.write_action_unit_corpus(tmp_path, faces)
    for face, row in zip(
        faces, files.read_records(tmp_path / "action_units.json", CoTRow.from_json), strict=True
    ):
        strong = {number for number, intensity in face.expression.intensities.items() if intensity >= 1.5}
        assert set(row.action_units or ()) == strong
        assert answers.grade(row.response, ["x"]).action_units == strong


def test_training_shares_all_but_lose_contempt(specs: list[DatasetSpec]) -> None:
    """The training splits are far less balanced than the benchmark.

    AffectNet's validation part has 500 of each.
    """
    shares = drawn.dataset_shares(specs, "training")
    assert sum(shares.values()) == 12_271 + 287_651
    assert shares["happiness"] > 37 * shares["contempt"]


def test_benchmark_shares_are_those_of_the_published_sets(specs: list[DatasetSpec]) -> None:
    shares = drawn.dataset_shares(specs, "benchmark")
    assert sum(shares.values()) == 11072
    emotions = Counter(drawn.in_shares(1000, shares, "x"))
    assert sum(emotions.values()) == 1000
    assert emotions["happiness"] == pytest.approx(1000 * 2686 / 11072, abs=1)
    assert emotions["contempt"] == pytest.approx(1000 * 530 / 11072, abs=1)


def test_stand_ins_are_drawn_at_every_questions_path(tmp_path: Path) -> None:
    question = Question("/RAF-DB/aligned/test_1_aligned.jpg", "happiness", "?", ("happiness", "fear"))
    [(face, path)] = drawn.stand_ins([question], tmp_path, "0")
    drawn.save_picture(face.draw(), path)
    assert path == tmp_path / "RAF-DB/aligned/test_1_aligned.jpg"
    assert face.emotion == "happiness"
    with Image.open(path) as picture:
        assert picture.size == (112, 112)


def test_stand_ins_refuse_a_path_that_climbs_out_and_an_unknown_emotion(tmp_path: Path) -> None:
    climbing = Question("/../../etc/face.jpg", "fear", "?", ("fear",))
    strange = Question("/a.jpg", "awe", "?", ("awe",))
    with pytest.raises(InputError, match="climbs out"):
        list(drawn.stand_ins([climbing], tmp_path, "0"))
    with pytest.raises(InputError, match="awe"):
        list(drawn.stand_ins([strange], tmp_path, "0"))


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "faces"]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["data", "faces", "--for-questions", "nowhere.json", "--image-root", "x"]) == 2
    assert "nowhere.json: no such file" in capsys.readouterr().err


def test_all_emotions_are_drawn_in_turn() -> None:
    assert drawn.balanced(9) == [*EMOTIONS, EMOTIONS[0]]


def test_stand_ins_are_never_drawn_over_images(tmp_path: Path) -> None:
    questions = [Question(f"/{name}.jpg", "fear", "?", ("fear",)) for name in "abc"]
    (tmp_path / "b.jpg").write_bytes(b"a real face")
    (tmp_path / "c.jpg").symlink_to(tmp_path / "dataset-not-mounted.jpg")
    with pytest.raises(
        InputError, match=r"2 of 3 images are there already, the first .*b\.jpg; .*empty --image-root"
    ):
        drawn.stand_ins(questions, tmp_path, "0")


def pained(spec: DatasetSpec, **expected: int) -> DatasetSpec:
    """`spec` with a label that is none of the eight emotions."""
    return replace(spec, labels=("pain", *spec.labels), expected=MappingProxyType(expected))


def test_a_dataset_with_labels_besides_the_emotions_is_drawn_for_the_others(
    specs: list[DatasetSpec], tmp_path: Path
) -> None:
    spec = pained(specs[0], pain=5, happiness=2)
    assert {
        emotion: count for emotion, count in drawn.dataset_shares([spec], "benchmark").items() if count
    } == {"happiness": 2}
    faces = [drawn.emotional_face("p", index, emotion) for index, emotion in enumerate(drawn.balanced(7))]
    drawn.write_emotion_corpus(tmp_path, faces, [spec])
    assert len(read_questions(tmp_path / f"{spec.name}_qa.json", spec)) == 7
    assert "pain" not in {question.true_label for question in drawn.sample_questions(spec)[0]}


def test_shares_of_datasets_without_counts_are_refused(specs: list[DatasetSpec]) -> None:
    with pytest.raises(InputError, match=r"state no `expected` counts.*--shares equal"):
        drawn.dataset_shares([pained(specs[0], pain=5)], "benchmark")
    with pytest.raises(InputError, match="faces can be drawn for neutral"):
        drawn.sample_questions(replace(specs[0], labels=("pain",)))


def test_a_fifth_eval_folder_changes_no_drawn_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in (*FERBENCH, "eval_mine"):
        shutil.copytree(
            ROOT / (folder if folder in FERBENCH else "eval_rafdb"),
            tmp_path / folder,
            ignore=shutil.ignore_patterns("data", "results"),
        )
    monkeypatch.setattr("unifer.places.project_root", lambda near: tmp_path)
    found = [spec.folder.name for spec in dataset_specs(None)]
    assert found == ["eval_affectnet", "eval_ferplus", "eval_rafdb", "eval_sfew_2.0"]


def test_a_least_share_is_taken_from_the_frequent_in_proportion() -> None:
    """A label of one row in twenty is hardly ever answered after the cold start.

    What is never sampled is never rewarded.
    """
    weights = {"happiness": 60, "neutral": 30, "fear": 9, "contempt": 1}
    drawn_so = Counter(drawn.in_shares(1000, weights, "x", 0.1))
    assert drawn_so == {"happiness": 533, "neutral": 267, "fear": 100, "contempt": 100}
    assert Counter(drawn.in_shares(1000, weights, "x", 0.25)) == dict.fromkeys(weights, 250)
    assert drawn.in_shares(1000, weights, "x", 0.0) == drawn.in_shares(1000, weights, "x")


@pytest.mark.parametrize("least", [-0.1, 0.26])
def test_a_least_share_that_cannot_be_is_refused(least: float) -> None:
    with pytest.raises(InputError, match=r"least share of .*; allowed are 0 to 0\.25"):
        drawn.in_shares(10, {"happiness": 60, "neutral": 30, "fear": 9, "contempt": 1}, "x", least)
