"""Runs made under other conditions are named beside their scores; runs made under the same are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import FOUR, NOUNS, dataset, write
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.run_files import Selected
from unifer.evaluate.statistics.provenance import differing

SAME: dict[str, Any] = {
    "questions": {"name": "toy_qa.json", "sha256": "a" * 64},
    "prompt": "fer-1",
    "dtype": "bfloat16",
    "engine": "vllm",
    "generation": {"temperature": 0.0, "top_p": 1.0, "seed": 0},
    "image_rule": {"version": "fer-image-1", "size": 224},
}


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return dataset(tmp_path, "toy")


def made(spec: DatasetSpec, name: str, **changed: Any) -> Selected:
    """A run with a manifest, some of whose conditions are `changed`."""
    path = write(spec.results / f"{name}.jsonl", FOUR)
    manifest = {"identity": SAME | changed, "context": {"asked": len(FOUR)}}
    path.with_suffix(".manifest.json").write_text(json.dumps(manifest))
    return Selected(spec, PredictionFile(name, path))


def test_runs_of_one_recipe_give_no_warning(spec: DatasetSpec) -> None:
    """Model, engine and seed are what one compares, or repeats."""
    other = made(
        spec,
        "b",
        model={"name": "b"},
        engine="transformers",
        generation={"temperature": 0.0, "top_p": 1.0, "seed": 7},
    )
    assert differing([made(spec, "a"), other]) == []
    assert differing([]) == []


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"prompt": "fer-2"}, "different prompt: fer-1 in a; fer-2 in b"),
        ({"dtype": "float32"}, "different precision: bfloat16 in a; float32 in b"),
        (
            {"image_rule": {"version": "fer-image-1", "size": None}},
            "different image rule, size: 224 in a; null in b",
        ),
        (
            {"generation": {"temperature": 0.7, "top_p": 1.0, "seed": 0}},
            "different sampling, temperature: 0.0 in a; 0.7 in b",
        ),
        (
            {"questions": {"name": "toy_qa.json", "sha256": "b" * 64}},
            "different question file of Set toy: toy_qa.json (aaaaaaaa) in a; toy_qa.json (bbbbbbbb) in b",
        ),
        ({"dtype": None}, "different precision: bfloat16 in a; not stated in b"),
    ],
)
def test_each_condition_that_differs_is_named_with_who_had_what(
    spec: DatasetSpec, changed: dict[str, Any], warning: str
) -> None:
    assert differing([made(spec, "a"), made(spec, "b", **changed)]) == [warning]


def test_question_files_differ_between_datasets_and_prompts_may_not(
    tmp_path: Path, spec: DatasetSpec
) -> None:
    two = dataset(tmp_path, "two", NOUNS)
    elsewhere = made(two, "a", questions={"name": "two_qa.json", "sha256": "c" * 64})
    assert differing([made(spec, "a"), elsewhere]) == []
    changed = made(two, "a", prompt="fer-2")
    assert differing([made(spec, "a"), changed]) == [
        "different prompt: fer-1 in a on Set toy; fer-2 in a on Set two"
    ]


def test_published_results_have_no_manifest_and_that_is_said(spec: DatasetSpec) -> None:
    path = write(spec.results / "toy_unifer_7b_results.json", FOUR)
    published = Selected(spec, PredictionFile("unifer_7b", path))
    (warning,) = differing([made(spec, "a"), published])
    assert (
        warning == "no manifest says how unifer_7b came to be (published results have none): prompt, image "
        "rule and sampling unknown"
    )
    assert differing([published]) == []


def test_a_crowd_is_not_listed_in_full(spec: DatasetSpec) -> None:
    runs = [made(spec, f"m{index}", prompt="fer-1" if index else "fer-0") for index in range(8)]
    assert differing(runs) == ["different prompt: fer-0 in m0; fer-1 in m1, m2, m3, m4 and 3 more"]


def test_what_is_no_manifest_is_refused_by_name(spec: DatasetSpec) -> None:
    one = made(spec, "a")
    one.run.path.with_suffix(".manifest.json").write_text("[]")
    with pytest.raises(InputError, match=r"a\.manifest\.json: is not the manifest"):
        differing([one, made(spec, "b")])
