"""`unifer quickstart` as its user meets it; the stages are doubles that leave real files, scoring and figures are the real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.conftest import EVAL_FOLDERS, ROOT
from unifer import cli, files
from unifer.cli import quickstart

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
STAGES = ["faces", "faces", "sft", "infer", "eval", "eval-total"]


class Commands:
    """Stands where `subprocess` stood: keeps what was run, and writes what the real command would."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.environment: dict[str, Any] = {}
        self.failing = ""
        self.stopping = ""

    def run(self, argv: Sequence[str], env: Any = None, **_: Any) -> SimpleNamespace:
        name = "sft" if any("run_sft_fer.sh" in word for word in argv) else argv[argv.index("unifer") + 1]
        name = {"data": "faces"}.get(name, name)
        self.ran.append(name)
        self.environment[name] = env or {}
        if name == self.stopping:
            raise KeyboardInterrupt
        if name == self.failing:
            return SimpleNamespace(returncode=3)
        if name in ("eval", "eval-total"):
            words = argv[argv.index("unifer") + 1 :]
            return SimpleNamespace(returncode=cli.main([*words, "--resamples", "20"]))
        {"faces": draw, "sft": train, "infer": answer}[name](argv)
        return SimpleNamespace(returncode=0)


def question(index: int) -> dict[str, Any]:
    label = LABELS[index % 8]
    return {"image_path": f"images/{index}.png", "true_label": label, "prompt": "Which?", "candidate_labels": list(LABELS)}


def draw(argv: Sequence[str]) -> None:
    out = Path(argv[argv.index("--out") + 1])
    (out / "images").mkdir(parents=True)
    for index in range(8):
        Image.new("RGB", (8, 8)).save(out / question(index)["image_path"])


def train(argv: Sequence[str]) -> None:
    files.write_json(Path(argv[argv.index("--output_dir") + 1]) / "manifest.json", {})


def answer(argv: Sequence[str]) -> None:
    """Right for the even questions, but the first, whose image cannot be read."""
    for folder in map(Path, argv[argv.index("--dataset-dir") + 1 :]):
        name = f"{quickstart.MODEL}.jsonl" if folder.name == "heldout" else f"{quickstart.MODEL}.sample_qa.jsonl"
        labels = files.read_json(folder / "labels.json") if folder.name != "heldout" else LABELS
        rows = [
            question(index)
            | {"true_label": label, "candidate_labels": list(labels)}
            | {"model_response": f"<think>AU12.</think>\n<answer>{labels[index // 2 * 2]}</answer>"}
            for index, label in enumerate(labels)
        ]
        rows[0] |= {"model_response": "", "error": True, "error_message": "no such file"}
        files.write_rows(folder / "results" / name, rows)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: list[Any]) -> Path:
    """A project with its four eval folders and nothing made yet."""
    for folder in ("data", "train_unifer", *EVAL_FOLDERS):
        (tmp_path / folder).mkdir()
    for folder, spec in zip(EVAL_FOLDERS, specs, strict=True):
        (tmp_path / folder / "dataset.yaml").write_bytes((ROOT / folder / "dataset.yaml").read_bytes())
        files.write_json(tmp_path / folder / "labels.json", list(spec.labels))
    monkeypatch.setattr(quickstart, "project_root", lambda near: tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNIFER_SETUP_SECONDS", raising=False)
    return tmp_path


@pytest.fixture
def commands(root: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    double = Commands()
    monkeypatch.setattr(quickstart, "subprocess", double)
    return double


def summary(root: Path) -> Any:
    return json.loads((root / "runs" / "quickstart" / "summary.json").read_text(encoding="utf-8"))


def test_stages_run_in_order_and_a_second_run_only_scores(root: Path, commands: Commands) -> None:
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == ["eval", "eval-total"]
    assert {"scores.png", "gallery.png", "summary.json"} <= {path.name for path in (root / "runs" / "quickstart").iterdir()}


def test_the_summary_says_what_the_files_say(root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIFER_SETUP_SECONDS", "6")
    cli.main(["quickstart"])
    found = summary(root)
    assert set(found) == {"sft", "seconds"}
    assert set(found["sft"]) == {"accuracy", "uar", "ci95", "n"}
    assert (found["sft"]["n"], found["sft"]["accuracy"], found["sft"]["uar"]) == (8, 3 / 8, 3 / 8), "the failed face counts as wrong"
    low, high = found["sft"]["ci95"]
    assert 0 <= low <= 3 / 8 <= high <= 1
    assert set(found["seconds"]) == {"install", "faces", "sft", "infer", "score", "total"}
    assert found["seconds"]["install"] == 6
    parts = [value for name, value in found["seconds"].items() if name != "total"]
    assert found["seconds"]["total"] == pytest.approx(sum(parts), abs=0.05)


def test_the_time_to_install_is_that_of_the_first_run(root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run finds everything installed: its 0 seconds would hide what a new user waits for."""
    for seconds in ("6", "0"):
        monkeypatch.setenv("UNIFER_SETUP_SECONDS", seconds)
        cli.main(["quickstart"])
    assert summary(root)["seconds"]["install"] == 6


@pytest.mark.parametrize("stage", ["sft", "infer"])
def test_a_failed_stage_stops_the_run_and_the_next_goes_on_from_it(
    stage: str, root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = stage
    assert cli.main(["quickstart"]) == 2
    assert "ended with status 3" in capsys.readouterr().err
    assert commands.ran == STAGES[: STAGES.index(stage) + 1]
    assert not (root / "runs" / "quickstart" / "summary.json").exists()
    commands.failing = ""
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES[STAGES.index(stage) :]


def test_the_small_model_trains_on_one_process(root: Path, commands: Commands) -> None:
    """A rank a GPU would multiply the batch that the config was tuned for."""
    cli.main(["quickstart"])
    assert commands.environment["sft"]["NPROC"] == "1"


def test_ctrl_c_in_a_stage_leaves_it_unfinished(root: Path, commands: Commands) -> None:
    commands.stopping = "sft"
    assert cli.main(["quickstart"]) == 130
    assert set(files.read_json(root / "runs" / "quickstart" / "stages.json")) == {"faces"}


def test_fresh_moves_the_old_run_aside_whole(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    work = root / "runs" / "quickstart"
    before = {path.relative_to(work): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    commands.ran.clear()
    assert cli.main(["quickstart", "--fresh"]) == 0
    assert commands.ran == STAGES
    aside = root / "runs" / "quickstart.1"
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*") if path.is_file()} == before
