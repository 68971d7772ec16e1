"""What GRPO adds to SFT on the embedded default, over seeds and over kinds of arithmetic.

Each run is GRPO from a cold start (SFT; `--cold-starts` of them take turns), and the answers of both to the
same held-out faces, trained and scored as the quickstart does. Runs of seeds 0 to N-1 use this machine's own
arithmetic; seed 0 is run again under each disturbance of `ARITHMETIC`, with a cold start of its own. A
finished run is kept in `OUT/runs.jsonl`, so the same command goes on where it was stopped.

    python benchmarks/grpo_seeds.py --seeds 5                       # 5 + 3 runs
    python benchmarks/grpo_seeds.py --seeds 8 --lanes 2             # two runs at once, a thread each
    python benchmarks/grpo_seeds.py --seeds 3 --only "one thread"   # these seeds under one disturbance
    python benchmarks/grpo_seeds.py --seeds 1 --beside              # and SFT alone with more rows, or time

Prints JSON: every run, median and range of the gains in WAR and AU F1, the pooled AU F1 gain, the lowest
recall of a label.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.grpo_seed_scores import score, scores, summary  # noqa: E402
from unifer import files  # noqa: E402
from unifer.cli import quickstart  # noqa: E402
from unifer.cli.stages import training, unifer  # noqa: E402

OWN = "own"
ARITHMETIC: dict[str, dict[str, str]] = {
    OWN: {},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "avx2 kernels": {"ATEN_CPU_CAPABILITY": "avx2"},
    "avx2 kernels and MKL": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
"""Name -> environment under which the same program rounds differently, but for a lane's own threads."""
_BESIDE = {"sft on the rows of GRPO": ("rlvr", 1.0), "sft for the time of both": ("train", None)}


@dataclass(frozen=True)
class Cell:
    """One run of the study."""

    seed: int
    arithmetic: str

    @property
    def name(self) -> str:
        return f"seed-{self.seed}-{self.arithmetic.replace(' ', '-')}"

    def cold_start(self, cold_starts: int) -> Cell:
        """The cell whose SFT this one goes on from."""
        return Cell(self.seed % cold_starts, self.arithmetic)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--only", choices=tuple(ARITHMETIC), help="all seeds under this arithmetic, and nothing else"
    )
    parser.add_argument("--lanes", type=int, default=1, help="runs at once, each on its share of the cores")
    parser.add_argument(
        "--cold-starts",
        type=int,
        default=2,
        help="SFT runs per arithmetic; GRPO seed S starts from number S modulo this",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "grpo_seeds")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="also SFT alone, on as many labelled rows and for as much time (seed 0)",
    )
    args, flags = parser.parse_known_args()
    args.out = args.out.resolve()
    draw(args.out)
    done = {row.get("run") for row in _finished(args.out)}
    waiting = [cell for cell in cells(args.seeds, args.only, args.lanes) if cell.name not in done]
    # A run with a number of threads of its own has the machine for itself.
    alone = [cell for cell in waiting if "OMP_NUM_THREADS" in ARITHMETIC[cell.arithmetic]]
    for cells_now, lanes in (([cell for cell in waiting if cell not in alone], args.lanes), (alone, 1)):
        colds = {cell.cold_start(args.cold_starts) for cell in cells_now}
        with ThreadPoolExecutor(lanes) as pool:
            list(
                pool.map(
                    lambda cold, lanes=lanes: start_cold(cold, args.out, lanes),
                    sorted(colds, key=lambda cold: cold.name),
                )
            )
            list(
                pool.map(
                    lambda cell, lanes=lanes: run(cell, args.out, lanes, args.cold_starts, flags), cells_now
                )
            )
    if args.beside:
        beside(args.out, args.lanes)
    print(json.dumps(summary(_finished(args.out)), indent=2))


def cells(seeds: int, only: str | None, lanes: int) -> list[Cell]:
    if only:
        return [Cell(seed, only) for seed in range(seeds)]
    usual = {"OMP_NUM_THREADS": str(_threads(lanes))}
    disturbed = [
        Cell(0, name) for name, environment in ARITHMETIC.items() if environment and environment != usual
    ]
    return [*(Cell(seed, OWN) for seed in range(seeds)), *disturbed]


def _threads(lanes: int) -> int:
    return max(1, (os.cpu_count() or 1) // lanes)


def draw(out: Path) -> None:
    """The faces of the quickstart, the same for every run."""
    if (out / "faces-drawn").exists():
        return
    for name, command in quickstart._faces(out).items():
        _call(command, out / "logs" / f"{name}.log", {})
    (out / "faces-drawn").touch()


def run(cell: Cell, out: Path, lanes: int, cold_starts: int, flags: Sequence[str] = ()) -> dict[str, Any]:
    """Train, answer and score one cell; its row is appended to `runs.jsonl`. `flags` go to GRPO."""
    folder, environment = out / cell.name, _environment(cell, lanes)
    cold = cell.cold_start(cold_starts)
    seconds = {"sft": start_cold(cold, out, lanes)}
    sft, grpo = _cold_folder(cold, out), folder / f"grpo-{cell.name}"
    more = [
        "--rows",
        str(out / "rlvr" / "rlvr.json"),
        "--model_name_or_path",
        str(sft),
        "--output_dir",
        str(grpo),
    ]
    seconds["grpo"] = _train("grpo", [*more, "--seed", str(cell.seed), *flags], folder, environment)
    held_out = ["--dataset-dir", str(out / "heldout"), *quickstart.ANSWERING, "--dtype", "float32"]
    models = [
        "--model",
        str(sft),
        *held_out,
        "--then",
        "--model",
        str(grpo),
        "--dataset-dir",
        str(out / "heldout"),
    ]
    seconds["infer"] = _call(unifer("infer", *models), folder / "infer.log", environment)
    threads = (os.environ | environment).get("OMP_NUM_THREADS", str(os.cpu_count()))
    row = {
        "run": cell.name,
        "seed": cell.seed,
        "cold_start": cold.name,
        "arithmetic": cell.arithmetic,
        "threads": int(threads),
        "flags": list(flags),
    }
    row |= {
        **scores(out, sft.name, grpo.name),
        "seconds": {name: round(value) for name, value in seconds.items()},
    }
    with files.AppendLog(out / "runs.jsonl") as log:
        log.append(row)
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def start_cold(cold: Cell, out: Path, lanes: int) -> float:
    """SFT of one cold start, unless it is finished; its seconds."""
    path = out / cold.name / "sft-seconds.json"
    if not path.exists():
        flags = [
            "--rows",
            str(out / "train" / "cot.json"),
            "--output_dir",
            str(_cold_folder(cold, out)),
            "--seed",
            str(cold.seed),
        ]
        files.write_json(path, _train("sft", flags, out / cold.name, _environment(cold, lanes)))
    return float(files.read_json(path))


def _cold_folder(cold: Cell, out: Path) -> Path:
    return out / cold.name / f"sft-{cold.name}"


def _environment(cell: Cell, lanes: int) -> dict[str, str]:
    """Runs side by side share the cores; pinned threads of several engines would all land on the first
    ones.
    """
    shared = (
        {"OMP_NUM_THREADS": str(_threads(lanes)), "VLLM_CPU_OMP_THREADS_BIND": "nobind"} if lanes > 1 else {}
    )
    return shared | ARITHMETIC[cell.arithmetic]


def _train(stage: str, flags: list[str], folder: Path, environment: dict[str, str]) -> float:
    command = training(stage, ROOT / f"train_unifer/configs/{stage}_tiny.yaml", *flags, "--report_to", "none")
    return _call(command, folder / f"{stage}.log", environment | {"NPROC": "1"})


def _call(command: list[str], log: Path, environment: dict[str, str]) -> float:
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("wb") as stream:
        status = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, stdout=stream, stderr=subprocess.STDOUT
        ).returncode
    if status:
        raise SystemExit(
            f"{' '.join(command[:4])} ... ended with {status}:\n{log.read_text(errors='replace')[-2000:]}"
        )
    return time.monotonic() - started


def beside(out: Path, lanes: int) -> None:
    """SFT alone: on the rows of GRPO with reasoning, and on its own rows for the time of both stages."""
    own = next(row for row in _finished(out) if row["run"] == Cell(0, OWN).name)
    ratio = (own["seconds"]["sft"] + own["seconds"]["grpo"]) / own["seconds"]["sft"]
    steps = files.read_yaml(ROOT / "train_unifer/configs/sft_tiny.yaml")["max_steps"]
    for name, (rows, _) in _BESIDE.items():
        folder = out / name.replace(" ", "-")
        flags = [
            "--rows",
            str(out / rows / "cot.json"),
            "--output_dir",
            str(folder / folder.name),
            "--max_steps",
            str(int(steps * ratio)),
        ]
        environment = _environment(Cell(0, OWN), lanes)
        seconds = _train("sft", [*flags, "--save_strategy", "no"], folder, environment)
        answer = [
            "--model",
            str(folder / folder.name),
            "--dataset-dir",
            str(out / "heldout"),
            *quickstart.ANSWERING,
            "--dtype",
            "float32",
        ]
        _call(unifer("infer", *answer), folder / "infer.log", environment)
        part = score(out, folder.name)
        row = {
            "beside": name,
            "steps": int(steps * ratio),
            "seconds": round(seconds),
            "war": round(100 * part.labelled.war, 1),
        }
        with files.AppendLog(out / "runs.jsonl") as log:
            log.append(
                row | {"au_f1": round(100 * part.action_units.face_f1, 1) if part.action_units else None}
            )


def _finished(out: Path) -> list[dict[str, Any]]:
    path = out / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
