"""What a round of self-synthesis is worth: before against after on the held-out questions.

Knows predictions and reports on disk; how they came to be is `synthesis_rounds`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files
from unifer.cli.quickstart_results import model_summary
from unifer.datasets import DatasetSpec
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.cli.synthesis_rounds import Start
    from unifer.evaluate.scoring import DatasetScores
    from unifer.evaluate.statistics.gains import Gain
    from unifer.prepare.synthesis.settings import Synthesis


@dataclass(frozen=True)
class Scored:
    """Two models on the same questions; `units` is None where no held-out face has annotated AUs."""

    before: DatasetScores
    after: DatasetScores
    gain: Gain
    units: Gain | None

    @property
    def helped(self) -> bool:
        """Whether the lower end of the paired interval lies above 0."""
        return self.gain.ci95[0] > 0

    def to_json(self) -> Json:
        both = {"before": model_summary(self.before), "after": model_summary(self.after)}
        return {
            **both,
            "gain": self.gain.to_json(),
            "au_f1_gain": self.units.to_json() if self.units else None,
            "helped": self.helped,
        }

    def text(self) -> str:
        """The table of both and their paired gains."""
        from unifer.report.comparisons import gain_text
        from unifer.report.scores import models_text

        lines = [
            models_text({"before": self.before, "after": self.after}),
            "",
            gain_text("after over before", self.gain),
        ]
        if self.units is not None:
            lines.append(gain_text(f"{'in AU F1':>17}", self.units))
        return "\n".join(["", *lines])


def score(held_out: DatasetSpec, before: Path, after: Path, names: tuple[str, str]) -> Scored:
    """Grade the predictions `before` and `after` and pair them.

    Raises InputError where they do not answer the same questions.
    """
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.scoring import score_strict
    from unifer.evaluate.statistics.gains import face_f1, paired_gain

    first, second = (
        score_strict(held_out, PredictionFile(name, path))
        for name, path in zip(names, (before, after), strict=True)
    )
    annotated = first.action_units is not None
    units = paired_gain(first.graded, second.graded, face_f1) if annotated else None
    return Scored(first, second, paired_gain(first.graded, second.graded), units)


def selection_text(report: Json) -> str:
    """What was asked, accepted and chosen, every number with its denominator."""
    return _corrected_text(report) if report.get("loop") == "facial-r1" else _blind_text(report)


def _corrected_text(report: Json) -> str:
    quality, mixed = report["quality"], report["mixed"]
    tries = ", ".join(f"{count:,} at try {number}" for number, count in quality["accepted_at"].items())
    reasons = ", ".join(f"{name} {number:,}" for name, number in list(quality["reasons"].items())[:4])
    failed = f", {quality['failed']:,} failed" if quality["failed"] else ""
    lines = [
        f"faces, gold shown: {quality['accepted']:,} of {quality['faces']:,} accepted, in "
        f"{quality['replies']:,} replies{failed}",
        *([f"  {tries}"] * bool(tries)),
        f"  faults of the others: {reasons or 'none'}",
        "  the filter of the loop blind would reject "
        f"{quality['filter_would_reject']:,} of {quality['accepted']:,}",
        f"rows chosen: {report['rows']['taken']:,} of {report['rows']['available']:,}; test rows to "
        f"review: {report['test']:,}",
        f"  beside them {mixed['original']:,} of {mixed['original_available']:,} original rows",
        f"faces chosen for GRPO: {report['faces']['taken']:,} of {report['faces']['available']:,}",
    ]
    return "\n".join(lines)


def _blind_text(report: Json) -> str:
    """Blind and guided replies apart."""
    lines = [_quality_line("blind", report["quality"]["blind"])]
    if report["quality"]["guided"]:
        lines.append(_quality_line("shown the label", report["quality"]["guided"]))
    rates = ", ".join(f"{name}: {count:,}" for name, count in report["difficulty"].items())
    lines.append(f"faces by right blind replies: {rates}")
    rows, faces, mixed = report["rows"], report["faces"], report["mixed"]
    words = {
        "between": "of faces sometimes right",
        "guided": "shown the label",
        "always": "of faces always right",
    }
    parts = ", ".join(f"{count['taken']:,} {words[name]}" for name, count in rows["strata"].items())
    lines.append(
        f"rows chosen: {rows['taken']:,} of {rows['available']:,} ({rows['near_duplicates']:,} "
        "near-duplicates passed over)"
    )
    lines += [f"  {parts}"] * bool(parts)
    lines.append(f"  beside them {mixed['original']:,} of {mixed['original_available']:,} original rows")
    lines.append(f"faces chosen for GRPO: {faces['taken']:,} of {faces['available']:,} sometimes right")
    return "\n".join(lines)


def _quality_line(kind: str, count: Json) -> str:
    share = f" ({100 * count['passed'] / count['asked']:.1f} %)" if count["asked"] else ""
    failed = f", {count['failed']:,} failed" if count["failed"] else ""
    reasons = ", ".join(f"{name} {number:,}" for name, number in list(count["reasons"].items())[:4])
    return (
        f"replies, {kind}: {count['passed']:,} of {count['asked']:,} passed{share}{failed}\n  rejected "
        f"for: {reasons or 'nothing'}"
    )


def write_summary(config: Synthesis, start: Start, done: Sequence[Json]) -> None:
    """summary.json: every round, which model is the best, and why the run ended where it did."""
    helped = [each for each in done if each["helped"]]
    best = (
        {"round": helped[-1]["round"], "model": f"{helped[-1]['folder']}/{helped[-1]['model']}"}
        if helped
        else None
    )
    if not done[-1]["helped"]:
        stopped = f"round {done[-1]['round']} did not help: its interval reaches 0"
    else:
        stopped = f"{len(done)} of {config.rounds} rounds done"
    origin = {"round": 0, "model": start.model.name}
    files.write_json(
        config.out / "summary.json", {"best": best or origin, "stopped": stopped, "rounds": list(done)}
    )


def show(config: Synthesis, done: Sequence[Json]) -> None:
    """The closing lines."""
    summary = files.read_json(config.out / "summary.json")
    best = summary["best"]
    where = (
        f"{best['model']}, where it started"
        if not best["round"]
        else os.path.relpath(config.out / best["model"])
    )
    seconds = sum(value for each in done for value in each["seconds"].values())
    print(
        f"\n{summary['stopped']}\nbest model: {where}\nrounds took {seconds:.0f} s; wrote "
        f"{os.path.relpath(config.out / 'summary.json')}"
    )
