"""Part 1 of gpu_check.py: inference with the engine in a process of its own, killed and gone on with.

Two runs through one worker. The first is killed (SIGKILL) at its first row: nothing that it started may run,
and no GPU memory may be held, ten seconds later. The second finishes the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.watching import descendants, still_running
from unifer.models import tiny
from unifer.models.devices import gpu_states, visible_gpus

ROOT = Path(__file__).parents[2]
FACES, LATER = 48, 10.0
SLACK = 512 * 2**20
"""Bytes by which the GPU's used memory may differ before and after."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        args.out.write_text(json.dumps(check(Path(folder))))


def check(folder: Path) -> dict[str, Any]:
    faces = folder / "eval_faces"
    draw = ["data", "faces", "--out", str(faces / "data"), "--count", str(FACES), "--seed", "check"]
    subprocess.run([sys.executable, "-m", "unifer", *draw], cwd=ROOT, check=True)
    tiny.build(folder / "model")
    questions = len(json.loads((faces / "data" / "rafdb_qa.json").read_text()))  # RAF-DB has no contempt
    before = used()
    started = time.monotonic()
    process = infer(folder, faces)
    wait_for_a_row(folder, process, 240)
    first = time.monotonic() - started
    children = descendants(process.pid)
    process.kill()
    process.wait()
    left = still_running(children, LATER)
    held = used() - before
    kept = rows(folder)
    infer(folder, faces).wait()
    answered = [json.loads(line)["image_path"] for line in (folder / "out.jsonl").read_text().splitlines()]
    figures = {
        "seconds to the first row": round(first, 1),
        "processes left after the kill": len(left),
        "GPU memory held after the kill, GB": round(held / 2**30, 2),
        "rows kept": kept,
        "rows": len(answered),
        "questions": questions,
    }
    if left or held > SLACK or len(set(answered)) != len(answered) or len(answered) != questions:
        print(json.dumps(figures))
        raise SystemExit("something lived on, or rows were lost or doubled")
    return figures


def infer(folder: Path, faces: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "unifer",
        "infer",
        "--model",
        str(folder / "model"),
        "--questions",
        str(faces / "data" / "rafdb_qa.json"),
    ]
    command += [
        "--image-root",
        str(faces / "data"),
        "--out",
        str(folder / "out.jsonl"),
        "--engine",
        "vllm",
        "--max-new-tokens",
        "200",
    ]
    # As on a GPU, also where there is none.
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"})


def rows(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("out*.jsonl"))


def wait_for_a_row(folder: Path, process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not rows(folder):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(
                f"no row after {seconds:.0f} s"
                if process.poll() is None
                else f"infer ended with {process.returncode}"
            )
        time.sleep(0.05)


def used() -> int:
    return sum(gpu.used for gpu in gpu_states()) if visible_gpus() else 0


if __name__ == "__main__":
    main()
