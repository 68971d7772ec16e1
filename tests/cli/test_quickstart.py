"""`unifer quickstart` as its user meets it; the stages are doubles that leave real files, scoring and figures are the real ones."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.conftest import EVAL_FOLDERS, ROOT
from unifer import cli, files
from unifer.cli import machine, quickstart, quickstart_results, stages
from unifer.places import FERBENCH
from unifer.report import figures

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
STAGES = ["faces", "faces", "faces", "sft", "grpo", "infer"]
RIGHT = {"UniFER-Tiny-Base": 0, "UniFER-Tiny-SFT": 3, "UniFER-Tiny": 6}
"""Model -> how many of the eight faces it names; it says nothing of the others."""


class Commands:
    """Stands where `subprocess` stood: keeps what was run, and writes what the real command would."""

    DEVNULL, STDOUT, TimeoutExpired = subprocess.DEVNULL, subprocess.STDOUT, subprocess.TimeoutExpired

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.argv: dict[str, Sequence[str]] = {}
        self.environment: dict[str, Any] = {}
        self.failing = ""
        self.stopping = ""
        self.signal = signal.SIGINT

    def Popen(self, argv: Sequence[str], env: Any, stdout: Any, **_: Any) -> SimpleNamespace:
        """A process that has ended when it is looked at."""
        name = stage_of(argv)
        self.ran.append(name)
        self.argv[name] = argv
        self.environment[name] = env
        if name == self.stopping:
            signal.raise_signal(self.signal)
        status = 3 if name == self.failing else 0
        if status:
            stdout.write(b"the engine broke\n")
        else:
            stdout.write(b"a library warns\n")
            {"faces": draw, "sft": train, "grpo": train}.get(name, answer)(argv)
        return SimpleNamespace(poll=lambda: status, returncode=status, wait=lambda _=None: status, terminate=None, kill=None)


def stage_of(argv: Sequence[str]) -> str:
    for script, name in (("run_sft_fer.sh", "sft"), ("run_grpo_vllm.sh", "grpo")):
        if any(script in word for word in argv):
            return name
    name = str(argv[argv.index("unifer") + 1])
    return {"data": "faces"}.get(name, name)


def calls(argv: Sequence[str]) -> dict[str, list[str]]:
    """Model -> the flags by which it is asked, of one `unifer infer` with `--then`."""
    found: dict[str, list[str]] = {}
    for words in " ".join(argv[argv.index("infer") + 1 :]).split(" --then "):
        model, *rest = words.removeprefix("--model ").split(" ")
        found[Path(model).name] = rest
    return found


def after(words: Sequence[str], flag: str) -> list[str]:
    """The values of a flag."""
    rest = words[words.index(flag) + 1 :] if flag in words else []
    end = next((index for index, word in enumerate(rest) if word.startswith("--")), len(rest))
    return list(rest[:end])


def question(index: int) -> dict[str, Any]:
    label = LABELS[index % 8]
    row = {"image_path": f"images/{index}.png", "true_label": label, "prompt": "Which?", "candidate_labels": list(LABELS)}
    return row | {"AUs": ["AU6", "AU12"]}


def draw(argv: Sequence[str]) -> None:
    out = Path(argv[argv.index("--out") + 1])
    (out / "images").mkdir(parents=True)
    for index in range(8):
        Image.new("RGB", (8, 8)).save(out / question(index)["image_path"])


def train(argv: Sequence[str]) -> None:
    out = Path(argv[argv.index("--output_dir") + 1])
    files.write_json(out / "manifest.json", {})
    files.write_rows(out / "metrics.jsonl", [{"step": step, "reward": step / 8, "step_time": 2.0} for step in range(1, 5)])


def answer(argv: Sequence[str]) -> None:
    """Names the first faces, with both AUs, and lists one AU without an answer for the others; the last image cannot be read."""
    folders: list[str] = []
    for model, words in calls(argv).items():
        folders = after(words, "--dataset-dir") or folders
        limit = int((after(words, "--limit") or ["8"])[0])
        for folder in map(Path, folders):
            held_out = folder.name == "heldout"
            labels = LABELS if held_out else files.read_json(folder / "labels.json")
            rows = []
            for index, label in enumerate(labels):
                said = f"<think>AU6, AU12.</think>\n<answer>{label}</answer>" if index < RIGHT[model] else "AU12."
                rows.append(question(index) | {"true_label": label, "candidate_labels": list(labels), "model_response": said})
            rows[-1] |= {"model_response": "", "error": True, "error_message": "no such file"}
            files.write_rows(folder / "results" / f"{model}{'' if held_out else '.sample_qa'}.jsonl", rows[:limit])


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
def drawn() -> None:
    """A test that asks for this gets real figures and pages; for the others they would be seconds of nothing."""


@pytest.fixture
def commands(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Commands:
    double = Commands()
    monkeypatch.setattr(stages, "subprocess", double)
    if "drawn" not in request.fixturenames:
        for place, name in ((quickstart_results, "_figures"), (quickstart_results, "_page"), (figures, "confusion_png")):
            monkeypatch.setattr(place, name, lambda *_, **__: None)
    return double


def summary(root: Path) -> Any:
    return json.loads((root / "runs" / "quickstart" / "summary.json").read_text(encoding="utf-8"))


def test_stages_run_in_order_and_a_second_run_only_scores(root: Path, drawn: None, commands: Commands) -> None:
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == []
    left = {path.name for path in (root / "runs" / "quickstart").iterdir()}
    assert {"scores.png", "gallery.png", "curves.png", "summary.json", "report"} <= left
    assert "<title>UniFER-Tiny on faces" in (root / "runs/quickstart/report/index.html").read_text(encoding="utf-8")


def test_the_summary_says_what_the_files_say(root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIFER_SETUP_SECONDS", "6")
    cli.main(["quickstart"])
    found = summary(root)
    assert set(found) == {"base", "sft", "grpo", "gain", "recall", "won", "lost", "verdict", "seconds", "yardstick"}
    for stage, model in (("base", "UniFER-Tiny-Base"), ("sft", "UniFER-Tiny-SFT"), ("grpo", "UniFER-Tiny")):
        one, right = found[stage], RIGHT[model]
        assert (one["n"], one["accuracy"], one["uar"], one["no_answer"]) == (8, right / 8, right / 8, 7 - right)
        assert one["au_f1"] == pytest.approx((right + (7 - right) * 2 / 3) / 8), "the face whose image failed stays in the denominator"
        for score in ("accuracy", "au_f1"):
            low, high = one["ci95" if score == "accuracy" else "au_f1_ci95"]
            assert 0 <= low <= one[score] <= high <= 1
    assert set(found["seconds"]) == {"install", "faces", "sft", "grpo", "infer", "score", "total"}
    assert found["seconds"]["install"] == 6
    parts = [value for name, value in found["seconds"].items() if name != "total"]
    assert found["seconds"]["total"] == pytest.approx(sum(parts), abs=0.05)


def test_the_gain_is_that_of_grpo_over_sft_on_the_same_faces(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    gain = summary(root)["gain"]
    assert (gain["points"], gain["n"], gain["fixed"], gain["broken"]) == (37.5, 8, 3, 0)
    assert 0 <= gain["ci95"][0] < 37.5 < gain["ci95"][1]
    assert gain["au_f1"]["points"] == pytest.approx(100 * 3 / 8 / 3)
    assert gain["au_f1"]["ci95"][0] <= gain["au_f1"]["points"] <= gain["au_f1"]["ci95"][1]


def test_the_closing_table_fits_a_terminal(root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["quickstart"])
    text = capsys.readouterr().out.split("held-out faces of 8 emotions")[1]
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line.startswith(("base ", "after SFT", "after GRPO"))]
    assert [line.split()[-1] for line in lines] == ["7", "4", "1"]
    assert "WAR: no difference that 8 faces can show; 95 % [+0.0, " in text
    assert "labels: GRPO won or lost no label that the counts can show" in text, "one face a label shows nothing"


def test_all_models_answer_the_same_faces_with_the_same_settings(root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gain measured with another number of tokens, precision or other faces would be no gain; the base is stored in bfloat16."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cli.main(["quickstart"])
    held_out = str(root / "runs/quickstart/heldout")
    last, before, base = calls(commands.argv["infer"]).values()
    assert last[: last.index("--dataset-dir")] == [*quickstart.ANSWERING, "--dtype", "float32"]
    assert after(last, "--dataset-dir") == [held_out, *(str(root / name) for name in FERBENCH)]
    assert before == ["--dataset-dir", held_out], "whatever is not said again stays as it was"
    assert base == ["--limit", "200"], "it says nothing to its last token, and scores 0: a few faces show that"


def test_the_base_is_asked_about_fewer_faces_and_the_table_says_so(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quickstart, "BASE_LIMIT", 4)
    cli.main(["quickstart"])
    assert [summary(root)[stage]["n"] for stage in quickstart.MODELS] == [4, 8, 8]
    assert "\nbase (n=4) " in capsys.readouterr().out


def test_each_label_has_its_recall_before_and_after(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    found = summary(root)
    assert list(found["recall"]) == list(LABELS)
    assert [(each["before"], each["after"]) for each in found["recall"].values()] == [(1, 1)] * 3 + [(0, 1)] * 3 + [(0, 0)] * 2
    assert found["recall"]["surprise"] | {"n": 1, "fixed": 1, "broken": 0, "p_holm": 1.0} == found["recall"]["surprise"]
    assert (found["won"], found["lost"]) == ([], [])
    assert found["verdict"]["war"] == "no difference", "three better of eight: drawn anew, often none"


def test_what_commands_say_goes_to_their_logs_alone(root: Path, drawn: None, commands: Commands, capfd: pytest.CaptureFixture[str]) -> None:
    """A new user met warnings of five libraries, and could not tell them from trouble."""
    cli.main(["quickstart"])
    said = capfd.readouterr()
    assert said.err == ""
    assert "a library warns" not in said.out
    assert "scoring run" not in said.out
    logs = root / "runs/quickstart/logs"
    names = {"faces-train", "faces-rlvr", "faces-heldout", "sft", "grpo", "infer", "score"}
    assert {path.stem for path in logs.glob("*.log")} == names
    assert "a library warns" in (logs / "sft.log").read_text(encoding="utf-8")
    assert "scoring run UniFER-Tiny.sample_qa" in (logs / "score.log").read_text(encoding="utf-8")


def test_the_speed_of_the_machine_is_kept_with_the_times(root: Path, commands: Commands) -> None:
    """Machines slow down by half within minutes: seconds alone compare nothing."""
    cli.main(["quickstart"])
    found = summary(root)
    assert found["yardstick"]["before"] == ["faces", "sft", "grpo", "infer", "score"]
    assert list(files.read_json(root / "runs/quickstart/stages.json")["yardsticks"].values()) == found["yardstick"]["seconds"]
    assert found["yardstick"]["total_ratio"] == pytest.approx(found["seconds"]["total"] / found["yardstick"]["median"], abs=0.3)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ({"free_disk": lambda path: 3e8}, "0.3 GB are free on its disk, 1.0 GB are needed; free some space"),
        ({"free_memory": lambda: 1e9}, "GRPO takes 4.0 GB of memory, 0.9 GB are free; close other programs"),
    ],
    ids=["disk", "memory"],
)
def test_a_machine_that_is_too_small_is_refused_before_any_work(
    refused: dict[str, Any],
    message: str,
    root: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, answer in refused.items():
        monkeypatch.setattr(machine, name, answer)
    assert cli.main(["quickstart"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert commands.ran == []


def test_no_two_series_of_faces_are_one() -> None:
    """Faces of one seed are the same faces: training on the held-out ones would be the oldest mistake there is."""
    seeds = [series[series.index("--seed") + 1] for series in quickstart.FACES.values()]
    assert len(set(seeds)) == len(seeds) == 3


def test_a_run_by_another_recipe_is_not_gone_on_with(root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    """Its finished stages would be skipped, and the new figures stand on the old faces."""
    (root / "runs/quickstart").mkdir(parents=True)
    files.write_json(root / "runs/quickstart/stages.json", {"faces": 4.5, "sft": 291.0})
    assert cli.main(["quickstart"]) == 2
    assert "--fresh" in capsys.readouterr().err
    assert commands.ran == []
    assert cli.main(["quickstart", "--fresh"]) == 0
    assert commands.ran == STAGES


def test_the_time_to_install_is_that_of_the_first_run(root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run finds everything installed: its 0 seconds would hide what a new user waits for."""
    for seconds in ("6", "0"):
        monkeypatch.setenv("UNIFER_SETUP_SECONDS", seconds)
        cli.main(["quickstart"])
    assert summary(root)["seconds"]["install"] == 6


@pytest.mark.parametrize("stage", ["sft", "grpo", "infer"])
def test_a_failed_stage_stops_the_run_and_the_next_goes_on_from_it(
    stage: str, root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = stage
    assert cli.main(["quickstart"]) == 2
    said = capsys.readouterr().err
    assert f"{stage} ended with status 3" in said
    assert "the engine broke" in said
    assert commands.ran == STAGES[: STAGES.index(stage) + 1]
    assert not (root / "runs" / "quickstart" / "summary.json").exists()
    commands.failing = ""
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES[STAGES.index(stage) :], "the command goes on with its own rows"


def test_the_small_model_trains_on_one_process(root: Path, commands: Commands) -> None:
    """A rank a GPU would multiply the batch that the config was tuned for."""
    cli.main(["quickstart"])
    assert commands.environment["sft"]["NPROC"] == commands.environment["grpo"]["NPROC"] == "1"


@pytest.mark.parametrize(("stage", "done"), [("sft", ["faces"]), ("grpo", ["faces", "sft"]), ("infer", ["faces", "sft", "grpo"])])
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_a_stage_leaves_it_unfinished(
    stage: str, done: list[str], asked: signal.Signals, root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kill` too: the training would go on, unseen, with the next quickstart beside it."""
    commands.stopping, commands.signal = stage, asked
    assert cli.main(["quickstart"]) == 130
    assert capsys.readouterr().err == "\nunifer: stopped; run the same command to go on\n"
    assert list(files.read_json(root / "runs" / "quickstart" / "stages.json")["seconds"]) == done


def test_fresh_moves_the_old_run_aside_whole(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    work = root / "runs" / "quickstart"
    before = {path.relative_to(work): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    commands.ran.clear()
    assert cli.main(["quickstart", "--fresh"]) == 0
    assert commands.ran == STAGES
    aside = root / "runs" / "quickstart.1"
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*") if path.is_file()} == before
