"""`benchmark/` is `eval_more/` today: what lies in the old folder is found, and its name understood."""

from __future__ import annotations

import json
from pathlib import Path

from unifer.datasets import find_questions, load_dataset
from unifer.evaluate.run_files import find_runs
from unifer.places import renamed

ROW = {"image_path": "a.png", "true_label": None, "prompt": "AUs?", "candidate_labels": [], "AUs": ["AU6"]}


def test_the_old_folder_of_more_datasets_is_understood_and_its_files_found(tmp_path: Path) -> None:
    facts, old = tmp_path / "eval_more/disfa", tmp_path / "benchmark/disfa"
    (old / "data").mkdir(parents=True)
    (old / "results").mkdir()
    facts.mkdir(parents=True)
    text = "name: disfa\ntitle: DISFA\nquestions: data/disfa_qa.json\naction_units: all\n"
    (facts / "dataset.yaml").write_text(text)
    (old / "data/disfa_qa.json").write_text(json.dumps([ROW]))
    (old / "results/mine.jsonl").write_text(json.dumps(ROW | {"model_response": "x"}) + "\n")
    spec = load_dataset(old)
    assert spec.folder == facts
    assert find_questions(spec, None) == old / "data/disfa_qa.json"
    assert [run.path for run in find_runs(spec)] == [old / "results/mine.jsonl"]


def test_a_folder_of_ones_own_that_is_called_benchmark_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "benchmark/mine"
    own.mkdir(parents=True)
    (own / "dataset.yaml").write_text("name: mine\ntitle: Mine\nquestions: q.json\naction_units: all\n")
    assert renamed(own) == own
    assert load_dataset(own).folder == own
    assert renamed(tmp_path / "benchmark/none") == tmp_path / "benchmark/none"


def test_the_old_models_file_is_the_new_one(tmp_path: Path) -> None:
    new = tmp_path / "eval_more/models.yaml"
    new.parent.mkdir()
    new.write_text("models: []")
    assert renamed(tmp_path / "benchmark/models.yaml") == new
