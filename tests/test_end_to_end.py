"""The spine on the real stack: SFT -> infer with both engines -> eval, by the commands that users type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DATASET = "name: held\ntitle: Held out\nquestions: data/affectnet_qa.json\nsample: data/affectnet_qa.json\n"
LABELS = "labels: [neutral, happiness, sadness, surprise, fear, disgust, anger, contempt]\n"


def unifer(*argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "unifer", *argv], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def replies(path: Path) -> dict[str, str]:
    return {row["image_path"]: row["model_response"] for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def test_sft_then_both_engines_then_scores(corpus: Path, tmp_path: Path) -> None:
    model, folder = tmp_path / "trained", tmp_path / "eval_held"
    base = ROOT / "train_unifer/checkpoints/UniFER-Tiny-Base"
    short = ["--max_steps", "80", "--per_device_train_batch_size", "12", "--learning_rate", "2e-3", "--warmup_steps", "10"]
    short += ["--lr_scheduler_type", "constant_with_warmup"]
    rows = ["--rows", str(corpus / "cot.json"), "--model_name_or_path", str(base), "--output_dir", str(model), "--report_to", "none"]
    unifer("sft", "--config", str(ROOT / "train_unifer/configs/sft_tiny.yaml"), *rows, *short)

    (folder / "data").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(DATASET + LABELS)
    (folder / "data/affectnet_qa.json").write_bytes((corpus / "affectnet_qa.json").read_bytes())
    (folder / "data/images").symlink_to(corpus / "images")
    said = {}
    for engine in ("transformers", "vllm"):
        out = folder / "results" / f"{engine}.jsonl"
        asked = ["--dataset-dir", str(folder), "--model", str(model), "--engine", engine, "--out", str(out), "--max-new-tokens", "120"]
        unifer("infer", *asked)
        said[engine] = replies(out)
    assert len(said["vllm"]) == 24
    assert said["transformers"] == said["vllm"]

    shown = unifer("eval", "--dataset-dir", str(folder), "--predictions", str(folder / "results/vllm.jsonl"))
    metrics = json.loads((folder / "results/vllm.metrics.json").read_text())
    assert metrics["counts"]["asked"] == 24
    assert metrics["counts"]["well_formed"] > 12, "eighty steps from the base teach the form of a reply"
    assert "WAR" in shown
    assert (folder / "results/vllm.confusion.png").read_bytes().startswith(b"\x89PNG")
