"""A row of each format, and the command that converts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unifer import files
from unifer.cli import main
from unifer.dialogue import prompts

REPLY = prompts.reply("The lip corners rise (AU12).", "happiness")
COT = {
    "image_path": "images/a.jpg",
    "question": "Which?",
    "response": REPLY,
    "candidate_labels": ["happiness", "sadness"],
}
REWARD = {
    "image_path": "/RAF-DB/a.jpg",
    "problem": "Which?",
    "solution": "<answer>happy</answer>",
    "candidate_labels": ["happy", "sad"],
}
FACIAL = {
    "id": "1",
    "dataset": "RAF-DB",
    "image": "a.jpg",
    "question": "<image>\nWhich emotion?",
    "AUs": ["AU12"],
    "labels": ["happiness"],
    "description": "The lip corners rise (AU12).",
    "meta_info": {"source": "x"},
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "<image>\nWhich?"}, {"from": "gpt", "value": REPLY}],
    "images": ["a.jpg"],
    "tools": "",
}
SWIFT: dict[str, Any] = {
    "messages": [{"role": "user", "content": "<image>Which?"}, {"role": "assistant", "content": REPLY}],
    "images": ["a.jpg"],
}
QUESTION = {
    "image_path": "/a.jpg",
    "true_label": "happy",
    "prompt": "Which?",
    "candidate_labels": ["happy", "sad"],
}
EXAMPLES: dict[str, Any] = {
    "cot": COT,
    "rlvr": REWARD,
    "questions": QUESTION,
    "facial-r1": FACIAL,
    "sharegpt": SHAREGPT,
    "swift": SWIFT,
}


def put(path: Path, *rows: Any) -> Path:
    files.write_rows(path, rows)
    return path


def rows(path: Path) -> list[Any]:
    return [row for _, row in files.read_rows(path)]


def convert(source: Path, to: str, out: Path, *more: str) -> int:
    return main(["data", "convert", str(source), "--to", to, "--out", str(out), *more])
