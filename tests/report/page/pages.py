"""A small page to test with: two datasets, two models, drawn-on images, replies that try to break out; and
Chromium to open it in.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from unifer.datasets import DatasetSpec, load_dataset
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.records import Json
from unifer.report.page.building import ReportSettings, ReportSummary, write_report

if TYPE_CHECKING:
    pass

NOUNS = ("neutral", "happiness", "sadness", "anger")
ADJECTIVES = ("angry", "happy", "sad")
COUNT = 60
HOSTILE = {
    "script": "<script>window.broken = 1; alert('x')</script><img src=x onerror=\"window.broken=1\">",
    "closing": "</script></style></textarea><!--<script>window.broken = 1</script>",
    "ansi": "\x1b[31mred\x1b[0m \x9b2J",
    "bidi": "safe \u202e\u2066evil\u2069 text \u200b\ufeff",
    "null": "a\0b\x07c",
    "surrogate": "half \ud800 pair \udfff",
    "template": "{{summary}} ${window.broken = 1} {{images}}",
}
"""What a reply may hold; none of it may act."""


@contextlib.contextmanager
def silent(total: int) -> Iterator[Callable[[int], None]]:
    yield lambda amount: None


def make_dataset(root: Path, name: str, labels: tuple[str, ...], count: int = COUNT) -> DatasetSpec:
    """A dataset folder with `count` questions over small images, the last of which is missing."""
    folder = root / f"eval_{name}"
    (folder / "data/faces").mkdir(parents=True)
    (folder / "results").mkdir()
    files = f"questions: data/{name}_qa.json\nsample: data/sample_qa.json\n"
    (folder / "dataset.yaml").write_text(
        f"name: {name}\ntitle: Set {name}\n{files}labels: [{', '.join(labels)}]\n"
    )
    rows = []
    for number in range(count):
        if number < count - 1:
            Image.new("RGB", (40 + number, 60), (number * 4 % 256, 90, 120)).save(
                folder / f"data/faces/{number:03d}.png"
            )
        row = {
            "image_path": f"faces/{number:03d}.png",
            "true_label": labels[number % len(labels)],
            "prompt": f"Which, of {name}?",
        }
        rows.append(row | {"candidate_labels": list(labels), "AUs": ["AU6", "AU12"] if number % 2 else []})
    (folder / f"data/{name}_qa.json").write_text(json.dumps(rows))
    return load_dataset(folder)


def units_dataset(root: Path) -> DatasetSpec:
    """Six questions that ask for AUs alone; AU12 and AU6 are coded, AU4 is not."""
    folder = root / "eval_units"
    (folder / "results").mkdir(parents=True)
    head = "name: units\ntitle: Set units\nquestions: units_qa.json\naction_units: [4, 6, 12]\n"
    (folder / "dataset.yaml").write_text(head)
    asked = {
        "true_label": None,
        "prompt": "Which AUs?",
        "candidate_labels": [],
        "AUs": ["AU12"],
        "provenance": {"coded": ["AU6", "AU12"]},
    }
    (folder / "units_qa.json").write_text(
        json.dumps([asked | {"image_path": f"{number}.png"} for number in range(6)])
    )
    return load_dataset(folder)


def reply_to(number: int, labels: tuple[str, ...], skill: int) -> Json:
    """Right, wrong, off the list, without an answer or failed, by number."""
    if number % 11 == 5:
        return {"model_response": "", "error": True, "error_message": "HTTP 500 <b>from</b> the server"}
    said = labels[number % len(labels)] if number % skill else labels[(number + 1) % len(labels)]
    if number % 13 == 7:
        said = "unhappy"
    body = f"Reading {number}: cheek raiser (AU6) and AU12, but no AU4."
    if number % 17 == 9:
        return {"model_response": body}
    return {
        "model_response": f"<think>{body}</think>\n<answer>{said}</answer>",
        "finish_reason": "stop",
        "completion_tokens": 20 + number % 9,
    }


def write_run(
    spec: DatasetSpec, name: str, skill: int, count: int = COUNT, replies: dict[int, Json] | None = None
) -> Path:
    """Predictions of `name` to the first `count` questions; `replies` replace those of their numbers."""
    questions = json.loads(spec.questions.read_text())
    rows = [
        row | ((replies or {}).get(at) or reply_to(at, spec.labels, skill))
        for at, row in enumerate(questions[:count])
    ]
    path = spec.results / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_page(out: Path, runs: list[tuple[DatasetSpec, Path]], **settings: Any) -> ReportSummary:
    results = [score_strict(spec, PredictionFile(path.stem, path), 50) for spec, path in runs]
    return write_report(results, out, ReportSettings(resamples=50, **settings), silent)


@dataclass(frozen=True)
class SmallPage:
    """The page as written, its text, and the prediction files behind it."""

    written: ReportSummary
    predictions: list[Path]

    @property
    def text(self) -> str:
        return self.written.path.read_text()


def small_page(root: Path) -> SmallPage:
    """Two models on two datasets; the second lacks the last five questions of the second dataset."""
    nouns, adjectives = make_dataset(root, "nouns", NOUNS), make_dataset(root, "adjectives", ADJECTIVES)
    odd = {
        number: {"model_response": f"<think>{text}</think><answer>sadness</answer>"}
        for number, text in enumerate(HOSTILE.values(), 20)
    }
    odd[27] = {"model_response": "<think>" + "long AU6 " * 120_000 + "</think><answer>anger</answer>"}
    runs = [
        (nouns, write_run(nouns, "Model-A", 3, replies=odd)),
        (adjectives, write_run(adjectives, "Model-A", 3)),
        (nouns, write_run(nouns, "Model-B", 4)),
        (adjectives, write_run(adjectives, "Model-B", 4, count=COUNT - 5)),
    ]
    return SmallPage(write_page(root / "out", runs), [path for _, path in runs])


def block(page: str, name: str) -> str:
    found = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None, name
    return found[1]


def summary_of(page: str) -> Json:
    found: Json = json.loads(block(page, "summary-data"))
    return found


def unzipped(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def samples_of(page: str) -> Json:
    found: Json = unzipped(block(page, "samples-data"))
    return found


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Where Chromium is; the test is skipped without one, and fails where CI says that there must be one."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        message = (
            "no chromium on PATH: the page is not opened in a browser here (Debian: apt-get install chromium)"
        )
        if os.environ.get("CI_CHROMIUM") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return found


def scored(spec: DatasetSpec, name: str, skill: int, **more: Any) -> DatasetScores:
    return score_strict(spec, PredictionFile(name, write_run(spec, name, skill, **more)), 50)


def three_sets(root: Path) -> list[DatasetScores]:
    """A and B on two datasets with labels and one of AUs alone, which B did not answer."""
    nouns, adjectives, units = (
        make_dataset(root, "nouns", NOUNS),
        make_dataset(root, "adjectives", ADJECTIVES),
        units_dataset(root),
    )
    found = [
        scored(spec, name, skill) for name, skill in (("A", 3), ("B", 4)) for spec in (nouns, adjectives)
    ]
    return [
        *found,
        scored(
            units,
            "A",
            3,
            count=6,
            replies={at: {"model_response": "<answer>AU12</answer>"} for at in range(6)},
        ),
    ]
