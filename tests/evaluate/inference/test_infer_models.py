"""Several models in one command: a results file each, refused before the first is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.asked import (
    COUNT,
    asking,
    lines,
    make_dataset,
)
from unifer import files
from unifer.cli import main


@pytest.mark.parametrize("shards", ["1", "2"])
def test_several_models_get_a_results_file_and_a_manifest_each(dataset: Path, shards: str) -> None:
    assert main(asking(dataset, "--shards", shards, "--model", "one", "two")) == 0
    for name in ("one", "two"):
        assert lines(dataset / f"results/{name}.jsonl") == COUNT
        assert files.read_json(dataset / f"results/{name}.manifest.json")["identity"]["model"]["name"] == name
    assert len(list((dataset / "results").iterdir())) == 4


def test_flags_after_then_are_for_the_next_model_and_the_others_stay(dataset: Path, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "eval_other", count=3)
    more = [
        "--model",
        "all",
        "--then",
        "--model",
        "few",
        "--dataset-dir",
        str(dataset),
        str(other),
        "--limit",
        "2",
    ]
    assert main(asking(dataset, *more, "--then", "--model", "least", "--limit", "1")) == 0
    asked = {
        folder.name: {path.stem: lines(path) for path in (folder / "results").glob("*.jsonl")}
        for folder in (dataset, other)
    }
    assert asked == {dataset.name: {"all": COUNT, "few": 2, "least": 1}, other.name: {"few": 2, "least": 1}}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "a", "b", "--out", "x.jsonl"], "2 models are to be asked"),
        (
            ["--model", "a", "--then", "--model", "b", "--shards", "2"],
            "--shards is meant for the whole command",
        ),
        (["--model", "x/a", "y/a"], "2 of the models asked for would write this file"),
    ],
)
def test_several_models_that_cannot_be_asked_together_are_refused(
    flags: list[str], said: str, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asking(dataset, *flags)) == 2
    assert said in capsys.readouterr().err
    assert not (dataset / "results").exists()


def test_results_of_another_run_are_refused_before_the_first_model_is_asked(dataset: Path) -> None:
    assert main(asking(dataset, "--model", "two", "--seed", "1")) == 0
    assert main(asking(dataset, "--model", "one", "two")) == 2
    assert lines(dataset / "results/one.jsonl") == 0
