"""What the committed base replies to a few questions, to be compared with what a server of it replies."""

from __future__ import annotations

import json
from pathlib import Path

from tests.shared import BASE, ROOT
from unifer.cli import main
from unifer.records import Prediction

ASKED = 12
TOKENS = 160

Answers = dict[str, Prediction]
"""Predictions by the key of their question."""


def ask_base(out: Path) -> Answers:
    """Ask the first sample questions of RAF-DB by vLLM in this process."""
    few = ["--sample", "--limit", str(ASKED), "--max-new-tokens", str(TOKENS)]
    arguments = [
        "--dataset-dir",
        str(ROOT / "eval_rafdb"),
        "--model",
        str(BASE),
        "--engine",
        "vllm",
        "--out",
        str(out),
    ]
    assert main(["infer", *arguments, *few]) == 0
    return answers(out)


def answers(path: Path) -> Answers:
    rows = [Prediction.from_json(json.loads(line)) for line in path.read_text().splitlines()]
    return {row.question.key: row for row in rows}


def assert_same(served: Answers, offline: Answers) -> None:
    """A server was shown the same picture and text, and its replies came back whole."""
    assert len({row.reply for row in served.values()}) > 1, "the replies depend on the face"
    for key, row in served.items():
        assert " ".join(row.reply.split()) == " ".join(offline[key].reply.split()), key
        assert (row.finish_reason, row.prompt_tokens) == (
            offline[key].finish_reason,
            offline[key].prompt_tokens,
        )
