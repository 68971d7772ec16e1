"""The launchers of training: what they start from any folder and on several machines, and the recipes that
they start with.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.scripts.doubles import ECHO, ROOT, bash, executable

LAUNCHED = [("run_sft_fer.sh", "sft", "sft_7b.yaml"), ("run_grpo_vllm.sh", "grpo", "grpo_7b.yaml")]
SCRIPTS = ROOT / "train_unifer" / "src" / "scripts"


def launch(checkout: Path, name: str, *arguments: str, **variables: str) -> list[str]:
    """What Python is told by a launcher of training."""
    executable(checkout / ".venv" / "bin" / "python", ECHO)
    return bash(
        checkout / "train_unifer" / "src" / "scripts" / name, *arguments, **variables
    ).stdout.splitlines()


@pytest.mark.parametrize(("name", "command", "recipe"), LAUNCHED)
def test_the_launchers_work_from_any_folder_and_pass_flags_on(
    checkout: Path, name: str, command: str, recipe: str
) -> None:
    told = launch(checkout, name, "--learning_rate", "1e-5", "--run_name", "two words", NPROC="2")
    assert told[told.index("--nproc_per_node") + 1] == "2"
    assert "--standalone" in told
    assert told[told.index("--config") - 1] == command
    assert Path(told[told.index("--config") + 1]).resolve() == checkout / "train_unifer" / "configs" / recipe
    assert told[-4:] == ["--learning_rate", "1e-5", "--run_name", "two words"]


@pytest.mark.parametrize("name", [name for name, _, _ in LAUNCHED])
def test_the_launchers_join_the_machines_they_are_told_of(checkout: Path, name: str) -> None:
    told = " ".join(launch(checkout, name, NNODES="2", NODE_RANK="1", MASTER_ADDR="10.0.0.1", NPROC="8"))
    assert "--nnodes 2 --node_rank 1 --master_addr 10.0.0.1 --master_port 29500" in told
    assert "--standalone" not in told


def test_self_synthesis_starts_from_any_folder_in_one_process(checkout: Path) -> None:
    """It starts its own training processes: under torchrun each rank would run the whole loop."""
    told = launch(checkout, "run_synthesis.sh", "--rounds", "2")
    assert told[:3] == ["-m", "unifer", "synthesize"]
    assert Path(told[4]).resolve() == checkout / "train_unifer" / "configs" / "synthesis_7b.yaml"
    assert told[-2:] == ["--rounds", "2"]


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_scripts_of_training_launch_and_hold_nothing_of_one_site(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 15, "a knob belongs into the config"
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True).returncode == 0
    assert "conda" not in text


def test_the_server_starts_with_what_the_trainer_asks_of_it(checkout: Path) -> None:
    """Without one of these, TRL fails at its first weight sync, or trains on log-probabilities of another
    distribution.
    """
    python = 'printf "%s\\n" "$VLLM_SERVER_DEV_MODE" "$@"\n'
    executable(checkout / ".venv" / "bin" / "python", "#!/usr/bin/env bash\n" + python)
    server = checkout / "train_unifer" / "src" / "scripts" / "run_vllm_server.sh"
    told = bash(server, "--model", "some where/else", "--max-model-len", "1500").stdout.splitlines()
    assert told[:3] == ["1", "-m", "vllm.entrypoints.openai.api_server"]
    assert json.loads(told[told.index("--weight-transfer-config") + 1]) == {"backend": "nccl"}
    assert told[told.index("--logprobs-mode") + 1] == "processed_logprobs"
    assert "--enable-scale-out" in told
    assert told[-4:] == ["--model", "some where/else", "--max-model-len", "1500"], (
        "flags of the user come last, and so win"
    )


FAKE_SRUN = """#!/usr/bin/env bash
while [ "${1#--}" != "$1" ]; do printf '%s ' "$1" >>srun.flags; shift; done
for rank in 0 1; do SLURM_PROCID=$rank "$@" || exit; done
"""
FAKE_SCONTROL = """#!/usr/bin/env bash
if [ "$1" = requeue ]; then echo "$@"; else printf 'n7\\nn8\\n'; fi
"""


def a_slurm_job(checkout: Path, python: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The example job with doubles of SLURM's programs; `python` is what the launchers start."""
    executable(checkout / ".venv" / "bin" / "python", python)
    executable(checkout.parent / "bin" / "srun", FAKE_SRUN)
    executable(checkout.parent / "bin" / "scontrol", FAKE_SCONTROL)
    job = checkout / "train_unifer" / "src" / "scripts" / "slurm_grpo.sbatch"
    path = f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    slurm = {
        "SLURM_JOB_NODELIST": "n[7-8]",
        "SLURM_CPUS_PER_TASK": "64",
        "SLURM_JOB_ID": "42",
        "PATH": path,
        **variables,
    }
    return subprocess.run(
        ["bash", str(job), "--beta", "0"], cwd=job.parent, env=slurm, capture_output=True, text=True
    )


def test_the_slurm_job_gives_each_node_its_rank(checkout: Path) -> None:
    """Every node with rank 0, or one that waits for a master of its own, hangs until the time limit."""
    run = a_slurm_job(checkout, ECHO)
    assert run.returncode == 0, run.stderr
    scripts = checkout / "train_unifer" / "src" / "scripts"
    assert (scripts / "srun.flags").read_text() == "--nodes=2 --cpus-per-task=64 --kill-on-bad-exit=1 ", (
        "srun takes no --cpus-per-task from sbatch: each node's eight ranks would share one core"
    )
    told = " ".join(run.stdout.split())
    for rank in "01":
        assert (
            f"--nnodes 2 --node_rank {rank} --master_addr n7 --master_port 29500 --rdzv-conf timeout=900 "
            "--nproc_per_node 8" in told
        )
    assert told.count("--beta 0") == 2
    assert "requeue" not in told
    assert "--max_minutes" not in told


def test_a_slurm_job_at_its_time_limit_queues_itself_again(checkout: Path) -> None:
    """The run takes days, a job ends after one: it stops by itself before that and goes on in the next."""
    later = str(int(time.time()) + 3 * 3600)
    run = a_slurm_job(checkout, f"{ECHO}\nexit 75\n", SLURM_JOB_END_TIME=later)
    assert run.returncode == 0, run.stderr
    told = " ".join(run.stdout.split())
    assert re.search(r"--max_minutes 1(49|50) --beta 0", told)
    assert told.endswith("requeue 42")
    assert not list((checkout / "train_unifer" / "src" / "scripts").glob("again-*"))


def test_a_slurm_job_that_fails_is_not_queued_again(checkout: Path) -> None:
    run = a_slurm_job(checkout, f"{ECHO}\nexit 3\n")
    assert run.returncode != 0
    assert "requeue" not in run.stdout


def test_the_published_grpo_run_is_kept() -> None:
    """28 prompts x 8 replies, and the loss as its code computes it; TRL counts replies in a batch now."""
    recipe = yaml.safe_load((ROOT / "train_unifer" / "configs" / "grpo_7b.yaml").read_text(encoding="utf-8"))
    assert recipe["global_batch"] == 28 * 8
    assert (recipe["learning_rate"], recipe["beta"], recipe["temperature"]) == (1e-6, 0.04, 1.0)
    assert (recipe["num_generations"], recipe["max_completion_length"], recipe["num_train_epochs"]) == (
        8,
        1024,
        1,
    )
    assert (recipe["max_grad_norm"], recipe["weight_decay"], recipe["lr_scheduler_type"]) == (
        5,
        0.01,
        "cosine",
    )
    assert (recipe["loss_type"], recipe["scale_rewards"], recipe["num_iterations"]) == ("grpo", "group", 1)
    assert recipe["use_bias_correction_kl"] is False
    assert recipe["dtype"] == "bfloat16", "TRL loads float32 otherwise, and sampler and trainer differ"


SERVED = (
    "--rollouts",
    "server",
    "--vllm_enable_sleep_mode",
    "false",
    "--vllm_server_base_url",
    "http://node:8000",
)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), SERVED], ids=["colocate", "server"])
def test_every_key_of_the_grpo_recipe_is_read(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    """A key that TRL renamed, or that the mode does not read, would be refused on the cluster, after the
    queue.
    """
    pytest.importorskip("trl", reason="training needs the full environment")
    from trl import GRPOConfig, ModelConfig

    from unifer.train import grpo_settings, settings

    monkeypatch.setattr(grpo_settings, "visible_gpus", lambda: ["0"])
    recipe = ROOT / "train_unifer" / "configs" / "grpo_7b.yaml"
    cpu = ["--bf16", "false", "--deepspeed", "", "--output_dir", "unused"]
    types = (grpo_settings.GrpoArguments, GRPOConfig, ModelConfig)
    fer, config, model = settings.parse(
        types, ["--config", str(recipe), *cpu, "--per_device_train_batch_size", "8", *flags]
    )
    settings.refuse_dead_flags(config, model)
    grpo_settings.check(fer, config)
    assert Path(fer.rows) == ROOT / "data" / "UniFER_RLVR_360K.json"
    assert config.vllm_mode == (flags[1] if flags else "colocate")
