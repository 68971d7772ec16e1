"""Doubles of the quickstart's stages: each leaves the files that the real command would."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from unifer import files

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
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
        return SimpleNamespace(
            poll=lambda: status, returncode=status, wait=lambda _=None: status, terminate=None, kill=None
        )


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
    row = {
        "image_path": f"images/{index}.png",
        "true_label": label,
        "prompt": "Which?",
        "candidate_labels": list(LABELS),
    }
    return row | {"AUs": ["AU6", "AU12"]}


def draw(argv: Sequence[str]) -> None:
    out = Path(argv[argv.index("--out") + 1])
    (out / "images").mkdir(parents=True)
    for index in range(8):
        Image.new("RGB", (8, 8)).save(out / question(index)["image_path"])


def train(argv: Sequence[str]) -> None:
    out = Path(argv[argv.index("--output_dir") + 1])
    files.write_json(out / "manifest.json", {})
    files.write_rows(
        out / "metrics.jsonl", [{"step": step, "reward": step / 8, "step_time": 2.0} for step in range(1, 5)]
    )


def answer(argv: Sequence[str]) -> None:
    """Names the first faces, with both AUs, and lists one AU without an answer for the others; the last image
    cannot be read.
    """
    folders: list[str] = []
    for model, words in calls(argv).items():
        folders = after(words, "--dataset-dir") or folders
        limit = int((after(words, "--limit") or ["8"])[0])
        for folder in map(Path, folders):
            held_out = folder.name == "heldout"
            labels = LABELS if held_out else files.read_json(folder / "labels.json")
            rows = []
            for index, label in enumerate(labels):
                said = (
                    f"<think>AU6, AU12.</think>\n<answer>{label}</answer>"
                    if index < RIGHT[model]
                    else "AU12."
                )
                rows.append(
                    question(index)
                    | {"true_label": label, "candidate_labels": list(labels), "model_response": said}
                )
            rows[-1] |= {"model_response": "", "error": True, "error_message": "no such file"}
            files.write_rows(
                folder / "results" / f"{model}{'' if held_out else '.sample_qa'}.jsonl", rows[:limit]
            )
