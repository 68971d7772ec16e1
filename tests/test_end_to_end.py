"""The spine on the real stack: SFT -> infer with both engines -> eval, by the commands that users type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shared import unifer

pytestmark = pytest.mark.slow

DATASET = "name: held\ntitle: Held out\nquestions: data/affectnet_qa.json\nsample: data/affectnet_qa.json\n"
LABELS = "labels: [neutral, happiness, sadness, surprise, fear, disgust, anger, contempt]\n"


def replies(path: Path) -> dict[str, str]:
    return {
        row["image_path"]: row["model_response"]
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    }


def test_sft_then_both_engines_then_scores(corpus: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "eval_held"
    (folder / "data").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(DATASET + LABELS)
    (folder / "data/affectnet_qa.json").write_bytes((corpus / "affectnet_qa.json").read_bytes())
    (folder / "data/images").symlink_to(corpus / "images")
    said = {}
    for engine in ("transformers", "vllm"):
        out = folder / "results" / f"{engine}.jsonl"
        asked = [
            "--dataset-dir",
            str(folder),
            "--model",
            str(trained),
            "--engine",
            engine,
            "--out",
            str(out),
            "--max-new-tokens",
            "120",
        ]
        unifer("infer", *asked)
        said[engine] = replies(out)
    assert len(said["vllm"]) == 24
    assert said["transformers"] == said["vllm"]

    said_by_eval = unifer(
        "eval", "--dataset-dir", str(folder), "--predictions", str(folder / "results/vllm.jsonl")
    )
    metrics = json.loads((folder / "results/vllm.metrics.json").read_text())
    assert metrics["counts"]["asked"] == 24
    assert metrics["counts"]["well_formed"] > 12, "eighty steps from the base teach the form of a reply"
    assert "WAR" in said_by_eval
    assert (folder / "results/vllm.confusion.png").read_bytes().startswith(b"\x89PNG")
