"""`dataset.yaml`: the four folders, and what a mistake in a fifth is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from unifer.datasets import load_dataset, read_questions
from unifer.emotions import EMOTIONS, canonical
from unifer.errors import InputError

ROOT = Path(__file__).parents[1]
FERBENCH = ROOT.parent / "shared" / "ferbench"
FOLDERS = {"eval_rafdb": 3068, "eval_ferplus": 3573, "eval_affectnet": 4000, "eval_sfew_2.0": 431}
"""Folder -> rows of its published question file."""

GOOD: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "questions": "data/q.json",
    "sample": "data/s.json",
    "labels": ["happy", "sad"],
}


def write(folder: Path, spec: Any) -> Path:
    (folder / "dataset.yaml").write_text(
        spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False), encoding="utf-8"
    )
    return folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folders_of_the_benchmark_load(folder: str) -> None:
    spec = load_dataset(ROOT / folder)
    assert folder == f"eval_{spec.name}"
    assert set(spec.expected) == set(spec.labels)
    assert sum(spec.expected.values()) == FOLDERS[folder]
    assert {canonical(label) for label in spec.labels} <= set(EMOTIONS)
    assert set(spec.published.aliases) == set(spec.labels)
    assert spec.results == ROOT / folder / "results"


def test_one_published_script_alone_reads_across_lines() -> None:
    assert {
        folder for folder in FOLDERS if load_dataset(ROOT / folder).published.answer_tag == "any_lines"
    } == {"eval_sfew_2.0"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_published_question_files_have_the_expected_counts(folder: str) -> None:
    spec = load_dataset(ROOT / folder)
    path = FERBENCH / spec.questions.name
    if not path.is_file():
        pytest.skip(f"the published {spec.questions.name} is not beside this checkout")
    questions = read_questions(path, spec)
    assert Counter(question.true_label for question in questions) == Counter(spec.expected)
    assert {question.candidate_labels for question in questions} == {spec.labels}, (
        "the prompt's order of labels matters to its parser"
    )


def test_a_fifth_dataset_is_a_folder_with_a_yaml(tmp_path: Path) -> None:
    spec = load_dataset(write(tmp_path, GOOD | {"published": {"aliases": {"happy": ["Glad"]}}}))
    assert spec.labels == ("happy", "sad")
    assert spec.published.aliases["happy"] == ("glad",)
    assert spec.questions == tmp_path / "data" / "q.json"
    assert spec.published.answer_tag == "one_line"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lables": ["happy"]}, "unknown key 'lables'; did you mean 'labels'?"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"labels": []}, "'labels' must be a list"),
        ({"labels": "happy"}, "'labels' must be a list"),
        ({"labels": ["happy", 3]}, "'labels' must be a list"),
        ({"labels": ["happy", "happiness"]}, "names one emotion twice"),
        ({"expected": {"joy": 3}}, "'expected' must map labels to counts"),
        ({"expected": {"happy": "many"}}, "'expected' must map labels to counts"),
        ({"expected": {"happy": -1}}, "'expected' must map labels to counts"),
        ({"published": {"aliases": {"joy": ["glad"]}}}, "'published.aliases' speaks of 'joy'"),
        ({"published": {"aliases": {"happy": "glad"}}}, "'published.aliases' must map a label to a list"),
        (
            {"aliases": {"happy": ["glad"]}},
            "unknown key 'aliases'; reward, filter and metric accept the same",
        ),
        (
            {"published": {"answer_tag": "greedy"}},
            "'published.answer_tag' is 'greedy'; allowed are one_line, any_lines",
        ),
        ({"published": {"alias": {}}}, "'published' may hold"),
        ({"published": ["aliases"]}, "'published' may hold"),
        ({"questions": None}, "'questions' must be a non-empty string"),
    ],
)
def test_a_mistake_in_the_yaml_is_named_with_its_file(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as refusal:
        load_dataset(write(tmp_path, GOOD | change))
    assert str(refusal.value).startswith(f"{tmp_path / 'dataset.yaml'}: ")
    assert message in str(refusal.value)


@pytest.mark.parametrize("key", [key for key in GOOD if key != "sample"])
def test_each_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=f"missing '{key}'"):
        load_dataset(write(tmp_path, {name: value for name, value in GOOD.items() if name != key}))


@pytest.mark.parametrize(
    ("text", "message"), [("labels: [happy", "not valid YAML"), ("- a\n- b\n", "a mapping"), ("", "is empty")]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset(write(tmp_path, text))


def test_a_missing_folder_or_yaml_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder; a dataset folder holds dataset\.yaml"):
        load_dataset(tmp_path / "eval_nowhere")
    with pytest.raises(InputError, match=r"dataset\.yaml: no such file"):
        load_dataset(tmp_path)


def test_questions_of_another_vocabulary_are_refused_with_their_row(tmp_path: Path) -> None:
    spec = load_dataset(write(tmp_path, GOOD))
    row = {
        "image_path": "a.png",
        "true_label": "happy",
        "prompt": "Which?",
        "candidate_labels": ["happy", "sad"],
    }
    path = tmp_path / "q.json"
    path.write_text(
        json.dumps([row, row | {"image_path": "b.png", "candidate_labels": ["happy", "joyful"]}]),
        encoding="utf-8",
    )
    with pytest.raises(
        InputError, match=r"q\.json:2: 'candidate_labels' holds 'joyful'; labels of Mine are happy, sad"
    ):
        read_questions(path, spec)


def test_a_question_that_stands_twice_is_refused_with_both_rows(tmp_path: Path) -> None:
    row = {
        "image_path": "a.png",
        "true_label": "happy",
        "prompt": "Which?",
        "candidate_labels": ["happy", "sad"],
    }
    path = tmp_path / "q.json"
    path.write_text(json.dumps([row, row]), encoding="utf-8")
    with pytest.raises(InputError, match=r"q\.json:2: 'a\.png' stands already in row 1"):
        read_questions(path)


def test_a_file_without_questions_says_what_one_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="holds no questions; a row has image_path"):
        read_questions(path)
