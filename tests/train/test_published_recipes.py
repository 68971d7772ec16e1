"""The committed recipes for the 7B on two ranks of a tiny untied model: what one rank learns, two learn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.train.grpo_flags import BASE, ROOT
from unifer.train.history import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.matrix]

CONFIGS = ROOT / "train_unifer" / "configs"
ON_CPU = {
    "dtype": "float32",
    "bf16": "false",
    "processor_rescales": "true",
    "report_to": "none",
    "logging_steps": 1,
    "preflight": "false",
}
ON_CPU |= {"dataloader_num_workers": 0, "learning_rate": 1e-4}


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UniFER-Tiny with a head of its own, as the 7B has."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = tmp_path_factory.mktemp("models") / "untied"
    model = AutoModelForImageTextToText.from_pretrained(BASE, dtype="float32")
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
    model.save_pretrained(folder)
    AutoProcessor.from_pretrained(BASE).save_pretrained(folder)
    return folder


def run(module: list[str], config: str, ranks: int, flags: dict[str, object], log: Path) -> list[str]:
    """Train by the launcher; the lines that it said."""
    argv = [
        "--config",
        str(CONFIGS / config),
        *(word for name, value in (ON_CPU | flags).items() for word in (f"--{name}", str(value))),
    ]
    launch = [
        sys.executable,
        "-m",
        "unifer.cli.launch",
        "--standalone",
        "--nproc_per_node",
        str(ranks),
        "-m",
        *module,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    with log.open("wb") as stream:
        done = subprocess.run(
            [*launch, *argv], cwd=ROOT, env=environment, stdout=stream, stderr=stream, timeout=1800
        )
    said = log.read_text(errors="replace")
    assert done.returncode == 0, said[-3000:]
    return [line for line in said.splitlines() if line.strip()]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


def losses_of(checkpoint: Path) -> list[float]:
    history = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


def assert_same_weights(one: Path, two: Path, start: Path) -> None:
    """Equal to 1e-4 of what was learnt."""
    ours, theirs, before = weights(one), weights(two), weights(start)
    assert ours.keys() == theirs.keys()
    moved = sum(float((ours[name] - before[name]).square().sum()) for name in ours) ** 0.5
    apart = sum(float((ours[name] - theirs[name]).square().sum()) for name in ours) ** 0.5
    assert moved > 0
    assert apart <= 1e-4 * moved, f"{apart / moved:.2g}"


@pytest.mark.parametrize("zero", ["zero2", "zero3"])
def test_sft_of_the_7b_on_two_ranks_is_that_of_one(
    zero: str, untied: Path, corpus: Path, tmp_path: Path
) -> None:
    flags = {
        "rows": corpus / "cot.json",
        "model_name_or_path": untied,
        "max_steps": 5,
        "save_steps": 5,
        "num_train_epochs": 9,
    }
    for ranks in (1, 2):
        own = {"deepspeed": CONFIGS / "deepspeed" / f"{zero}.json", "output_dir": tmp_path / str(ranks)}
        run(["unifer", "sft"], "sft_7b.yaml", ranks, flags | own, tmp_path / f"{ranks}.log")
    losses = [losses_of(tmp_path / str(ranks) / "checkpoint-5") for ranks in (1, 2)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert json.loads((tmp_path / "2" / "manifest.json").read_text())["identity"]["global_batch"] == 16
    assert_same_weights(tmp_path / "1", tmp_path / "2", untied)


@pytest.mark.parametrize("zero", ["zero2", "zero3"])
def test_grpo_of_the_7b_on_two_ranks_is_that_of_one(
    zero: str, untied: Path, corpus: Path, tmp_path: Path
) -> None:
    """KL, checkpointing, accumulation, token_truncate; and vLLM loads what ZeRO saved."""
    flags = {
        "rows": corpus / "rlvr.json",
        "model_name_or_path": untied,
        "max_steps": 5,
        "save_steps": 5,
        "global_batch": 32,
    }
    flags |= {
        "per_device_train_batch_size": 8,
        "vllm_enable_sleep_mode": "false",
        "probe_limit": 1e9,
        "max_completion_length": 64,
    }
    lines: list[str] = []
    for ranks in (1, 2):
        own = {"deepspeed": CONFIGS / "deepspeed" / f"{zero}.json", "output_dir": tmp_path / str(ranks)}
        lines = run(
            ["tests.train.recorded_grpo"], "grpo_7b.yaml", ranks, flags | own, tmp_path / f"{ranks}.log"
        )
    one, two = (read_metrics(tmp_path / str(ranks)) for ranks in (1, 2))
    assert [row["grad_norm"] for row in two] == pytest.approx([row["grad_norm"] for row in one], rel=1e-4)
    assert one[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert one[-1]["kl"] > 1e-6
    assert_same_weights(tmp_path / "1", tmp_path / "2", untied)
    assert len(lines) <= 200, "a 7B run takes thousands of steps, and its log is read"

    from PIL import Image

    from unifer.models.engines import EngineSpec, GenerationSettings, Request

    engine = EngineSpec("vllm", tmp_path / "2", GenerationSettings(max_new_tokens=4), dtype="float32").open()
    (reply,) = engine.stream([Request("one", "Which?", Image.new("RGB", (224, 224)))])
    engine.close()
    assert reply.error is None
