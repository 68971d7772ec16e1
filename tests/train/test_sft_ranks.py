"""SFT by two ranks under DeepSpeed: they learn as one rank learns, and save one model."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.train.sft_flags import flags, weights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = 20


def launch(argv: list[str]) -> None:
    """Two ranks, as a user starts them."""
    launcher = ROOT / "train_unifer/src/scripts/run_sft_fer.sh"
    environment = os.environ | {"NPROC": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(["bash", str(launcher), *argv], env=environment, check=True, timeout=1800)


def zero_flags(corpus: Path, model: Path, out: Path, batch: int, *more: str) -> list[str]:
    steps = [
        "--max_steps",
        str(STEPS),
        "--save_steps",
        str(STEPS),
        "--per_device_train_batch_size",
        str(batch),
    ]
    return [
        *flags(corpus, model, out, "--config", str(ROOT / "train_unifer/configs/sft_tiny.yaml")),
        *steps,
        *more,
    ]


def losses(out: Path) -> list[float]:
    state = json.loads((out / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


@pytest.fixture(scope="module")
def one_rank(corpus: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of one rank on the whole batch."""
    from unifer.train import sft

    return losses(sft.run(zero_flags(corpus, tiny, tmp_path_factory.mktemp("one") / "rank", 8)))


@pytest.mark.parametrize("stage", [pytest.param("zero2", marks=pytest.mark.matrix), "zero3"])
def test_two_ranks_under_zero_learn_as_one_and_save_one_model(
    stage: str, corpus: Path, tiny: Path, tmp_path: Path, one_rank: list[float]
) -> None:
    """Ranks with all rows each, or half of the gradient, would part from one; ZeRO files saved no model."""
    from unifer.models.checkpoints import check_checkpoint

    out = tmp_path / stage
    launch(
        zero_flags(
            corpus, tiny, out, 4, "--deepspeed", str(ROOT / f"train_unifer/configs/deepspeed/{stage}.json")
        )
    )
    assert losses(out) == pytest.approx(one_rank, abs=1e-4)
    assert one_rank[-1] < one_rank[0] - 1, "a loss that does not fall would agree with anything"
    check_checkpoint(out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["context"]["deepspeed"]["name"] == f"{stage}.json"
    assert str(tmp_path) not in json.dumps(manifest), "a manifest names no path of this machine"
    assert manifest["identity"]["global_batch"] == 8
    assert manifest["context"]["world_size"] == 2
    before, after = weights(tiny), weights(out)
    assert after.keys() - before.keys() <= {"lm_head.weight"}, (
        "DeepSpeed writes the tied head out as well, nothing else"
    )
    assert any(not before[name].equal(after[name]) for name in before)


@pytest.mark.matrix
def test_lora_under_zero3_is_merged_without_waiting_for_the_other_rank(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    from unifer.models.checkpoints import check_checkpoint

    out, zero3 = tmp_path / "lora", ROOT / "train_unifer/configs/deepspeed/zero3.json"
    launch(
        [
            *zero_flags(corpus, tiny, out, 4, "--deepspeed", str(zero3), "--use_peft", "true"),
            "--max_steps",
            "2",
        ]
    )
    check_checkpoint(out)
    assert any(not weights(tiny)[name].equal(weights(out)[name]) for name in weights(tiny))
