"""What 230,000 CoT rows cost an SFT start, up to the first batch, against 1,000: seconds and memory.

Target, from the second start on: at most 2 s and 0.3 GB more. Each start is a process of its own.
Run: python benchmarks/sft_startup.py --model CHECKPOINT [--rows 230000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from unifer import files
from unifer.dialogue import prompts
from unifer.emotions import EMOTIONS
from unifer.prepare import corpus
from unifer.records import CoTRow

_START = """
import json, resource, sys, time
started = time.perf_counter()
from unifer.train import sft, stage
types = sft.types()
loaded = time.perf_counter()
trainer = stage.make_trainer(sft.SftStage(), *stage.begin(sft.SftStage(), types, sys.argv[1:]))
next(iter(trainer.get_train_dataloader()))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
own = sum(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) / 2**20
seconds = {"imports_s": loaded - started, "to_first_batch_s": time.perf_counter() - started}
print(json.dumps({**seconds, "peak_gb": peak, "anonymous_gb": own}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", type=int, default=230_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = (
            _rows(folder / "small.json", 1_000, folder),
            _rows(folder / "large.json", args.rows, folder),
        )
        first = _start(large, args.model, folder)
        _start(small, args.model, folder)
        seconds = {
            "large": [_start(large, args.model, folder) for _ in range(3)],
            "small": [_start(small, args.model, folder) for _ in range(3)],
        }
        best = {
            key: {field: min(run[field] for run in runs) for field in runs[0]}
            for key, runs in seconds.items()
        }
        more = {field: round(best["large"][field] - best["small"][field], 3) for field in best["large"]}
        print(
            json.dumps(
                {
                    "rows": args.rows,
                    "file_mb": large.stat().st_size >> 20,
                    "first_start": first,
                    "later": best,
                    "more_than_1000": more,
                }
            )
        )


def _rows(path: Path, count: int, folder: Path) -> Path:
    """`count` rows of realistic length over 64 drawn faces."""
    faces = [
        corpus.emotional_face("startup", index, emotion) for index, emotion in enumerate(corpus.balanced(64))
    ]
    corpus.save_faces([(face, folder / corpus.image_name(face)) for face in faces], workers=1)
    rows = []
    for index in range(count):
        face = faces[index % 64]
        reasoning = f"Row {index}. " + prompts.reasoning(face.action_units, str(face.emotion)) * 3
        reply = prompts.reply(reasoning, str(face.emotion))
        rows.append(
            CoTRow(
                corpus.image_name(face), prompts.expression_question(EMOTIONS), reply, id=str(index)
            ).to_json()
        )
    files.write_rows(path, rows)
    return path


def _start(rows: Path, model: str, folder: Path) -> dict[str, float]:
    argv = [
        "--rows",
        str(rows),
        "--model_name_or_path",
        model,
        "--output_dir",
        str(folder / f"out-{rows.stem}"),
        "--processor_rescales",
        "true",
        "--bf16",
        "false",
        "--dtype",
        "float32",
    ]
    done = subprocess.run(
        [sys.executable, "-c", _START, *argv, "--report_to", "none"],
        env=os.environ | {"UNIFER_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
