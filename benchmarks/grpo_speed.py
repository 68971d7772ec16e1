"""GRPO step time against a bare `trl.GRPOTrainer` with the same mends, and against an earlier version.

Also vLLM rollouts against transformers rollouts.

Short runs over the same rows, in turns, each in a process of its own on an otherwise idle machine:

- `ours`: `unifer grpo`, with probe, rollout log, metrics, alarms and prompts that are read once;
- `bare`: TRL's trainer with what it needs to be right (`rollouts.open_engine`, the ban on placeholders) and
  nothing else;
- `transformers`: `unifer grpo --rollouts none`;
- `earlier`: `unifer grpo` of the checkout that `--against` names, with the `grpo_tiny.yaml` of its own.

Prints JSON: medians over all steps but the first two of each run, and the two ratios. Targets: ours at most
1.05 of bare; vLLM at least 1.5 times the generated tokens a second of transformers.

    python benchmarks/grpo_speed.py --model runs/quickstart/UniFER-Tiny-SFT --rows
    runs/quickstart/rlvr/rlvr.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONFIG = Path("train_unifer", "configs", "grpo_tiny.yaml")
SKIPPED = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", required=True, help="checkpoint to start from, such as the quickstart's after SFT"
    )
    parser.add_argument("--rows", required=True, help="reward rows, such as the quickstart's")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--completions", type=int, default=128, help="completions a step")
    parser.add_argument("--rounds", type=int, default=2, help="how often each kind takes its turn")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CHECKOUT",
        help="an earlier version of this project, measured in turns",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=["ours", "bare", "transformers"],
        help="what takes turns, beside --against",
    )
    parser.add_argument("--bare", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        _bare(args, Path(args.bare))
        return
    kinds = [*args.kinds, *(["earlier"] if args.against else [])]
    measured: dict[str, list[list[dict[str, float]]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(args.rounds):
            for kind, runs in measured.items():
                out = Path(folder) / f"{kind}-{turn}"
                command = _command(kind, args, out)
                tree = args.against.resolve() if kind == "earlier" else ROOT
                environment = os.environ | {"PYTHONPATH": str(tree)}
                subprocess.run(
                    command,
                    check=True,
                    cwd=tree,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                runs.append(
                    [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()][SKIPPED:]
                )
    print(json.dumps(_summary(measured, args.completions), indent=2))


def _command(kind: str, args: argparse.Namespace, out: Path) -> list[str]:
    if kind == "bare":
        more = [
            "--model",
            args.model,
            "--rows",
            args.rows,
            "--steps",
            str(args.steps),
            "--completions",
            str(args.completions),
        ]
        return [sys.executable, __file__, *more, "--bare", str(out)]
    config = args.against.resolve() / CONFIG if kind == "earlier" else ROOT / CONFIG
    rollouts = "none" if kind == "transformers" else "colocate"
    return [sys.executable, "-m", "unifer", "grpo", *_flags(args, out, config), "--rollouts", rollouts]


def _flags(args: argparse.Namespace, out: Path, config: Path = ROOT / CONFIG) -> list[str]:
    steps = ["--max_steps", str(args.steps), "--save_strategy", "no", "--report_to", "none"]
    paths = [
        "--config",
        str(config),
        "--rows",
        args.rows,
        "--model_name_or_path",
        args.model,
        "--output_dir",
        str(out),
    ]
    return [*paths, *steps, "--per_device_train_batch_size", str(args.completions)]


def _bare(args: argparse.Namespace, out: Path) -> None:
    """TRL's trainer with the mends alone, on the settings, rows and rewards of ours."""
    from transformers import TrainerCallback
    from trl import GRPOTrainer

    from unifer.append_log import AppendLog
    from unifer.models.families import placeholder_ids
    from unifer.models.loading import load_processor
    from unifer.train import grpo, stage
    from unifer.train.rewards import trainer_rewards
    from unifer.train.rollouts import ban, open_engine, vllm_ban

    class Recorder(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                log.append({"step": state.global_step, **logs})

    this, dataset = stage.begin(grpo.GrpoStage(), grpo.types(), _flags(args, out))
    config, processor = this.config, load_processor(this.start.path)
    config.generation_kwargs = {"logit_bias": vllm_ban(this.family, processor.tokenizer)}
    config.remove_unused_columns = False
    config.model_init_kwargs = {
        "dtype": this.model.dtype,
        "attn_implementation": this.model.attn_implementation,
    }
    with open_engine(this.family, this.model.dtype):
        trainer = GRPOTrainer(
            model=this.model.model_name_or_path,
            reward_funcs=trainer_rewards(this.fer.rewards, completion_limit=config.max_completion_length),
            args=config,
            train_dataset=dataset,
            processing_class=processor,
            callbacks=[Recorder()],
        )
    ban(trainer.model, placeholder_ids(this.family, processor.tokenizer))
    with AppendLog(out / "metrics.jsonl") as log:
        trainer.train()


def _summary(measured: dict[str, list[list[dict[str, float]]]], completions: int) -> dict[str, Any]:
    steps = {kind: [row["step_time"] for run in runs for row in run] for kind, runs in measured.items()}
    median = {kind: statistics.median(seconds) for kind, seconds in steps.items()}
    tokens = {
        kind: statistics.median(
            completions * row["completions/mean_length"] / row["time/generate"]
            for run in measured[kind]
            for row in run
        )
        for kind in measured
        if kind != "bare"
    }
    gap = max(row["sampling/sampling_logp_difference/mean"] for run in measured["ours"] for row in run)
    return {
        "completions": completions,
        "steps_measured": {kind: len(seconds) for kind, seconds in steps.items()},
        "seconds_per_step": {kind: round(value, 3) for kind, value in median.items()},
        "ours_over": {
            kind: round(median["ours"] / value, 3) for kind, value in median.items() if kind != "ours"
        },
        "generated_tokens_per_second": {kind: round(value) for kind, value in tokens.items()},
        "largest_mean_logp_difference": gap,
    }


if __name__ == "__main__":
    main()
