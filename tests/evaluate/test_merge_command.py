"""`unifer merge`: published files and logs as parts, what works on the merged file, and what the command
refuses.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate import asked as asking
from tests.evaluate.parts import IDENTITY, part, row
from tests.evaluate.scored import FAILED, dataset, replied
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate import merging
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.merging import merge
from unifer.evaluate.scoring import score_strict
from unifer.records import Prediction


# --- published files, and what works on the merged file
# -------------------------------------------------------------------------------
@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    monkeypatch.chdir(tmp_path)
    return dataset(tmp_path, "toy")


def test_published_files_are_merged_scored_and_exported(
    toy: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = part(tmp_path / "toy_m_1_results.json", [row(0), row(1, FAILED)], None)
    second = part(tmp_path / "toy_m_2_results.json", [row(1), row(2)], None)
    out = toy.results / "m.jsonl"
    assert main(["merge", str(first), str(second), "--out", str(out)]) == 0
    assert "nothing says that one model answered" in " ".join(capsys.readouterr().out.split())
    assert main(["eval", "--dataset-dir", str(toy.folder), "--resamples", "0"]) == 0
    assert json.loads((toy.results / "m.metrics.json").read_text())["war"] == 1
    assert main(["eval", "--dataset-dir", str(toy.folder), "--protocol", "unifer"]) == 0
    assert main(["export", "--predictions", str(out), "--out", str(tmp_path / "toy_m_results.json")]) == 0
    assert len(json.loads((tmp_path / "toy_m_results.json").read_text())) == 3


def test_the_merged_run_scores_as_the_whole_run_would(toy: DatasetSpec, tmp_path: Path) -> None:
    rows = [row(0), row(1, replied("angry")), row(2, FAILED), row(3), row(4, FAILED), row(5)]
    whole = part(toy.results / "whole.jsonl", rows)
    paths = [part(tmp_path / f"{index}.jsonl", list(rows[index::2])) for index in range(2)]
    merge(paths).write(toy.results / "merged.jsonl")
    scores = [
        score_strict(toy, PredictionFile(path.stem, path), 50)
        for path in (whole, toy.results / "merged.jsonl")
    ]
    assert scores[0].labelled.to_json() == scores[1].labelled.to_json()


def test_missing_questions_of_a_merge_count_as_wrong_and_set_the_exit_status(
    toy: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(part(tmp_path / f"{index}.jsonl", [row(index)])) for index in range(2)]
    assert main(["merge", *paths, "--out", str(toy.results / "m.jsonl")]) == 1
    assert "2 files merged: 2 of 6 questions, 2 answered, 4 missing" in capsys.readouterr().out
    assert score_strict(toy, PredictionFile("m", toy.results / "m.jsonl"), 0).labelled.war == 2 / 6


def test_hostile_replies_survive_a_merge_byte_for_byte(tmp_path: Path) -> None:
    nasty = "<script>\x00\x1b[31m\u202e\u2028\ud800" + "x" * 1_000_000
    paths = [
        part(tmp_path / "a.jsonl", [row(0, {"model_response": nasty})]),
        part(tmp_path / "b.jsonl", [row(1)]),
    ]
    merge(paths).write(tmp_path / "out.jsonl")
    assert merge([tmp_path / "out.jsonl", paths[1]]).predictions[0].reply == nasty


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["a.jsonl", "--out", "x.jsonl"], "is nothing to merge; name two or more"),
        (["a.jsonl", "b.jsonl", "--out", "x.json"], "name it *.jsonl"),
        (["a.jsonl", "b.jsonl", "--out", "b.jsonl"], "is one of the parts"),
        (["a.jsonl", "b.jsonl", "--out", "there.jsonl"], "is there already"),
        (["a.jsonl", "./a.jsonl", "--out", "x.jsonl"], "is given twice"),
        (["a.jsonl", "none.jsonl", "--out", "x.jsonl"], "none.jsonl: no such file"),
        (["a.jsonl", "b.jsonl", "--out", "x.jsonl", "--questions", "none.json"], "none.json: no such file"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl", "there.jsonl"):
        part(tmp_path / name, [row(0)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["merge", *flags]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_overwriting_moves_the_old_file_and_its_manifest_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl", "there.jsonl"):
        part(tmp_path / name, [row(0)])
    assert main(["merge", "a.jsonl", "b.jsonl", "--out", "there.jsonl", "--overwrite"]) == 1
    assert (tmp_path / "there.jsonl.1").exists()
    assert (tmp_path / "there.manifest.json.1").exists()
    assert json.loads((tmp_path / "there.manifest.json").read_text())["command"] == merging.COMMAND


# --- with inference and logs
# -----------------------------------------------------------------------------------------------------------
def test_inference_goes_on_with_what_two_machines_answered(tmp_path: Path) -> None:
    """Two machines were stopped at different places: merged under the run's name, the same command asks only
    the rest.
    """
    folder = asking.make_dataset(tmp_path / "eval_toy")
    asking.run(folder)
    whole = folder / "results/model.jsonl"
    lines, beside = whole.read_text().splitlines(keepends=True), whole.with_suffix(".manifest.json")
    for name, rows in (("a", lines[:10]), ("b", lines[8:25])):
        (tmp_path / f"{name}.jsonl").write_text("".join(rows))
        (tmp_path / f"{name}.manifest.json").write_text(beside.read_text())
    merge([tmp_path / "a.jsonl", tmp_path / "b.jsonl"]).write(whole)
    summary = asking.run(folder)
    assert (summary.resumed, summary.answered, summary.missing) == (25, asking.COUNT, 0)
    asking.assert_each_answered_once(asking.rows_of(folder))
    assert len(json.loads(beside.read_text())["context"]["parts"]) == 2, (
        "where the rows came from is not forgotten"
    )


def test_a_log_of_inspect_is_a_part_like_any_other(toy: DatasetSpec, tmp_path: Path) -> None:
    from unifer.evaluate.harness.writing import write_log

    rows = [Prediction.from_json(row(index, FAILED if index == 1 else None)) for index in range(3)]
    write_log(tmp_path / "a.eval", toy, rows, IDENTITY, total=6)
    merged = merge([tmp_path / "a.eval", part(tmp_path / "b.jsonl", [row(1), row(4)])])
    assert merged.counts == {"asked": 6, "answered": 4, "failed": 0, "missing": 2}
    assert merged.manifest["identity"] == IDENTITY
