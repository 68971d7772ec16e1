"""Naming runs: what a token means, and that a wrong one says what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.evaluate.scored import FOUR, dataset, write
from unifer.errors import InputError
from unifer.evaluate.run_files import Selected, project_datasets, select


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two dataset folders with a run of one name in both, another in one, and one more folder below
    eval_more/.
    """
    for folder in ("data", "train_unifer"):
        (tmp_path / folder).mkdir()
    first, second = dataset(tmp_path, "one"), dataset(tmp_path, "two")
    extra = dataset(tmp_path / "eval_more", "three")
    for place in (first, second, extra):
        write(place.results / "Big.jsonl", FOUR)
    write(first.results / "Small.jsonl", FOUR, age=60)
    return tmp_path


def shown(found: list[Selected]) -> list[tuple[str, str]]:
    return [(each.spec.name, each.run.name) for each in found]


def test_a_name_means_that_run_wherever_it_answered(project: Path) -> None:
    assert shown(select(["Big"], project)) == [("one", "Big"), ("two", "Big"), ("three", "Big")]


def test_a_dataset_folder_means_its_runs_and_a_folder_above_all_of_them(project: Path) -> None:
    assert shown(select([str(project / "eval_one")], project)) == [("one", "Big"), ("one", "Small")]
    assert len(select([str(project)], project)) == 4


def test_a_file_is_of_the_dataset_above_it_and_counts_once(project: Path) -> None:
    file = project / "eval_two" / "results" / "Big.jsonl"
    assert shown(select([str(file), str(file), "Big"], project)) == [
        ("two", "Big"),
        ("one", "Big"),
        ("three", "Big"),
    ]


def test_a_file_elsewhere_needs_its_dataset_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "Big.jsonl"
    shutil.copy(project / "eval_two" / "results" / "Big.jsonl", moved)
    with pytest.raises(InputError, match="name it with --dataset-dir"):
        select([str(moved)], project)
    assert shown(select([str(moved)], project, project / "eval_one")) == [("one", "Big")]


@pytest.mark.parametrize(
    ("token", "said"),
    [("Bigg", "did you mean 'Big'? there are Big, Small"), ("nothing.jsonl", "there are Big, Small")],
)
def test_what_means_nothing_says_what_there_is(project: Path, token: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        select([token], project)


def test_a_folder_without_predictions_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match=re.escape("no folder in it has a dataset.yaml")):
        select([str(project / "data")], project)


def test_the_checkout_has_the_four_of_ferbench_and_the_sets_beside_them() -> None:
    names = [spec.name for spec in project_datasets(Path(__file__).parents[2])]
    assert names[:4] == ["affectnet", "rafdb", "ferplus", "sfew_2.0"]
    assert set(names[4:]) >= {"disfa", "bp4d", "rafau", "faba_au", "faba_emotion", "fea20k"}
