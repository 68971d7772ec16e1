"""AU figures and ROUGE-L of `unifer eval` against independent computations: scikit-learn (multilabel) and the
package rouge-score.

Replies are fuzzed and seeded: truthful, spurious, denying, cut off, doubled, hostile, empty; half of the
faces are coded for some AUs only. Scored over every AU and over the published subsets of DISFA, BP4D and
FABA. Prints the largest difference of each figure, and fails above 1e-12.

Run: python benchmarks/score_parity.py [--rows 2000] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from unifer import files
from unifer.action_units import ACTION_UNITS, PROTOTYPES
from unifer.datasets import load_dataset
from unifer.emotions import EMOTIONS
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.reasoning.rege import rouge_l
from unifer.evaluate.scoring import DatasetScores, score_strict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]

TOLERANCE = 1e-12
SUBSETS = {
    "all": (),
    "disfa": (1, 2, 4, 6, 9, 12, 25, 26),
    "bp4d": (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24),
    "faba": (1, 2, 4, 5, 6, 10, 12, 17, 24, 25, 26, 43),
}
WORDS = (
    "the",
    "brow",
    "raised",
    "lips",
    "corners",
    "pulled",
    "cheek",
    "smiling",
    "tension",
    "eyes",
    "widened",
    "suggests",
    "expressions",
)
HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m",
    "\u202eevil\u202c",
    "\0",
    "\ud800",
    "</think></think><answer>",
    "y" * 3000,
    "AU999 AU0 AU12345",
    '{"score": 10}',
    "\u0130stanbul \ufb01 \uff21\uff35\uff11\uff12",
    "no " * 500,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started = time.perf_counter()
    worst = differences(args.rows, args.seed)
    seconds = round(time.perf_counter() - started, 1)
    print(
        json.dumps(
            {
                "rows": args.rows,
                "figures": len(worst),
                "largest": max(worst.values()),
                "seconds": seconds,
                "each": worst,
            },
            indent=1,
        )
    )
    return int(max(worst.values()) > TOLERANCE)


def differences(rows: int, seed: int) -> dict[str, float]:
    """Figure -> its largest absolute difference from the independent value, over all subsets."""
    worst: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results/fuzzed.jsonl"
        files.write_rows(path, fuzzed(rows, seed))
        for name, units in SUBSETS.items():
            scored = _scored(Path(folder), path, name, units)
            for figure, (ours, theirs) in {**unit_figures(scored, units), **text_figures(scored)}.items():
                worst[figure] = max(worst.get(figure, 0.0), abs(ours - theirs))
    return worst


def _scored(folder: Path, path: Path, name: str, units: Sequence[int]) -> DatasetScores:
    facts = f"name: {name}\ntitle: {name}\nquestions: none.json\nlabels: [{', '.join(EMOTIONS)}]\n"
    files.write_text(folder / "dataset.yaml", facts + (f"action_units: {list(units)}\n" if units else ""))
    return score_strict(load_dataset(folder), PredictionFile("fuzzed", path), 0)


# --- replies
# -----------------------------------------------------------------------------------------------------------


def fuzzed(rows: int, seed: int) -> list[dict[str, Any]]:
    """Prediction rows over faces with AUs, a label, a reference, and for half of them the AUs that were
    coded.
    """
    random, made = Random(seed), []
    for index in range(rows):
        label = random.choice(EMOTIONS)
        coded = sorted(random.sample(sorted(ACTION_UNITS), 12)) if index % 2 else sorted(ACTION_UNITS)
        shown = frozenset(
            unit for unit in coded if random.random() < (0.8 if unit in PROTOTYPES[label] else 0.05)
        )
        about: dict[str, Any] = {"description": prose(random, 40) + " " + listed(shown)} | (
            {"coded": coded} if index % 2 else {}
        )
        face = {
            "image_path": f"{index}.png",
            "true_label": label,
            "prompt": "Which?",
            "candidate_labels": list(EMOTIONS),
        }
        answered = (
            {"model_response": reply(random, shown, label)}
            if random.random() < 0.98
            else {"model_response": "", "error": True}
        )
        made.append(face | {"AUs": sorted(shown), "provenance": about} | answered)
    return made


def prose(random: Random, most: int = 60) -> str:
    """Up to `most` words of a small vocabulary, so that two texts have much in common."""
    return " ".join(random.choices(WORDS, k=random.randint(0, most)))


def listed(units: frozenset[int]) -> str:
    """`AU6 (cheek raiser), AU12 (lip corner puller)`."""
    return ", ".join(f"AU{unit} ({ACTION_UNITS[unit].name})" for unit in sorted(units))


def reply(random: Random, shown: frozenset[int], label: str) -> str:
    """One reply to a face that shows `shown` and is of `label`."""
    spurious = frozenset(random.sample(sorted(ACTION_UNITS), random.randint(1, 4)))
    some = frozenset(unit for unit in shown if random.random() < 0.7)
    said = random.choice(EMOTIONS)
    kinds = (
        f"<think>{prose(random)} {listed(shown)} {prose(random)}</think>\n<answer>{label}</answer>",
        f"<think>{listed(some | spurious)}. {prose(random)}</think><answer>{said}</answer>",
        f"<think>{listed(some)}, but no {listed(spurious)}. {prose(random)}</think><answer>{said}</answer>",
        f"{listed(some)} {prose(random)}",
        f"<think>{listed(shown)} {prose(random)}",
        f"<think>{listed(some)}</think><answer>{said}</answer><answer>{label}</answer>",
        f"<think>{random.choice(HOSTILE)} {listed(some)} "
        f"{random.choice(HOSTILE)}</think><answer>{label}</answer>",
        random.choice(("", " ", "\n", "<think></think><answer></answer>")),
    )
    return random.choice(kinds)


# --- the same figures from elsewhere
# -------------------------------------------------------------------------------------------------


def unit_figures(scored: DatasetScores, units: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Figure -> our value and scikit-learn's, of matrices faces x AUs."""
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    ours = scored.action_units
    assert ours is not None
    columns = tuple(units) or tuple(
        sorted({unit for row in scored.graded for unit in (*_shown(row), *row.verdict.action_units)})
    )
    counted = np.array(
        [[_coded(row) is None or unit in _coded(row) for unit in columns] for row in scored.graded]
    )
    claimed = (
        np.array([[unit in row.verdict.action_units for unit in columns] for row in scored.graded]) & counted
    )
    shown = np.array([[unit in _shown(row) for unit in columns] for row in scored.graded])
    present = np.flatnonzero(shown.any(axis=0))
    none: dict[str, Any] = {"zero_division": 0.0}
    found = {
        "face F1": (ours.face_f1, f1_score(shown, claimed, average="samples", zero_division=1.0)),
        "exact": (ours.exact, accuracy_score(shown, claimed)),
        "micro F1": (ours.micro_f1, f1_score(shown, claimed, average="micro", **none)),
        "precision": (ours.precision, precision_score(shown, claimed, average="micro", **none)),
        "recall": (ours.recall, recall_score(shown, claimed, average="micro", **none)),
        "macro F1": (ours.macro_f1, f1_score(shown, claimed, average="macro", labels=present, **none)),
        "outside": (
            ours.outside,
            sum(len(row.verdict.action_units) for row in scored.graded) - int(claimed.sum()),
        ),
    }
    made = {name: (float(one or 0), float(other)) for name, (one, other) in found.items()}
    for unit in ours.per_unit:
        at = columns.index(unit.action_unit)
        truth, said = (matrix[counted[:, at], at] for matrix in (shown, claimed))
        each = {"F1": f1_score, "precision": precision_score, "recall": recall_score}
        made |= {
            f"AU{unit.action_unit} {name}": (
                float(getattr(unit, name.lower()) or 0),
                float(score(truth, said, **none)),
            )
            for name, score in each.items()
        }
        made[f"AU{unit.action_unit} accuracy"] = float(unit.accuracy or 0), float(accuracy_score(truth, said))
    return made


def _shown(row: Any) -> Sequence[int]:
    units: Sequence[int] = row.prediction.question.action_units
    return units


def _coded(row: Any) -> Any:
    return row.prediction.question.coded


def text_figures(scored: DatasetScores) -> dict[str, tuple[float, float]]:
    """ROUGE-L of the reply in which we are farthest from the package, its mean, and REGE made of both."""
    from rouge_score.rouge_scorer import RougeScorer
    from sklearn.metrics import accuracy_score

    package = RougeScorer(["rougeL"], use_stemmer=True)
    pairs = [
        (row.prediction.reply, row.prediction.question.reference)
        for row in scored.graded
        if row.prediction.question.reference
    ]
    theirs = [package.score(reference, said)["rougeL"].fmeasure for said, reference in pairs]
    ours = [rouge_l(said, reference) for said, reference in pairs]
    far = int(np.argmax(np.abs(np.subtract(ours, theirs))))
    truth, named = zip(
        *((row.prediction.question.true_label, row.verdict.label or "") for row in scored.graded), strict=True
    )
    assert scored.reasoning is not None
    assert scored.reasoning.rouge is not None
    rege = scored.reasoning.rege["accuracy"].total
    return {
        "ROUGE-L of a reply": (ours[far], theirs[far]),
        "ROUGE-L": (scored.reasoning.rouge.value or 0.0, float(np.mean(theirs))),
        "REGE": (rege, float(100 * accuracy_score(truth, named) + 100 * np.mean(theirs))),
    }


if __name__ == "__main__":
    sys.exit(main())
