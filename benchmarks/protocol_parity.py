"""Every published protocol against a second writing of its rule (tests/literal.py), on replies invented to
part the two.

Protocol `unifer`: labels and metrics of each FERBench set, and the pool; protocol `facial-r1`: AUs, labels,
ROUGE-L, REGE; the four published rewards. Prints, for each, how many whole numbers were compared and differ,
and the largest difference of a mean; fails where a whole number differs, or a mean by more than 1e-12.

Run: python benchmarks/protocol_parity.py [--replies 20000] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests import literal  # noqa: E402
from unifer import files  # noqa: E402
from unifer.datasets import load_dataset  # noqa: E402
from unifer.dialogue.published import (  # noqa: E402
    facial_r1_label,
    facial_r1_units,
    published_label,
)
from unifer.evaluate.facial_r1 import FacialR1Scores, score_facial_r1  # noqa: E402
from unifer.evaluate.loading import PredictionFile  # noqa: E402
from unifer.evaluate.published import published_metrics, published_pool  # noqa: E402
from unifer.evaluate.reasoning.rege import rouge_l  # noqa: E402
from unifer.places import FERBENCH  # noqa: E402
from unifer.train.rewards import REWARDS, judge  # noqa: E402

TOLERANCE = 1e-12
Rows = list[dict[str, Any]]


@dataclass
class Parity:
    """What was compared: whole numbers and labels with those that differ, means with the largest
    difference.
    """

    replies: int
    compared: int = 0
    differing: int = 0
    means: int = 0
    largest: float = 0.0

    def same(self, ours: Iterable[object], theirs: Iterable[object]) -> None:
        """Whole numbers, labels, outcomes."""
        for one, other in zip(ours, theirs, strict=True):
            self.compared += 1
            self.differing += one != other

    def close(self, ours: Iterable[float], theirs: Iterable[float]) -> None:
        """Means."""
        for one, other in zip(ours, theirs, strict=True):
            self.means += 1
            self.largest = max(self.largest, abs(one - other))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started = time.perf_counter()
    found = {
        **unifer(args.replies, args.seed),
        **facial_r1(args.replies, args.seed),
        **rewards(args.replies, args.seed),
    }
    print(
        json.dumps(
            {"seconds": round(time.perf_counter() - started, 1)}
            | {name: vars(each) for name, each in found.items()},
            indent=1,
        )
    )
    return int(any(each.differing or each.largest > TOLERANCE for each in found.values()))


def unifer(replies: int, seed: int) -> dict[str, Parity]:
    """Labels and metrics of each set by its own tag, then of the pool, in which every set is read on one
    line.
    """
    found, pools = {}, []
    for folder in FERBENCH:
        spec, random = load_dataset(ROOT / folder), Random(f"{seed}/{folder}")
        table, words = (
            spec.published.aliases,
            [*spec.labels, *(word for words in spec.published.aliases.values() for word in words)],
        )
        made, truths = (
            [_labelled(random, words, spec.labels) for _ in range(replies)],
            random.choices(spec.labels, k=replies),
        )
        parity = found[f"unifer, {spec.name}"] = Parity(replies)
        for tag in ("any_lines", "one_line"):
            ours = [published_label(reply, spec.labels, table, tag) for reply in made]
            parity.same(ours, (literal.unifer_label(reply, spec.labels, table, tag) for reply in made))
            pairs = list(zip(truths, ours, strict=True))
            _compare_metrics(parity, pairs, spec.labels)
            if tag == "one_line":
                pools.append(pairs)
    pooled, labels = published_pool(pools)
    found["unifer, pooled"] = Parity(len(pooled))
    _compare_metrics(found["unifer, pooled"], pooled, labels)
    return found


def _labelled(random: Random, words: Sequence[str], labels: Sequence[str]) -> str:
    body = literal.labelled(random, words)
    return (
        body if random.random() < 0.6 else f"<think>{body}</think>\n<answer>{random.choice(labels)}</answer>"
    )


def _compare_metrics(parity: Parity, pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> None:
    ours, theirs = published_metrics(pairs, labels), literal.unifer_metrics(pairs, labels)
    parity.same(*([cell for row in each["confusion_matrix"] for cell in row] for each in (ours, theirs)))
    parity.same(
        (row["support"] for row in ours["per_class"]), (row["support"] for row in theirs["per_class"])
    )
    parity.close(ours["overall"].values(), theirs["overall"].values())
    for one, other in zip(ours["per_class"], theirs["per_class"], strict=True):
        parity.close(
            (one[name] for name in ("precision", "recall", "f1")),
            (other[name] for name in ("precision", "recall", "f1")),
        )


def facial_r1(replies: int, seed: int) -> dict[str, Parity]:
    """AUs over all of them and over a subset, with ROUGE-L and REGE; then labels with theirs."""
    found, texts = {}, Parity(3 * replies)
    with tempfile.TemporaryDirectory() as name:
        for kind, units in (
            ("AUs", literal.UNITS),
            ("AUs of a subset", (1, 2, 6, 12, 25)),
            ("labels", literal.UNITS),
        ):
            rows, scores = _scored(Path(name), replies, f"{seed}/{kind}", units, kind == "labels")
            shown = [unit for unit in literal.UNITS if unit in units]
            found[f"facial-r1, {kind}"] = _compare_scores(rows, scores, shown, kind == "labels")
            replied = [row["model_response"] for row in rows]
            found[f"facial-r1, {kind}"].same(
                map(facial_r1_units, replied), map(literal.facial_r1_units, replied)
            )
            found[f"facial-r1, {kind}"].same(
                map(facial_r1_label, replied), map(literal.facial_r1_label, replied)
            )
            pairs = [(row["model_response"], row["provenance"]["description"]) for row in rows]
            texts.close((rouge_l(*pair) for pair in pairs), (literal.rouge_l(*pair) for pair in pairs))
    return found | {"facial-r1, ROUGE-L of a reply": texts}


def _scored(
    folder: Path, replies: int, seed: str, units: Sequence[int], labels: bool
) -> tuple[Rows, FacialR1Scores]:
    random, rows = Random(seed), []
    for index in range(replies):
        label = random.choice(literal.EMOTIONS) if labels else None
        about = {"description": random.choice(literal.REFERENCES)}
        shown = [unit for unit in literal.UNITS if random.random() < 0.3]
        row = {
            "image_path": f"{index}.png",
            "true_label": label,
            "prompt": "Which?",
            "AUs": shown,
            "provenance": about,
        }
        rows.append(
            row
            | {
                "candidate_labels": list(literal.EMOTIONS) if labels else [],
                "model_response": literal.reasoned(random),
            }
        )
    asked = f"labels: [{', '.join(literal.EMOTIONS)}]\n" if labels else ""
    files.write_text(
        folder / "dataset.yaml",
        f"name: x\ntitle: x\nquestions: none.json\n{asked}action_units: {list(units)}\n",
    )
    files.write_rows(folder / "rows.jsonl", rows)
    return rows, score_facial_r1(load_dataset(folder), PredictionFile("x", folder / "rows.jsonl"), 0)


def _compare_scores(rows: Rows, scores: FacialR1Scores, units: Sequence[int], labels: bool) -> Parity:
    parity, theirs, ours = Parity(len(rows)), literal.facial_r1_scores(rows, units), scores.action_units
    assert ours is not None
    assert scores.rouge is not None
    hits = [round((unit.recall or 0) * unit.support) for unit in ours.per_unit]
    parity.same(hits, theirs["hits"])
    parity.same(
        (unit.predicted - hit for unit, hit in zip(ours.per_unit, hits, strict=True)), theirs["extra"]
    )
    parity.same((unit.support - hit for unit, hit in zip(ours.per_unit, hits, strict=True)), theirs["lost"])
    parity.same([round(ours.exact * len(rows))], [theirs["exact"]])
    means = [ours.macro_f1, ours.micro_f1, ours.recall, scores.rouge.value]
    parity.close(
        (mean or 0.0 for mean in means), (theirs[name] for name in ("macro", "micro", "recall", "rouge"))
    )
    recognised = theirs["macro"]
    if labels:
        assert scores.accuracy is not None
        recognised = theirs["right"] / len(rows)
        parity.same([round((scores.accuracy.value or 0.0) * len(rows))], [theirs["right"]])
    rege = scores.rege["accuracy" if labels else "macro_au_f1"].total
    parity.close([rege], [100 * recognised + 100 * theirs["rouge"]])
    return parity


def rewards(replies: int, seed: int) -> dict[str, Parity]:
    """Each reward on the same replies; those of whole numbers are compared as such."""
    random = Random(f"{seed}/rewards")
    found = {
        name: Parity(replies)
        for name in ("unifer_accuracy", "unifer_format", "facial_r1_accuracy", "facial_r1_au")
    }
    for _ in range(replies):
        reply, label = literal.reasoned(random), random.choice(literal.EMOTIONS)
        units = [unit for unit in literal.UNITS if random.random() < 0.3]
        case = judge(reply, label, literal.EMOTIONS, units)
        found["unifer_accuracy"].same(
            [REWARDS["unifer_accuracy"](case)], [literal.unifer_accuracy(reply, label)]
        )
        found["unifer_format"].same([REWARDS["unifer_format"](case)], [literal.unifer_format(reply)])
        found["facial_r1_accuracy"].same(
            [REWARDS["facial_r1_accuracy"](case)], [literal.facial_r1_accuracy(reply, label)]
        )
        found["facial_r1_au"].close(
            [REWARDS["facial_r1_au"](case) or 0.0], [literal.facial_r1_au(reply, units)]
        )
    return {f"reward {name}": each for name, each in found.items()}


if __name__ == "__main__":
    sys.exit(main())
