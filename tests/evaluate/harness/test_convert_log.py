"""`unifer convert-log` and `unifer eval` over logs, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log

from tests.evaluate.harness.mocked import RIGHT, answered, asked, faces
from tests.evaluate.scored import FAILED, write
from unifer.cli import main
from unifer.evaluate.harness.logs import read_log
from unifer.evaluate.harness.tasks import dataset_task


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset folder with predictions, one failed and one question unanswered, and their manifest."""
    spec = faces(tmp_path, asked(4))
    rows = [
        row | {"model_response": RIGHT, "finish_reason": "stop", "completion_tokens": 9} for row in asked(2)
    ] + [asked(3)[2] | FAILED]
    write(spec.results / "base.jsonl", rows, asked=4, name="toy_qa.json")
    monkeypatch.chdir(tmp_path)
    return spec.folder


def test_predictions_go_into_a_log_and_come_back_byte_by_byte(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = folder / "results/base.jsonl"
    assert main(["convert-log", str(rows), "--out", "x.eval"]) == 1
    said = capsys.readouterr().out
    assert "3 of 4 questions have a row, 1 of them failed" in said
    assert "wrote x.eval" in said
    assert main(["convert-log", "x.eval", "--out", "back.jsonl"]) == 1
    assert Path("back.jsonl").read_bytes() == rows.read_bytes()
    first, second = (
        json.loads(path.with_suffix(".manifest.json").read_text()) for path in (rows, Path("back.jsonl"))
    )
    assert second["identity"] == first["identity"]
    assert second["context"]["rows"] == {"asked": 4, "answered": 2, "failed": 1, "missing": 1}


def test_a_log_is_scored_as_its_predictions_are_missing_questions_among_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["convert-log", str(folder / "results/base.jsonl"), "--out", "base.eval"])
    capsys.readouterr()
    assert main(["eval", "--dataset-dir", str(folder), "--predictions", "base.eval", "--resamples", "0"]) == 0
    of_log = capsys.readouterr().out
    assert (
        main(
            [
                "eval",
                "--dataset-dir",
                str(folder),
                "--predictions",
                str(folder / "results/base.jsonl"),
                "--resamples",
                "0",
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.split("wrote")[0] == of_log.split("wrote")[0]
    assert "1 failed · 1 missing" in of_log


def test_published_results_become_a_log_too_and_name_their_dataset_where_they_do_not_lie_in_it(
    folder: Path,
) -> None:
    write(Path("toy_best_results.json"), [row | {"model_response": "happiness"} for row in asked(2)])
    assert main(["convert-log", "toy_best_results.json", "--out", "x.eval"]) == 2
    assert (
        main(["convert-log", "toy_best_results.json", "--out", "x.eval", "--dataset-dir", str(folder)]) == 0
    )
    assert read_log(Path("x.eval")).identity["model"] == {"name": "best"}
    assert main(["convert-log", "x.eval", "--out", "x.jsonl"]) == 0
    assert main(["eval", "--dataset-dir", str(folder), "--predictions", "x.jsonl", "--resamples", "0"]) == 0


def test_a_run_of_inspects_own_becomes_predictions_that_unifer_eval_knows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from unifer.datasets import load_dataset

    log = Path(answered(dataset_task(load_dataset(folder)), Path("logs")).location)
    out = folder / "results/mock.jsonl"
    assert main(["convert-log", str(log), "--out", str(out)]) == 0
    assert main(["convert-log", str(log), "--out", str(out)]) == 2
    assert main(["convert-log", str(log), "--out", str(out), "--overwrite"]) == 0
    assert out.with_name("mock.jsonl.1").read_bytes() == out.read_bytes()
    assert out.with_name("mock.manifest.json.1").exists()
    capsys.readouterr()
    assert (
        main(
            [
                "compare",
                str(folder / "results/base.jsonl"),
                str(log),
                "--dataset-dir",
                str(folder),
                "--common",
            ]
        )
        == 0
    )
    assert "prompt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.eval", "--out", "x.jsonl"], "none.eval: no such file"),
        (["ROWS", "--out", "x.jsonl"], "predictions become a log, so name it *.eval"),
        (["x.eval", "--out", "x.json"], "a log becomes predictions, so name it *.jsonl"),
        (["x.eval", "--out", "y.jsonl", "--images"], "--images is for logs"),
        (["ROWS", "--out", "y.eval", "--images"], "no manifest says at which size"),
        (
            ["ROWS", "--out", "y.eval", "--images", "--image-root", "none"],
            "--image-root none: no such folder",
        ),
        (["x.eval", "--out", "y.jsonl", "--dataset-dir", "."], None),
    ],
)
def test_what_cannot_be_converted_is_one_line(
    arguments: list[str], says: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = str(folder / "results/base.jsonl")
    main(["convert-log", rows, "--out", "x.eval"])
    capsys.readouterr()
    status = main(["convert-log", *(rows if word == "ROWS" else word for word in arguments)])
    assert (status, says is None) in ((2, False), (1, True))
    assert says is None or says in capsys.readouterr().err


def test_pictures_are_made_by_the_rule_of_the_manifest(folder: Path) -> None:
    rows = folder / "results/base.jsonl"
    manifest = json.loads(rows.with_suffix(".manifest.json").read_text())
    manifest["identity"] |= {"image_rule": {"version": "fer-image-1", "size": 56}}
    rows.with_suffix(".manifest.json").write_text(json.dumps(manifest))
    main(["convert-log", str(rows), "--out", "plain.eval"])
    assert main(["convert-log", str(rows), "--out", "x.eval", "--images"]) == 1
    assert Path("x.eval").stat().st_size > Path("plain.eval").stat().st_size
    assert read_log(Path("x.eval")).predictions == read_log(Path("plain.eval")).predictions


def test_a_written_log_is_scored_again_by_inspects_own_command(folder: Path) -> None:
    main(["convert-log", str(folder / "results/base.jsonl"), "--out", "x.eval"])
    command = [
        str(Path(sys.executable).with_name("inspect")),
        "score",
        "x.eval",
        "--output-file",
        "y.eval",
        "--action",
        "overwrite",
    ]
    subprocess.run([*command, "--display", "plain"], check=True, capture_output=True, timeout=300)
    first, again = (read_eval_log(name, header_only=True).results for name in ("x.eval", "y.eval"))
    assert first is not None
    assert again is not None
    assert again.scores[0].metrics == first.scores[0].metrics
    assert first.scores[0].metrics["WAR"].value == 1 / 3
