"""GRPO on the real stack: rollouts of transformers and vLLM, one rank and two, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.train.grpo_flags import BASE, ROOT, flags
from unifer.cli import main
from unifer.models.checkpoints import check_checkpoint
from unifer.train.history import read_metrics, read_rollouts
from unifer.train.rewards import DEFAULT

pytestmark = pytest.mark.slow


def start(argv: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "unifer", "grpo", *argv], env=environment, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors[-3000:]
    return errors


def assert_ten_steps(out: Path, rewards: Sequence[str] = DEFAULT, completions: int = 8) -> None:
    """Ten steps, each once, every rollout of each with its rewards; a whole checkpoint."""
    metrics, rollouts = read_metrics(out), list(read_rollouts(out))
    assert [row["step"] for row in metrics] == list(range(1, 11))
    assert [row["step"] for row in rollouts] == [step for step in range(1, 11) for _ in range(completions)]
    for step in range(1, 11):
        group = [row for row in rollouts if row["step"] == step]
        keys = {row["key"] for row in group}
        assert keys == {row["key"] for row in group[::4]}, "a group is four completions of one row"
        assert abs(sum(row["advantage"] for row in group)) < 1e-3 * len(group)
        assert metrics[step - 1]["reward"] == pytest.approx(
            sum(row["reward"] for row in group) / len(group), abs=1e-4
        )
        equal = [
            len({round(row["reward"], 5) for row in rollouts if row["step"] == step and row["key"] == key})
            == 1
            for key in keys
        ]
        assert metrics[step - 1]["frac_reward_zero_std"] == pytest.approx(sum(equal) / len(equal)), (
            "also where rewards are scaled by the batch"
        )
    assert all(row["rewards"].keys() == set(rewards) for row in rollouts)
    assert any(row["clipped"] for row in rollouts) == any(row["tokens"] == 24 for row in rollouts)
    check_checkpoint(out)


def test_ten_steps_with_transformers_rollouts(corpus: Path, tmp_path: Path) -> None:
    from unifer.train import grpo

    out = grpo.run(
        flags(
            corpus, BASE, tmp_path / "none", rollouts="none", max_steps=10, beta=0.04, scale_rewards="batch"
        )
    )
    assert_ten_steps(out)
    assert all(row["kl"] is not None for row in read_metrics(out))


def test_a_killed_run_goes_on_and_logs_no_step_twice(corpus: Path, tmp_path: Path) -> None:
    """With vLLM rollouts: killed after step 6 or later, gone on from the checkpoint of step 4 or 8."""
    out = tmp_path / "killed"
    argv = flags(corpus, BASE, out, max_steps=10, save_steps=4)
    process = start(argv)
    while not (out / "metrics.jsonl").exists() or len((out / "metrics.jsonl").read_text().splitlines()) < 6:
        assert process.poll() is None, process.communicate()[1][-3000:]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = [row for row in read_metrics(out) if row["step"] <= 4]
    assert not (out / "model.safetensors").exists()
    ended(start(argv))
    assert_ten_steps(out)
    assert read_metrics(out)[:4] == before, "what was logged up to the checkpoint stays as it was"
    assert max(row["sampling/sampling_logp_difference/mean"] for row in read_metrics(out)) < 1e-3
    assert json.loads((out / "manifest.json").read_text())["context"]["steps"] == 10


@pytest.mark.parametrize("stage", [pytest.param("zero2", marks=pytest.mark.matrix), "zero3"])
def test_two_ranks_roll_out_with_vllm_under_zero(stage: str, corpus: Path, tmp_path: Path) -> None:
    """And `unifer infer` loads what they save."""
    out = tmp_path / stage
    zero = ROOT / f"train_unifer/configs/deepspeed/{stage}.json"
    recipe = ROOT / "train_unifer/configs/grpo_tiny.yaml"  # with its KL term, of the completions trained on
    sizes = {"max_steps": 10, "per_device_train_batch_size": 4, "trained_completions": 2, "save_steps": 100}
    argv = flags(corpus, BASE, out, config=recipe, deepspeed=zero, **sizes)
    environment = os.environ | {"NPROC": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launcher = ROOT / "train_unifer/src/scripts/run_grpo_vllm.sh"
    subprocess.run(["bash", str(launcher), *argv], env=environment, check=True, timeout=1800)
    assert_ten_steps(out, rewards=("accuracy", "format", "au_f1", "conclusion"))
    assert max(row["sampling/sampling_logp_difference/mean"] for row in read_metrics(out)) < 1e-3
    folder = tmp_path / "asked"
    (folder / "results").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(
        "name: asked\ntitle: Asked\nquestions: qa.json\nsample: qa.json\n"
        "labels: [neutral, happiness, sadness, surprise, fear, disgust, anger, contempt]\n"
    )
    rows = json.loads((corpus / "affectnet_qa.json").read_text())[:4]
    (folder / "qa.json").write_text(
        json.dumps([{**row, "image_path": str(row["image_path"])} for row in rows])
    )
    (folder / "images").symlink_to(corpus / "images")
    assert (
        main(
            [
                "infer",
                "--model",
                str(out),
                "--engine",
                "transformers",
                "--dataset-dir",
                str(folder),
                "--max-new-tokens",
                "4",
            ]
        )
        == 0
    )
    assert len((folder / "results" / f"{stage}.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"num_generations": 3},
            "generation_batch_size.*num_generations.*a batch counts completions, not prompts",
        ),
        (
            {"max_completion_length": 4000},
            r"longest prompt takes \d+ tokens .* above the model's context of 2,048",
        ),
        ({"processor_rescales": "false"}, "784 to 12,544 pixels"),
        ({"rewards": "accurcy"}, "did you mean 'accuracy'"),
        ({"load_in_4bit": "true"}, "--load_in_4bit true is for SFT"),
    ],
)
def test_what_cannot_work_is_refused_before_the_folder_is_made(
    changed: dict[str, object], reason: str, corpus: Path, tmp_path: Path
) -> None:
    from unifer.errors import InputError
    from unifer.train import grpo

    with pytest.raises(InputError, match=reason):
        grpo.run(flags(corpus, BASE, tmp_path / "out", **changed))
    assert not (tmp_path / "out").exists()
