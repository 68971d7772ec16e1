"""A small project for self-synthesis: real rows, filter, selection, inference and scores; a scripted model,
training by doubles.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from PIL import Image

from unifer import cli, files
from unifer.dialogue import prompts
from unifer.records import Json, RewardRow

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
HELD_OUT = (
    "name: held\ntitle: Held out\nquestions: data/qa.json\nsample: data/qa.json\nlabels: "
    f"[{', '.join(LABELS)}]\n"
)
QUESTIONS = 40


class Commands:
    """Stands where `subprocess` stood: asking runs the real command in this process, training leaves a folder
    like a checkpoint.

    `right` is how many held-out questions a model answers rightly, by its name; the pool's replies stand in
    replies.json.
    """

    STDOUT, DEVNULL, TimeoutExpired = subprocess.STDOUT, subprocess.DEVNULL, subprocess.TimeoutExpired

    def __init__(self, right: Mapping[str, int]) -> None:
        self.right = right
        self.ran: list[str] = []
        self.argv: dict[str, list[str]] = {}
        self.environment: dict[str, Any] = {}
        self.failing = ""
        self.stopping = ""

    def run(self, argv: Sequence[str], env: Any = None, **_: Any) -> SimpleNamespace:
        name = stage_of(argv)
        self.ran.append(name)
        self.argv[name], self.environment[name] = list(argv), env or {}
        if name == self.stopping:
            raise KeyboardInterrupt
        if name == self.failing:
            return SimpleNamespace(returncode=3)
        if "run_" in argv[1]:
            make_checkpoint(Path(after(argv, "--output_dir")))
        elif name in ("before", "after"):
            self._answer(argv)
        else:
            return SimpleNamespace(returncode=cli.main(list(argv[argv.index("unifer") + 1 :])))
        return SimpleNamespace(returncode=0)

    def Popen(self, argv: Sequence[str], env: Any = None, stdout: Any = None, **_: Any) -> SimpleNamespace:
        """A process that has ended when it is looked at."""
        status = self.run(argv, env).returncode
        return SimpleNamespace(
            poll=lambda: status, returncode=status, wait=lambda _=None: status, terminate=None, kill=None
        )

    def _answer(self, argv: Sequence[str]) -> None:
        right = self.right[Path(after(argv, "--model")).name]
        rows = []
        for number, row in enumerate(
            json.loads((Path(after(argv, "--dataset-dir")) / "data/qa.json").read_text())
        ):
            said = f"<think>AU12.</think>\n<answer>{row['true_label']}</answer>" if number < right else "AU4."
            rows.append(row | {"model_response": said})
        files.write_rows(Path(after(argv, "--out")), rows)


def after(argv: Sequence[str], flag: str) -> str:
    return argv[list(argv).index(flag) + 1]


def stage_of(argv: Sequence[str]) -> str:
    for script, name in (("run_sft_fer.sh", "sft"), ("run_grpo_vllm.sh", "grpo")):
        if script in argv[1]:
            return name
    if argv[argv.index("unifer") + 1] == "data":
        return "faces"
    out = Path(after(argv, "--out")).stem
    return {"generations": "generate", "guided": "guide", "predictions": "after"}.get(out, out)


def make_checkpoint(folder: Path) -> None:
    """What `check_checkpoint` takes for a whole vision-language checkpoint; its weights are its own name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (
        ("config", {"vision_config": {}}),
        ("processor_config", {}),
        ("tokenizer", {"name": folder.name}),
    ):
        files.write_json(folder / f"{name}.json", value)
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")


def reply_to(row: RewardRow, right: bool = True, extra: str = "") -> str:
    """A well-formed reply with the row's AUs, naming its label or the next candidate; `extra` stands in the
    reasoning.
    """
    candidates = list(row.candidate_labels or ())
    named = str(row.label) if right else candidates[(candidates.index(str(row.label)) + 1) % len(candidates)]
    words = f"{prompts.action_unit_listing(row.action_units or ())} {extra} Together these suggest {named}."
    return prompts.reply(words, named)


def make_held_out(folder: Path) -> None:
    """Questions about the labels in turn, each face with AU12."""
    held = folder / "held"
    (held / "data/faces").mkdir(parents=True)
    (held / "dataset.yaml").write_text(HELD_OUT)
    questions = []
    for number in range(QUESTIONS):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(held / f"data/faces/{number}.png")
        row = {
            "image_path": f"faces/{number}.png",
            "true_label": LABELS[number % 8],
            "prompt": "Which?",
            "candidate_labels": list(LABELS),
        }
        questions.append(row | {"AUs": ["AU12"], "id": f"held-{number}"})
    files.write_rows(held / "data/qa.json", questions)


def make_project(folder: Path, corpus: Path) -> Path:
    """Pool, CoT rows, held-out questions, checkpoint, configs of training, replies, and synthesis.yaml, whose
    path is returned.

    Of the 24 faces the first six are never read right, the next six always, the others in one of two replies.
    """
    shutil.copytree(corpus, folder / "pool")
    make_held_out(folder)
    make_checkpoint(folder / "Model")
    make_checkpoint(folder / "Base")
    for name in ("sft", "grpo"):
        (folder / f"{name}.yaml").write_text("max_steps: 1\n")
    replies = {}
    for number, face in enumerate(read_rows(folder)):
        replies[f"{face.id}#0"] = reply_to(face, number >= 6)
        replies[f"{face.id}#1"] = reply_to(face, 6 <= number < 12)
        for sample in range(2):
            replies[f"{face.id}#guided-{sample}"] = reply_to(face, extra=f"Seen at {sample}.")
    files.write_json(folder / "replies.json", replies)
    config: Json = {
        "out": "./runs/synthesis",
        "model": "./Model",
        "pool": ["./pool/rlvr.json"],
        "cot": "./pool/cot.json",
        "heldout": "./held",
        "generation": {
            "samples": 2,
            "settings": {"engine": "scripted", "replies": str(folder / "replies.json")},
        },
        "filter": {"min_words": 5, "repeats": None},
        "selection": {"rows": 12, "faces": 10},
        "sft": {
            "config": "./sft.yaml",
            "base": "./Base",
            "original": 0.5,
            "processes": 1,
            "settings": {"max_steps": 3},
        },
        "grpo": {"config": "./grpo.yaml"},
    }
    (folder / "synthesis.yaml").write_text(yaml.safe_dump(config))
    return folder / "synthesis.yaml"


def correct(config: Path) -> None:
    """Turn the project into one of the loop `facial-r1`: the last row of the pool has AUs alone, and the
    model needs two retries at most.

    Shown the gold, faces 0 to 5 are never right, 6 to 11 at once, 12 to 17 at the second try, the others at
    the third.
    """
    rows = files.read_json(config.parent / "pool/rlvr.json")
    rows[-1] = {key: value for key, value in rows[-1].items() if key != "candidate_labels"} | {
        "solution": None,
        "problem": "Which AUs?",
    }
    files.write_rows(config.parent / "pool/rlvr.json", rows)
    replies = {}
    for number, face in enumerate(read_rows(config.parent)):
        for attempt in range(3):
            right = number >= 6 and attempt >= (number - 6) // 6
            units = face.action_units or () if right else (99,)
            reply = (
                f"<think>{' '.join(f'AU{unit}' for unit in units)} are "
                f"seen.</think>\n<answer>{face.label}</answer>"
            )
            replies[f"{face.id}#try-{attempt}"] = reply
    files.write_json(config.parent / "replies.json", replies)
    change(
        config,
        loop="facial-r1",
        correction={"retries": 2},
        generation={"temperature": 0.0},
        selection={"rows": 30, "faces": 30},
    )


def read_rows(folder: Path) -> list[RewardRow]:
    return list(files.read_records(folder / "pool/rlvr.json", RewardRow.from_json))


def change(config: Path, **sections: Any) -> None:
    """Write other values into a config; a mapping changes keys of a section."""
    raw = yaml.safe_load(config.read_text())
    for name, value in sections.items():
        raw[name] = {**raw.get(name, {}), **value} if isinstance(value, dict) else value
    config.write_text(yaml.safe_dump(raw))


def synthesize(config: Path, *flags: str) -> int:
    return cli.main(["synthesize", "--config", str(config), *flags])


def out(config: Path) -> Path:
    return config.parent / "runs" / "synthesis"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
