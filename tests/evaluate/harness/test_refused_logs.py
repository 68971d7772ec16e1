"""Logs of inspect_ai that cannot be used: each is refused by name, and nothing half-written is left."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from tests.conftest import ROOT
from tests.evaluate.harness.mocked import IDENTITY, answered, asked, faces
from tests.evaluate.scored import dataset
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate import loading
from unifer.evaluate.harness import inspect_format
from unifer.evaluate.harness.logs import read_log, read_log_manifest
from unifer.evaluate.harness.tasks import dataset_task
from unifer.evaluate.harness.writing import write_log
from unifer.evaluate.loading import PredictionFile, is_log, open_run
from unifer.records import Json, Prediction, Question


def log_of(tmp_path: Path, count: int = 2, **options: Any) -> tuple[Path, DatasetSpec]:
    spec = faces(tmp_path, asked(count))
    return Path(answered(dataset_task(spec), tmp_path / "logs", **options).location), spec


def test_epochs_and_logs_without_samples_are_refused(tmp_path: Path) -> None:
    path, _ = log_of(tmp_path, epochs=2)
    with pytest.raises(InputError, match=r"asks each question 2 times \(epochs\).*--epochs 1"):
        read_log(path)
    path, _ = log_of(tmp_path / "other", log_samples=False)
    with pytest.raises(InputError, match=r"was made with --no-log-samples, so there are no replies"):
        read_log(path)


def test_a_log_of_another_task_or_dataset_is_named(tmp_path: Path) -> None:
    @task
    def arithmetic() -> Task:
        return Task([Sample("1 + 1?", target="2")])

    path = Path(answered(arithmetic(), tmp_path / "logs").location)
    with pytest.raises(InputError, match=r"is a log of the task 'arithmetic', which is none of ours"):
        read_log(path)
    path, _ = log_of(tmp_path)
    with pytest.raises(InputError, match=r"is a log of the dataset 'toy', not of 'other'"):
        open_run(dataset(tmp_path, "other"), PredictionFile("m", path))


def changed(path: Path, name: str, change: Callable[[Json], None]) -> Path:
    """A copy of the log whose member `name` is changed, or left out where `change` empties it."""
    other = path.with_name("changed.eval" if path.name != "changed.eval" else "again.eval")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            value = json.loads(old.read(member))
            if member == name:
                change(value)
            if value:
                new.writestr(member, json.dumps(value))
    return other


def test_a_log_in_progress_and_one_whose_samples_are_lost_are_told_apart(tmp_path: Path) -> None:
    path, _ = log_of(tmp_path)
    with pytest.raises(
        InputError,
        match=r"is still being written, or its run was killed; .*`inspect eval-retry changed.eval`",
    ):
        read_log_manifest(changed(path, "header.json", dict.clear))
    with zipfile.ZipFile(path) as archive:
        (first, second) = [name for name in archive.namelist() if name.startswith("samples/")]
    with pytest.raises(InputError, match=r"holds no sample \(its run ended with status 'success'\)"):
        read_log(changed(changed(path, first, dict.clear), second, dict.clear))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -1])
def test_a_log_that_was_cut_off_is_damaged_not_empty(kept: float, tmp_path: Path) -> None:
    path, _ = log_of(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else int(kept)])
    for read in (read_log, read_log_manifest):
        with pytest.raises(
            InputError, match=r"cannot be read as a log of inspect_ai .*damaged or was cut off"
        ):
            read(path)


def test_a_damaged_sample_and_a_forged_one_are_named(tmp_path: Path) -> None:
    path, spec = log_of(tmp_path)
    name = next(name for name in zipfile.ZipFile(path).namelist() if name.startswith("samples/"))
    with pytest.raises(InputError, match=r"damaged or was cut off"):
        read_log(changed(path, name, lambda sample: sample.pop("id")))
    with pytest.raises(InputError, match=r"sample 'faces/000\d.png': its metadata has no 'question'"):
        read_log(changed(path, name, lambda sample: sample.update(metadata={})))
    with pytest.raises(InputError, match=r"sample 'faces/0009.png': its question is 'faces/000\d.png'"):
        read_log(changed(path, name, lambda sample: sample.update(id="faces/0009.png")))

    def other_label(sample: Json) -> None:
        sample["metadata"]["question"] |= {"candidate_labels": ["pride"], "true_label": "pride"}

    with pytest.raises(
        InputError, match=r"'candidate_labels' holds 'pride', so this row is of another dataset"
    ):
        open_run(spec, PredictionFile("m", changed(path, name, other_label)))


def test_files_that_are_no_logs_are_refused_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    for name, text in (
        ("a.eval", "no log"),
        ("b.json", "{}"),
        ("c.json", '{"version": 2'),
        ("d.json", '{"eval": {"task": 3}}'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name):
            read_log(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_log(tmp_path / "none.eval")
    spec = dataset(tmp_path, "toy")
    row = Prediction(Question.from_json(asked(1)[0]), "x")
    with pytest.raises(InputError, match=r"ends in \.eval"):
        write_log(tmp_path / "x.json", spec, [row], IDENTITY)
    with pytest.raises(InputError, match="there are no predictions"):
        write_log(tmp_path / "x.eval", spec, [], IDENTITY)

    def broken(question: Question) -> str:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_log(tmp_path / "x.eval", spec, [row], IDENTITY, picture=broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.eval",
        "b.json",
        "c.json",
        "d.json",
        "eval_toy",
    ]


def test_json_is_a_log_only_where_it_begins_as_one_and_a_log_needs_inspect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "rows.json": '{"image_path": "a"}\n{}',
        "array.json": '[{"eval": 1}]',
        "log.json": '\ufeff {"version": 2, "eval": {}}',
        "x.eval": "PK",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert {name for name in texts if is_log(tmp_path / name)} == {"log.json", "x.eval"}
    assert not is_log(tmp_path / "none.json")
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"x\.eval: reading a log of inspect_ai needs inspect_ai: pip install"
    ):
        is_log(tmp_path / "x.eval")
    assert not is_log(tmp_path / "rows.json")


def test_another_format_of_inspect_says_which_version_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read and written byte by byte was written for one format: another must not pass in silence."""
    path, spec = log_of(tmp_path)
    monkeypatch.setattr(inspect_format, "FORMAT", 1)
    remedy = rf"format 2, and unifer knows format 1 .*pip install inspect-ai=={inspect_format.WRITTEN_FOR}"
    with pytest.raises(InputError, match=remedy):
        read_log(path)
    row = Prediction(Question.from_json(asked(1)[0]), "<answer>happiness</answer>")
    with pytest.raises(InputError, match=remedy):
        write_log(tmp_path / "new.eval", spec, [row], IDENTITY)
    assert not (tmp_path / "new.eval").exists()


def test_the_version_that_the_formats_are_of_is_the_pinned_one() -> None:
    assert f"inspect-ai=={inspect_format.WRITTEN_FOR}\n" in (ROOT / "requirements/cpu.in").read_text()
