"""Datasets asked through inspect_ai's mock provider: no network, no model."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as run_tasks
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import (
    ChatMessage,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ModelUsage,
    get_model,
)
from PIL import Image

from tests.evaluate.scored import dataset, question
from unifer.datasets import DatasetSpec
from unifer.records import Json

NOUNS = ("happiness", "sadness", "anger")
RIGHT = "<think>AU12 is up.</think>\n<answer>happiness</answer>"


def faces(
    root: Path, rows: Sequence[dict[str, Any]], name: str = "toy", labels: Sequence[str] = NOUNS
) -> DatasetSpec:
    """A dataset folder whose questions are `rows`, each with a small picture of its own."""
    spec = dataset(root, name, labels)
    spec.questions.write_text(json.dumps(list(rows)))
    for number, row in enumerate(rows):
        path = spec.questions.parent / row["image_path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number, 100, 200)).save(path)
    return spec


def asked(count: int, labels: Sequence[str] = NOUNS, **more: Any) -> list[dict[str, Any]]:
    """`count` questions, prompts `Which? 0`, `Which? 1` and so on; the truth goes round the labels."""
    rows = [question(index, labels[index % len(labels)], labels) for index in range(count)]
    return [
        row | {"prompt": f"Which? {index}", "image_path": row["image_path"].lstrip("/")} | more
        for index, row in enumerate(rows)
    ]


def said(text: str, stop: Any = "stop", tokens: tuple[int, int] = (30, 7)) -> ModelOutput:
    output = ModelOutput.from_content("m", text, stop_reason=stop)
    output.usage = ModelUsage(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=sum(tokens))
    return output


Answering = Callable[[str, list[ChatMessage], GenerateConfig], ModelOutput]


def answered(
    task: Task, logs: Path, answer: Answering = lambda prompt, turns, config: said(RIGHT), **options: Any
) -> EvalLog:
    """The log of one run of `task`, its model answering by `answer(prompt, messages, config)`."""

    def outputs(turns: list[ChatMessage], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
        return answer(turns[-1].text, turns, config)

    model = get_model("mockllm/tiny", custom_outputs=outputs, memoize=False)
    (log,) = run_tasks(task, model=model, log_dir=str(logs), display="none", **options)
    return log


def samples(log: EvalLog) -> list[EvalSample]:
    assert log.samples is not None
    return log.samples


def shown_in(turns: list[ChatMessage]) -> tuple[Image.Image, str]:
    """The picture and the text of the one turn."""
    (turn,) = turns
    assert isinstance(turn.content, list)
    picture, text = turn.content
    assert isinstance(picture, ContentImage)
    assert isinstance(text, ContentText)
    head, encoded = picture.image.split(",", 1)
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(encoded))), text.text


IDENTITY: Json = {
    "questions": {"name": "q.json", "sha256": "0" * 64},
    "model": {"name": "tiny", "fingerprint": "f"},
    "prompt": "fer-1",
}
