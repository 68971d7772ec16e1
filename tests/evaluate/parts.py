"""Parts of one run, as several machines leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.evaluate.scored import question, replied
from unifer.records import Json

IDENTITY: Json = {
    "questions": {"name": "toy_qa.json", "bytes": 9, "sha256": "a" * 64},
    "model": {"name": "M", "fingerprint": "f" * 64},
    "prompt": "fer-1",
    "engine": "vllm",
    "dtype": "float32",
    "generation": {"temperature": 0.0, "seed": 0},
    "image_rule": {"version": "fer-image-1", "size": 224},
}
TRUTHS = ("happy", "sad", "angry", "happy", "sad", "angry")


def row(index: int, reply: dict[str, Any] | None = None) -> dict[str, Any]:
    return question(index, TRUTHS[index]) | (replied(TRUTHS[index]) if reply is None else reply)


def part(path: Path, rows: list[dict[str, Any]], count: int | None = 6, **changed: Any) -> Path:
    """A prediction file and, unless `count` is None, its manifest, with `changed` keys of the identity."""
    path.write_text(
        "".join(json.dumps(each) + "\n" for each in rows) if path.suffix == ".jsonl" else json.dumps(rows),
        encoding="utf-8",
    )
    if count is not None:
        manifest = {"identity": IDENTITY | changed, "context": {"asked": count}}
        path.with_suffix(".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path


def replies(predictions: Any) -> list[str]:
    return ["failed" if each.failed else each.reply.split(">")[-2].split("<")[0] for each in predictions]
