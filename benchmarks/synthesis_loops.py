"""Our loop of self-synthesis against the published one of Facial-R1, on the same drawn faces, by the same
model and the same training.

Both are the command that a user types (`unifer synthesize`), one round each: `synthesis_tiny.yaml`, and the
same with the loop `facial-r1`. With `--wrong-labels 0.1` a tenth of the pool's labels is replaced by another,
as in a set that was labelled in a hurry: then it shows which loop writes reasons for labels that are wrong.
Stopped, the same command goes on where it was.

    python benchmarks/synthesis_loops.py --quickstart runs/quickstart python benchmarks/synthesis_loops.py
    --quickstart runs/quickstart --wrong-labels 0.1 --accepted-only --out runs/synthesis_loops_wrong

Prints JSON. Yield: faces with an accepted reply, and accepted replies of those asked. Of the accepted
replies: how many answer the label that the face was drawn with, how many settle on it in their reasoning, how
well their AUs are those drawn. Gain: the held-out questions after the round over before, paired.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unifer import files
from unifer.action_units import f1
from unifer.cli.stages import unifer
from unifer.dialogue.answers import grade
from unifer.dialogue.label_mentions import concluded
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.records import Prediction, RewardRow

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "train_unifer" / "configs" / "synthesis_tiny.yaml"
Figures = dict[str, Any]
LOOPS: dict[str, Figures] = {
    "blind": {},
    "facial-r1": {"loop": "facial-r1", "generation": {"temperature": 0.0}},
}
"""What each loop says beside `synthesis_tiny.yaml`."""
_ONE_STEP = {"settings": {"max_steps": 1, "save_steps": 1, "warmup_steps": 0}}
UNTRAINED: Figures = {"sft": _ONE_STEP, "grpo": _ONE_STEP, "evaluation": {"settings": {"limit": 20}}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quickstart",
        type=Path,
        default=ROOT / "runs" / "quickstart",
        help="what scripts/quickstart.sh left",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "synthesis_loops")
    parser.add_argument("--faces", type=int, default=1200)
    parser.add_argument(
        "--wrong-labels",
        type=float,
        default=0.0,
        help="share of the pool's labels that is replaced by another",
    )
    parser.add_argument(
        "--accepted-only",
        action="store_true",
        help="train a single step: what is accepted is of interest, no gain",
    )
    parser.add_argument("--only", choices=tuple(LOOPS), help="one loop alone")
    args = parser.parse_args()
    out, quickstart = args.out.resolve(), args.quickstart.resolve()
    drawn = draw(out / "pool", args.faces)
    pool = mislabel(drawn, args.wrong_labels)
    more = UNTRAINED if args.accepted_only else {}
    found = {
        loop: measure(loop, out / loop, pool, quickstart, drawn, more)
        for loop in ([args.only] if args.only else LOOPS)
    }
    print(json.dumps({"faces": args.faces, "wrong_labels": args.wrong_labels, "loops": found}, indent=2))


def draw(folder: Path, count: int) -> Path:
    """Fresh faces, the series of `synthesis_tiny.yaml`; their reward rows."""
    rows = folder / "rlvr.json"
    if not rows.exists():
        series = ["--count", str(count), "--seed", "synthesis", "--shares", "equal"]
        subprocess.run(unifer("data", "faces", *series, "--out", str(folder)), check=True, stdout=sys.stderr)
    return rows


def mislabel(drawn: Path, share: float) -> Path:
    """The rows with so many labels replaced by another candidate each."""
    if not share:
        return drawn
    path = drawn.with_name("rlvr_wrong.json")
    rows = list(files.read_records(drawn, RewardRow.from_json))
    chance = random.Random("wrong labels")
    made = [row.to_json() for row in rows]
    for at in chance.sample(range(len(rows)), round(share * len(rows))):
        made[at]["solution"] = chance.choice(
            [label for label in rows[at].candidate_labels or () if label != rows[at].label]
        )
    files.write_rows(path, made)
    return path


def measure(loop: str, out: Path, pool: Path, quickstart: Path, drawn: Path, more: Figures) -> Figures:
    """Run one round and read what it left."""
    own = {
        "out": out,
        "model": quickstart / "UniFER-Tiny",
        "cot": quickstart / "train" / "cot.json",
        "heldout": quickstart / "heldout",
    }
    config = out.with_suffix(".json")  # JSON is YAML too
    base = {"base": os.path.relpath(CONFIG, config.parent), "pool": [str(pool)], "faces": None}
    files.write_json(config, base | {name: str(path) for name, path in own.items()} | LOOPS[loop] | more)
    done = subprocess.run(unifer("synthesize", "--config", str(config)), stdout=sys.stderr)
    folder = out / "round_1"
    if not (folder / "selection.json").exists():
        raise InputError(
            f"{folder}: {loop} ended with status {done.returncode} before anything was chosen; its "
            "message stands above"
        )
    found = accepted(folder, {row.key: row for row in files.read_records(drawn, RewardRow.from_json)})
    scored = folder / "scores.json"
    scores = files.read_json(scored) if scored.exists() and not more else {}
    seconds = files.read_json(folder / "stages.json")["seconds"]
    asking = sum(value for name, value in seconds.items() if name == "generate" or name.startswith("attempt"))
    rows = files.read_json(folder / "selection.json")["mixed"]
    return (
        found
        | {"trained_on": rows, "seconds": seconds | {"asking": round(asking, 1)}}
        | {name: scores.get(name) for name in ("before", "after", "gain", "au_f1_gain", "helped")}
    )


def accepted(folder: Path, drawn: dict[str, RewardRow]) -> Figures:
    """What was asked and accepted in a round, and how true it is to the faces as they were drawn."""
    refused = {row["id"] for _, row in files.read_rows(folder / "rejects.jsonl")}
    asked = list(replies(folder))
    kept = [
        (reply, drawn[reply.question.key.rpartition("#")[0]])
        for reply in asked
        if reply.question.key not in refused
    ]
    right, settled, scores, exact, shown = 0, 0, [], 0, 0
    for reply, row in kept:
        verdict = grade(reply.reply, reply.question.candidate_labels)
        label = canonical(str(row.label))
        right += verdict.label is not None and canonical(verdict.label) == label
        ending = concluded(verdict.reasoning, reply.question.candidate_labels)
        settled += ending is not None and canonical(ending) == label
        scores.append(f1(verdict.action_units, row.action_units or ()))
        exact += verdict.action_units == frozenset(row.action_units or ())
        shown += reply.question.true_label is not None and canonical(reply.question.true_label) == label
    share = 100 / max(1, len(kept))
    faces = {row.key for _, row in kept}
    return {
        "replies": len(asked),
        "accepted_replies": len(kept),
        "accepted_of_replies": round(100 * len(kept) / len(asked), 1),
        "accepted_faces": len(faces),
        "accepted_of_faces": round(100 * len(faces) / len(drawn), 1),
        "of_the_accepted": {
            "given_label_true": round(share * shown, 1),
            "label_right": round(share * right, 1),
            "reasoning_settles_on_it": round(share * settled, 1),
            "au_f1": round(100 * statistics.fmean(scores), 1) if scores else None,
            "aus_exact": round(share * exact, 1),
        },
    }


def replies(folder: Path) -> Iterator[Prediction]:
    for path in (folder / "generations.jsonl", *sorted(folder.glob("attempt_*.jsonl"))):
        if path.exists():
            yield from files.read_records(path, Prediction.from_json)


if __name__ == "__main__":
    main()
