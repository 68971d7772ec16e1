"""What a quickstart ends with: summary.json, three figures, a report page, and a table of base, SFT and GRPO with the paired gain.

Everything is computed from the predictions on disk, by the same functions as `unifer eval`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.evaluate.scoring import DatasetScores
    from unifer.evaluate.statistics.compare import Gain
    from unifer.report.figures import Bar

_TITLES = {"base": "base", "sft": "after SFT", "grpo": "after GRPO"}


def show(root: Path, work: Path, models: Mapping[str, str], stages: Mapping[str, float]) -> None:
    """Score `models` (stage -> checkpoint) on the held-out faces; write summary and figures into `work`; print the table."""
    from unifer.datasets import load_dataset
    from unifer.evaluate.predictions import Run
    from unifer.evaluate.scoring import score_strict
    from unifer.evaluate.statistics.compare import face_f1, paired_gain

    spec = load_dataset(work / "heldout")
    names = {stage: Path(model).name for stage, model in models.items()}
    scored = {stage: score_strict(spec, Run(name, spec.results / f"{name}.jsonl")) for stage, name in names.items()}
    before, after = scored["sft"].graded, scored["grpo"].graded
    gains = {"WAR": paired_gain(before, after), "AU F1": paired_gain(before, after, face_f1)}
    seconds = {**stages, "total": round(sum(stages.values()), 1)}
    gain = gains["WAR"].to_json() | {"au_f1": gains["AU F1"].to_json()}
    files.write_json(
        work / "summary.json", {stage: model_summary(each) for stage, each in scored.items()} | {"gain": gain, "seconds": seconds}
    )
    _figures(root, work, names["grpo"], scored)
    _page(work, scored)
    _print(scored, gains, seconds)
    shown = ["report/index.html", "scores.png", "gallery.png", "curves.png", "summary.json", names["sft"], names["grpo"]]
    print("wrote " + "\n      ".join(os.path.relpath(work / name) for name in shown))


def model_summary(result: DatasetScores) -> Json:
    """Scores of one model, in [0, 1]; AU F1 is that of a face, and None where no face is annotated."""
    scores, units = result.labelled, result.action_units
    claimed: Json = {"au_f1": None}
    if units is not None:
        means = {"au_f1_micro": units.micro_f1, "au_f1_macro": units.macro_f1}
        claimed = {"au_f1": units.face_f1, "au_f1_ci95": units.intervals["face_f1"], **means}
    counts = {"n": scores.counts["asked"], "no_answer": scores.counts["no_answer"]}
    return {"accuracy": scores.war, "uar": scores.uar, "ci95": scores.intervals["war"], **counts, **claimed}


def _print(scored: Mapping[str, DatasetScores], gains: Mapping[str, Gain], seconds: Mapping[str, float]) -> None:
    from unifer.report.tables import gain_text, models_text

    asked, labels = scored["grpo"].counts["asked"], len(scored["grpo"].spec.labels)
    print(f"\nUniFER-Tiny on {asked:,} held-out faces of {labels} emotions (synthetic; chance {100 / labels:.1f} %)\n")
    print(models_text({_TITLES[stage]: each for stage, each in scored.items()}))
    print("the base was taught another question, to list AUs; this one it never saw\n")
    for score, gain in gains.items():
        print(gain_text("GRPO over SFT" if score == "WAR" else f"{'in ' + score:>13}", gain))
    print("\nseconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))


def _figures(root: Path, work: Path, model: str, scored: Mapping[str, DatasetScores]) -> None:
    from unifer.report.curves import curves_png
    from unifer.report.figures import bars_png
    from unifer.train.history import read_metrics

    total = files.read_json(root / "eval_total" / "results" / f"{model}.sample_qa.metrics.json")
    sets = list(total["datasets"].values())
    bars = [_bar(_TITLES[stage], each.to_json()) for stage, each in scored.items()]
    asked, few = (part["counts"]["asked"] for part in (scored["grpo"].to_json(), sets[0]))
    sections = [(f"{asked:,} held-out faces", len(bars)), (f"after GRPO, the four samples of {few} faces", len(sets))]
    title = "UniFER-Tiny, cold-start SFT and GRPO (drawn faces, 95 % intervals)"
    bars_png(work / "scores.png", bars + [_bar(part["title"], part) for part in sets], ("WAR", "AU F1 a face"), title, sections)
    _gallery(work, model)
    curves_png(work / "curves.png", read_metrics(work / model), f"{model} · GRPO")


def _page(work: Path, scored: Mapping[str, DatasetScores]) -> None:
    from unifer.cli.report import images_bar
    from unifer.report.page.building import Settings, write_report

    write_report(list(scored.values()), work / "report", Settings(title="UniFER-Tiny on faces it has never seen"), images_bar)


def _bar(name: str, part: Json) -> Bar:
    """WAR and AU F1 of one set from its scores file."""
    from unifer.report.figures import Bar

    units = part.get("action_units") or {"face_f1": None, "intervals": {}}
    intervals = ((part["intervals"] or {}).get("war"), (units["intervals"] or {}).get("face_f1"))
    return Bar(name, (part["war"], units["face_f1"]), intervals, chance=1 / len(part["confusion"]["truth"]))


def _gallery(work: Path, model: str) -> None:
    from PIL import Image

    from unifer.dialogue import answers
    from unifer.records import Prediction
    from unifer.report.gallery import Answered, gallery_png

    predictions = list(files.read_records(work / "heldout" / "results" / f"{model}.jsonl", Prediction.from_json))
    chosen = sorted(predictions, key=lambda prediction: prediction.question.key)[:8]
    answered = []
    for prediction in chosen:
        question = prediction.question
        verdict = answers.grade(prediction.reply, question.candidate_labels)
        with Image.open(work / "heldout" / "data" / question.image_path) as picture:
            answered.append(Answered(picture.convert("RGB"), str(question.true_label), verdict.label, verdict.reasoning))
    gallery_png(work / "gallery.png", answered, f"{model} reads eight held-out faces (synthetic)")
