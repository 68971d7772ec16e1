"""`unifer predict`: rows in a pipe or a file, a table on a terminal, pictures, one line per fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.recognition.doubles import HAPPY, SAD, save
from unifer.cli import main, predict_output, recognizer_flags
from unifer.models.engines import EngineSpec
from unifer.recognition.readings import AuClaim, Reading
from unifer.recognition.recognizer import DRAWN_FACES_ONLY

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five plain photos and scripted replies; `c.png` is sad."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in "abcde":
        save(photos / f"{name}.png")
    (tmp_path / "replies.json").write_text(json.dumps({"*": HAPPY, str(photos / "c.png"): SAD}))
    return photos


def command(folder: Path, *more: str) -> list[str]:
    replies = str(folder.parent / "replies.json")
    flags = ["--engine", "scripted", "--replies", replies, "--detector", "whole"]
    return ["predict", str(folder), *flags, *more]


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_pipe_gets_a_row_per_face(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(row["photo"]).name for row in rows] == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert [row["label"] for row in rows] == ["happiness", "happiness", "sadness", "happiness", "happiness"]
    assert all(Reading.from_json(row).to_json() == row for row in rows)


def test_a_file_goes_on_where_it_stopped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "rows.jsonl"
    assert main(command(folder, "--out", str(out))) == 0
    whole = out.read_text()
    lines = whole.splitlines(keepends=True)
    out.write_text("".join(lines[:2]) + lines[2][:40])  # a kill in the middle of a row
    save(folder / "a.png", (10, 10))  # what has its row is not opened again
    assert main(command(folder, "--out", str(out))) == 0
    assert out.read_text().split('"seconds"')[0] == whole.split('"seconds"')[0]
    assert [row["photo"] for row in rows_of(out)] == [json.loads(line)["photo"] for line in lines]
    assert capsys.readouterr().out == ""
    manifest = json.loads((folder.parent / "rows.manifest.json").read_text())
    assert manifest["identity"]["reading"]["labels"][0] == "neutral"


def test_another_runs_file_is_refused_and_can_be_moved_aside(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "rows.jsonl"
    assert main(command(folder, "--out", str(out))) == 0
    assert main(command(folder, "--out", str(out), "--votes", "4")) == 2
    assert "reading.votes: 1 -> 4" in capsys.readouterr().err
    assert main(command(folder, "--out", str(out), "--votes", "4", "--overwrite")) == 0
    assert rows_of(out)[0]["votes"]["shares"]["happiness"] == 1.0
    assert len(rows_of(out.with_name("rows.jsonl.1"))) == 5


def test_a_failed_photo_is_a_row_and_can_be_read_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "rows.jsonl"
    (folder / "b.png").write_bytes(b"")
    assert main(command(folder, "--out", str(out))) == 1
    assert "failed: image" in " ".join(capsys.readouterr().err.split())
    by_name = {Path(row["photo"]).name: row for row in rows_of(out)}
    assert "is empty" in by_name["b.png"]["error"]
    save(folder / "b.png")
    assert main(command(folder, "--out", str(out))) == 1
    assert main(command(folder, "--out", str(out), "--retry-failed")) == 0
    assert len(rows_of(out)) == 5


def test_pictures_are_drawn_one_per_photo(folder: Path) -> None:
    (folder / "deep").mkdir()
    save(folder / "deep" / "a.png")
    assert main(command(folder, "--draw", str(folder.parent / "drawn"))) == 0
    names = sorted(path.name for path in (folder.parent / "drawn").iterdir())
    assert names == ["a-2.png", "a.png", "b.png", "c.png", "d.png", "e.png"]
    assert Image.open(folder.parent / "drawn" / "a.png").width == 640


def test_a_terminal_gets_a_table_with_what_to_beware_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("unifer.recognition.recognizer.knows_drawn_faces_only", lambda path: True)
    assert main(command(folder)) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["photo", "face", "label", "AUs"]
    assert "c.png" in out
    assert "sadness" in out
    assert DRAWN_FACES_ONLY in " ".join(out.split())


def test_the_table_fits_eighty_columns() -> None:
    claims = tuple(AuClaim(number, "", None, None) for number in range(1, 30))
    long = Reading(
        "a-very-long-name-of-a-photo-that-goes-on-and-on.jpg", "x" * 40, "answered", action_units=claims
    )
    lines = list(predict_output.table([long] * 300))
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("... and 100 more")


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ([], "say what to read"),
        (["https://example.org/a.jpg"], "is a URL"),
        (["none.jpg"], "none.jpg: no such file"),
        (["."], "holds no photos"),
        (["a.png", "--model", "none"], "--model none: no such folder"),
        (["a.png"], "bash scripts/quickstart.sh"),
        (["a.png", "--detector", "yunet", "--yunet", "no.onnx"], "unifer predict --fetch-yunet"),
        (["a.png", "--out", "rows.csv"], "ends in .jsonl"),
        (["a.png", "--draw", "a.png"], "is a file"),
        (["a.png", "--detector", "boxes"], "--boxes FILE go together"),
        (["a.png", "--boxes", "boxes.json"], "has no boxes for the photo a.png"),
        (["a.png", "--calibration", "boxes.json"], '"format": 1'),
        (["a.png", "--prompt-from", "boxes.json"], "boxes.json"),
        (["a.png", "--labels", "happy"], "two or more"),
        (["a.png", "--labels", "happy,,sad"], "no label is empty"),
        (["a.png", "--votes", "4", "--temperature", "0"], "greedy replies"),
        (["a.png", "--overwrite"], "name it"),
        (["a.png", "--url", "http://x"], "--engine server"),
        (["a.png", "--engine", "server"], "needs --url"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    argv: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if argv != ["."]:
        save(tmp_path / "a.png")
    (tmp_path / "boxes.json").write_text('{"b.png": [[0, 0, 5, 5]]}')
    (tmp_path / "replies.json").write_text('{"*": "x"}')
    own = {"--model", "--engine", "--url"} & set(argv) or problem.startswith("bash")
    scripted = [] if own else ["--engine", "scripted", "--replies", "replies.json"]
    where = [] if "--detector" in argv or "--boxes" in argv else ["--detector", "whole"]
    assert main(["predict", *argv, *scripted, *where]) == 2
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.err.startswith("unifer: ")
    assert captured.out == ""


@pytest.mark.parametrize("every", ["0", "-1s", "fast"])
def test_a_bad_step_between_frames_is_refused(every: str) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "a.mp4", "--every", every])


def test_the_prompt_of_a_benchmark_can_be_borrowed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = ROOT / "eval_rafdb" / "data" / "sample_qa.json"
    assert main(command(folder, "--prompt-from", str(questions))) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert set(row["labels"]) == set(json.loads(questions.read_text())[0]["candidate_labels"])


def test_given_boxes_are_read_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = folder.parent / "boxes.json"
    boxes.write_text(json.dumps({f"{name}.png": [[10, 10, 60, 60], [90, 10, 140, 60]] for name in "abcde"}))
    argv = [each for each in command(folder, "--boxes", str(boxes)) if each not in ("--detector", "whole")]
    assert main(argv) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 10
    assert rows[1]["face"]["box"] == [90.0, 10.0, 140.0, 60.0]


def test_a_video_gives_rows_by_time_and_a_timeline_and_goes_on(folder: Path) -> None:
    pytest.importorskip("av", reason="comes with the full environment")
    from tests.recognition.test_video import write_video

    film = write_video(folder.parent / "film.mp4")
    out, drawn = folder.parent / "rows.jsonl", folder.parent / "drawn"
    argv = [
        "predict",
        str(film),
        *command(folder)[2:],
        "--every",
        "0.5s",
        "--out",
        str(out),
        "--draw",
        str(drawn),
    ]
    assert main(argv) == 0
    times = [row["time"] for row in rows_of(out)]
    assert times == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.5], abs=0.002)
    assert len(list(drawn.glob("film@*.png"))) == 6
    assert np.asarray(Image.open(drawn / "film.timeline.png").convert("L")).std() > 5
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:3]))
    assert main(argv) == 0
    assert [row["time"] for row in rows_of(out)] == times


def test_ctrl_c_keeps_every_row_and_the_same_command_goes_on(folder: Path) -> None:
    out = folder.parent / "rows.jsonl"
    argv = [sys.executable, "-m", "unifer", *command(folder, "--out", str(out))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*argv, "--reply-seconds", "0.5"], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (out.exists() and out.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error.decode()
    assert b"goes on from there" in error
    assert b"Traceback" not in error
    assert 2 <= len(rows_of(out)) < 5
    subprocess.run(argv, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert len(rows_of(out)) == 5


@pytest.mark.slow
def test_the_quickstarts_model_reads_drawn_faces_and_says_so(
    trained: Path, corpus: Path, tmp_path: Path
) -> None:
    """The command as a user types it, with the real tiny model."""
    out, drawn = tmp_path / "rows.jsonl", tmp_path / "drawn"
    photos = sorted((corpus / "images").rglob("*.jpg"))[:6] or sorted(corpus.rglob("*.jpg"))[:6]
    argv = ["predict", *map(str, photos), "--model", str(trained), "--engine", "transformers"]
    more = ["--detector", "whole", "--votes", "4", "--out", str(out), "--draw", str(drawn)]
    done = subprocess.run(
        [sys.executable, "-m", "unifer", *argv, *more, "--max-new-tokens", "128"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = rows_of(out)
    assert len(rows) == len(photos) > 0
    assert all(DRAWN_FACES_ONLY in row["warnings"] for row in rows)
    assert all(row["votes"]["labels"] for row in rows)
    assert len(list(drawn.glob("*.png"))) == len(photos)
    assert DRAWN_FACES_ONLY in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("gpus", "spec", "line"),
    [
        ("", EngineSpec("vllm", Path("m")), None),
        ("3", EngineSpec("vllm", Path("m")), None),
        ("3,5", EngineSpec("vllm", Path("m"), tensor_parallel_size=2), None),
        ("3,5", EngineSpec("server", Path("m"), urls=("http://there/v1",)), None),
        (
            "3,5",
            EngineSpec("vllm", Path("m")),
            "reading on GPU 3 alone, 2 are visible: CUDA_VISIBLE_DEVICES chooses",
        ),
        (
            "3,5",
            EngineSpec("transformers", Path("m")),
            "start a command on each, with its part of the photos",
        ),
    ],
)
def test_gpus_that_stay_idle_are_told(
    gpus: str, spec: EngineSpec, line: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven of eight GPUs stood still, and nothing said so."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    told = recognizer_flags.idle_gpus(spec)
    assert told is None if line is None else line in str(told)
