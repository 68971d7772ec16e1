"""`unifer ablate` with the real trainings and the real tiny model: killed on the way and gone on with; and
the shipped tables.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.test_synthesis_real import draw_held_out
from tests.shared import ROOT
from unifer.cli import ablation_plan
from unifer.cli.ablation_plan import Ablations, plan
from unifer.cli.ablation_study import Study
from unifer.cli.stages import Stages
from unifer.reading import read

pytestmark = pytest.mark.slow

CONFIGS = ROOT / "train_unifer/configs"


def make_table(folder: Path, corpus: Path, trained: Path) -> Path:
    """Eight held-out faces; a reference of two steps each, its SFT alone, and a variant with a KL term."""
    held = draw_held_out(folder)
    small = {"max_steps": 2, "per_device_train_batch_size": 8, "report_to": "none", "save_steps": 1}
    table = {
        "out": str(folder / "run"),
        "heldout": [str(held)],
        "reference": "full",
        "sft": {"config": str(CONFIGS / "sft_tiny.yaml"), "rows": str(corpus / "cot.json"), **small},
        "grpo": {
            "config": str(CONFIGS / "grpo_tiny.yaml"),
            "rows": str(corpus / "rlvr.json"),
            "rollouts": "none",
            "num_generations": 4,
            "beta": 0.0,
            **small,
        },
        "variants": {
            "full": {"model": str(trained)},
            "SFT only": {"model": str(trained), "stages": ["sft"]},
            "beta": {"model": str(trained), "grpo": {"beta": 0.04}},
        },
        "evaluation": {"max_new_tokens": 60, "engine": "transformers"},
        "processes": 1,
    }
    path = folder / "table.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False))
    return path


def kill_after_the_first_step_of_sft(command: list[str], run: Path) -> None:
    """SIGKILL the command alone, as a machine short of memory does, and see that its training dies with
    it.
    """
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(run.glob("models/sft-*/checkpoint-1/trainer_state.json")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    name = next(run.glob("models/sft-*.yaml")).stem
    deadline = time.monotonic() + 60
    while any(name in line for line in command_lines()):
        assert time.monotonic() < deadline, (
            "the training goes on unseen, and the next start would train into the same folder"
        )
        time.sleep(0.1)


def command_lines() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


def test_a_table_with_the_real_model_survives_a_kill(corpus: Path, trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unifer", "ablate", str(make_table(tmp_path, corpus, trained))]
    run = tmp_path / "run"
    kill_after_the_first_step_of_sft(command, run)
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    found = json.loads((run / "ablations.json").read_text())
    pairs = found["war"]["tables"]["heldout"]["differences"]
    assert [(pair["after"], pair["n"]) for pair in pairs] == [("SFT only", 8), ("beta", 8)]
    assert {name: len(each["seconds"]) for name, each in found["variants"].items()} == {
        "full": 3,
        "SFT only": 2,
        "beta": 3,
    }
    models = {path.name for path in (run / "models").iterdir() if path.is_dir()}
    assert sorted(name.partition("-")[0] for name in models) == ["grpo", "grpo", "sft"], (
        "the SFT is trained once"
    )
    for name in models:
        manifest = json.loads((run / "models" / name / "manifest.json").read_text())
        assert manifest["context"]["steps"] == 2
        assert manifest["identity"].get("beta", 0.0) == (
            0.04 if name in found["variants"]["beta"]["model"] and "grpo" in name else 0.0
        )


@pytest.mark.parametrize("name", ["ablations.yaml", "ablations_tiny.yaml"])
def test_every_training_of_the_shipped_tables_is_one_that_trl_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reward alone that the draw of prompts needs, a KL term beside a choice of completions: hours into the
    table.
    """
    described: Any = ablation_plan._Described
    monkeypatch.setattr(described, "checkpoint", lambda self, model, at: model)
    monkeypatch.setattr(described, "_file", lambda self, path, at: path.name)
    run = read(Ablations, CONFIGS / name)
    chains = plan(run, CONFIGS / name, list(run.variants))
    assert len(
        {each.key for chain in chains.values() for each in chain.trainings if each.stage == "sft"}
    ) == (2 if "3B" in chains else 1)
    Study(run, chains, [], Stages(tmp_path / "stages.json", {}, "")).check_settings(CONFIGS / name)
