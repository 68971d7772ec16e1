"""One round of self-synthesis with the real tiny model, by the script that users type; killed on the way and
gone on with.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.shared import ROOT, unifer
from unifer.models.checkpoints import check_checkpoint

pytestmark = pytest.mark.slow

CONFIGS = ROOT / "train_unifer/configs"
SCRIPT = ROOT / "train_unifer/src/scripts/run_synthesis.sh"
HELD_OUT = """\
name: heldout
title: Held out
questions: data/heldout_qa.json
sample: data/heldout_qa.json
labels: [neutral, happiness, sadness, surprise, fear, disgust, anger, contempt]
"""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def draw_held_out(folder: Path) -> Path:
    """A dataset folder of eight held-out faces."""
    held = folder / "heldout"
    held.mkdir()
    (held / "dataset.yaml").write_text(HELD_OUT)
    series = ["--count", "8", "--seed", "held"]
    unifer("data", "faces", *series, "--out", str(held / "data"), "--datasets", str(held))
    return held


def make_config(folder: Path, corpus: Path, trained: Path) -> Path:
    """Eight held-out faces, and a round of a model that has learnt the corpus somewhat, small enough for a
    test.
    """
    held = draw_held_out(folder)
    small = {"max_steps": 2, "per_device_train_batch_size": 8, "report_to": "none"}
    config = {
        "out": str(folder / "run"),
        "model": str(trained),
        "pool": [str(corpus / "rlvr.json")],
        "cot": str(corpus / "cot.json"),
        "heldout": str(held),
        "generation": {"samples": 6, "temperature": 1.0, "max_new_tokens": 120},
        "filter": {"min_words": 3, "min_au_f1": 0.2, "repeats": None},
        "selection": {"rows": 12, "faces": 12},
        "sft": {"config": str(CONFIGS / "sft_tiny.yaml"), "processes": 1, "settings": small},
        "grpo": {
            "config": str(CONFIGS / "grpo_tiny.yaml"),
            "processes": 1,
            "settings": small | {"num_generations": 4, "save_steps": 2},
        },
        "evaluation": {"max_new_tokens": 100, "settings": {"engine": "transformers"}},
    }
    path = folder / "synthesis.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def kill_while_asking(command: list[str], log: Path) -> None:
    """SIGKILL the command and all it started once some replies are on disk."""
    running = subprocess.Popen(
        command,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while running.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 5):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    with log.with_name(
        f".{log.name}.lock"
    ).open() as lock:  # the leader is gone; the process that wrote may take a moment longer
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_a_round_with_the_real_model_survives_a_kill(corpus: Path, trained: Path, tmp_path: Path) -> None:
    command = ["bash", str(SCRIPT), "--config", str(make_config(tmp_path, corpus, trained))]
    folder = tmp_path / "run/round_1"
    log = folder / "generations.jsonl"
    kill_while_asking(command, log)
    before = log.read_bytes().splitlines()[:5]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]

    rows = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert log.read_bytes().splitlines()[:5] == before
    assert Counter(row["id"] for row in rows).most_common(1)[0][1] == 1, "nothing is asked twice"
    assert len(rows) == 24 * 6
    report = json.loads((folder / "selection.json").read_text())
    blind = report["quality"]["blind"]
    assert blind["asked"] == 144 == blind["failed"] + blind["rejected"] + blind["passed"]
    assert report["mixed"]["synthesised"] == report["rows"]["taken"] > 0
    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["before"]["n"], scores["after"]["n"], scores["gain"]["n"]) == (8, 8, 8)
    assert scores["helped"] == (scores["gain"]["ci95"][0] > 0)
    check_checkpoint(folder / "Tiny-R1")
    started = json.loads((folder / "Tiny-R1/manifest.json").read_text())["identity"]["checkpoint"]
    assert started["name"] == "Tiny-R1-SFT", "GRPO goes on from the round's SFT"

    again = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert again.returncode == 0
    assert "grpo: done before" in again.stdout
