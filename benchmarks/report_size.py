"""The report at the benchmark's size: 11,072 predictions of two models each, over the real questions and
stand-in images.

Targets on two cores: the page written in at most 20 s, at most 15 MB; in headless Chromium interactive in at
most 2 s, and every filter under 100 ms. Replies are put together from phrases, about as long as a 7B model's
reasoning and about as hard to compress; their scores mean nothing. Run: python benchmarks/report_size.py
--questions FOLDER_WITH_QA_FILES [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unifer.action_units import ACTION_UNITS
from unifer.datasets import load_dataset
from unifer.places import FERBENCH
from unifer.records import Json

ROOT = Path(__file__).resolve().parents[1]
MODELS = {"UniFER-7B": 0.69, "Qwen2.5-VL-7B": 0.52}
_OPENINGS = (
    "The person in the image",
    "This face",
    "Looking closely, the subject",
    "In this picture the individual",
    "The expression here",
)
_PLACES = (
    "brows",
    "forehead",
    "eyes",
    "eyelids",
    "cheeks",
    "nose",
    "mouth",
    "lips",
    "corners of the lips",
    "jaw",
    "chin",
    "gaze",
    "posture",
)
_ADVERBS = (
    "slightly",
    "visibly",
    "markedly",
    "barely",
    "strongly",
    "symmetrically",
    "on one side",
    "gently",
    "noticeably",
    "clearly",
)
_STATES = (
    "raised",
    "lowered",
    "drawn together",
    "relaxed",
    "tensed",
    "parted",
    "pressed",
    "widened",
    "narrowed",
    "pulled back",
    "wrinkled",
)
_LINKS = (
    "which suggests",
    "consistent with",
    "hinting at",
    "a sign often read as",
    "rather than",
    "and together with it",
    "pointing to",
)
_FEELINGS = (
    "calm",
    "joy",
    "grief",
    "unease",
    "alarm",
    "irritation",
    "aversion",
    "scorn",
    "astonishment",
    "fatigue",
    "concentration",
    "warmth",
)
_ENDS = (
    "in this light",
    "given the angle of the head",
    "despite the low resolution",
    "across both halves of the face",
    "at first sight",
)
_DENIALS = ("There is no", "I do not see", "No trace of", "Without")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--questions", type=Path, required=True, help="folder with the four published *_qa.json"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder to keep questions, images and page in; used again where it exists"
    )
    parser.add_argument("--no-browser", action="store_true", help="measure the writing alone")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = args.keep or Path(name)
        if not (root / "images").is_dir():
            _prepare(root, args.questions)
        result = _write(root)
        if not args.no_browser:
            result |= _open(root / "page" / "index.html")
        print(json.dumps(result))


def _prepare(root: Path, questions: Path) -> None:
    """Folders with the real questions, images for them, and the replies of two models."""
    for folder in FERBENCH:
        (root / folder / "results").mkdir(parents=True)
        shutil.copyfile(ROOT / folder / "dataset.yaml", root / folder / "dataset.yaml")
        spec = load_dataset(root / folder)
        spec.questions.parent.mkdir()
        shutil.copyfile(questions / spec.questions.name, spec.questions)
        _unifer("data", "faces", "--for-questions", str(spec.questions), "--image-root", str(root / "images"))
        rows = json.loads(spec.questions.read_text(encoding="utf-8"))
        for model, skill in MODELS.items():
            draw = random.Random(f"{model} {folder}")
            replies = (json.dumps(row | _reply(row, skill, draw)) for row in rows)
            (spec.results / f"{model}.jsonl").write_text("\n".join(replies) + "\n", encoding="utf-8")


def _reply(row: Json, skill: float, draw: random.Random) -> Json:
    label = row["true_label"] if draw.random() < skill else draw.choice(row["candidate_labels"])
    sentences = " ".join(_sentence(draw) for _ in range(draw.randint(4, 11)))
    text = f"<think>{sentences} Taken together, the face shows {label}.</think>\n<answer>{label}</answer>"
    return {
        "model_response": text,
        "finish_reason": "stop",
        "prompt_tokens": 171,
        "completion_tokens": len(text) // 4,
    }


def _sentence(draw: random.Random) -> str:
    pick = draw.choice
    unit = pick(list(ACTION_UNITS.values()))
    named = f"{unit.name} (AU{unit.number})"
    if draw.random() < 0.2:
        return f"{pick(_DENIALS)} {named} {pick(_ENDS)}, {pick(_LINKS)} {pick(_FEELINGS)}."
    seen = (
        f"{pick(_OPENINGS)} has {pick(_PLACES)} that are {pick(_ADVERBS)} {pick(_STATES)}, "
        f"{pick(_LINKS)} {pick(_FEELINGS)}"
    )
    return f"{seen}; the {pick(_PLACES)} {pick(_STATES)} {pick(_ENDS)} and {named} {pick(_ADVERBS)}."


def _write(root: Path) -> Json:
    started = time.perf_counter()
    folders = [str(root / folder) for folder in FERBENCH]
    _unifer("report", *folders, "--image-root", str(root / "images"), "--out", str(root / "page"))
    seconds = time.perf_counter() - started
    return {
        "write_s": round(seconds, 1),
        "megabytes": round((root / "page" / "index.html").stat().st_size / 1e6, 2),
    }


_FILTERS: list[Json] = [
    {"verdict": "wrong"},
    {"verdict": "disagree"},
    {"dataset": "rafdb", "truth": "fear"},
    {"said": "anger", "model": "UniFER-7B"},
    {"find": "scorn in this light"},
    {"find": "nothing says this"},
    {},
]
_TIMED = """async (filters) => {
  const started = performance.now();
  unifer.setFilters({ ...unifer.EMPTY, ...filters });
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - started;
}"""


def _open(page: Path) -> Json:
    """Seconds from navigation to a page that answers, over three cold starts of the browser; milliseconds of
    the slowest filter.
    """
    from playwright.sync_api import sync_playwright

    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    ready, slowest = [], 0.0
    with sync_playwright() as playwright:
        for _ in range(3):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            started = time.perf_counter()
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-ready]")
            tab.keyboard.press("j")
            ready.append(time.perf_counter() - started)
            # What is typed in the first second is searched while the index is still being made: it counts
            # too.
            slowest = max(slowest, *(tab.evaluate(_TIMED, filters) for filters in _FILTERS))
            rows = tab.evaluate("document.querySelectorAll('*').length")
            browser.close()
    return {
        "interactive_s": round(statistics.median(ready), 2),
        "slowest_filter_ms": round(slowest, 1),
        "elements": rows,
    }


def _unifer(*argv: str) -> None:
    subprocess.run([sys.executable, "-m", "unifer", *argv], check=True)


if __name__ == "__main__":
    main()
