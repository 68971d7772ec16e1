"""The end of a quickstart: scores, figures, a page, summary.json, and what GRPO gained.

Everything is computed from the predictions on disk, by the same functions as `unifer eval`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files
from unifer.cli import yardstick
from unifer.cli.console import say
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.cli.stages import Stages
    from unifer.evaluate.scoring import DatasetScores
    from unifer.evaluate.statistics.gains import Gain
    from unifer.evaluate.statistics.recalls import LabelChange
    from unifer.report.figures import Bar

    Scored = dict[str, DatasetScores]
    """Stage -> the scores of its model on the held-out faces."""

_TITLES = {"base": "base", "sft": "after SFT", "grpo": "after GRPO"}


def score(root: Path, work: Path, models: Mapping[str, str]) -> Scored:
    """Score `models` (stage -> checkpoint) and the samples, as `unifer eval` and `eval-total` do.

    Figures and page go into `work`.

    In this process: each command of its own would spend more time on starting than on scoring. What they say
    goes to the log.
    """
    from unifer.cli import main
    from unifer.datasets import load_dataset
    from unifer.errors import InputError
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.scoring import score_strict

    log = work / "logs" / "score.log"
    with _into(log):
        spec = load_dataset(work / "heldout")
        names = {stage: Path(model).name for stage, model in models.items()}
        scored = {
            stage: score_strict(spec, PredictionFile(name, spec.results / f"{name}.jsonl"))
            for stage, name in names.items()
        }
        for each in scored.values():
            _write_scores(each)
        if main(["eval-total", "--root", str(root), "--run", f"{names['grpo']}.sample_qa"]):
            raise InputError(f"the four samples cannot be scored; {os.path.relpath(log)} says why")
        _figures(root, work, names["grpo"], scored)
        _page(work, scored)
    return scored


def show(work: Path, models: Mapping[str, str], scored: Scored, stages: Stages) -> None:
    """Write summary.json and print the tables."""
    from unifer.evaluate.statistics.gains import face_f1, paired_gain
    from unifer.evaluate.statistics.recalls import label_changes

    before, after = scored["sft"].graded, scored["grpo"].graded
    gains = {"WAR": paired_gain(before, after), "AU F1": paired_gain(before, after, face_f1)}
    changes = label_changes(before, after, scored["grpo"].spec.labels)
    seconds = {**stages.seconds, "total": round(sum(stages.seconds.values()), 1)}
    files.write_json(
        work / "summary.json",
        {stage: model_summary(each) for stage, each in scored.items()}
        | {
            "gain": gains["WAR"].to_json() | {"au_f1": gains["AU F1"].to_json()},
            **_in_words(gains, changes),
            "seconds": seconds,
        }
        | {"yardstick": yardstick.summary(stages.yardsticks, stages.seconds)},
    )
    _print(scored, gains, changes, seconds)
    made = [
        "report/index.html",
        "scores.png",
        "gallery.png",
        "curves.png",
        "summary.json",
        *(Path(models[name]).name for name in ("sft", "grpo")),
    ]
    print("wrote " + "\n      ".join(os.path.relpath(work / name) for name in made))


def _in_words(gains: Mapping[str, Gain], changes: list[LabelChange]) -> Json:
    """What may be said of GRPO: by label, and by score."""
    from unifer.report.comparisons import verdict

    named = {verb: [each.label for each in changes if each.verdict == verb] for verb in ("won", "lost")}
    verdicts = {"war": verdict(gains["WAR"]), "au_f1": verdict(gains["AU F1"])}
    return {"recall": {each.label: each.to_json() for each in changes}, **named, "verdict": verdicts}


@contextmanager
def _into(log: Path) -> Iterator[None]:
    """What is printed meanwhile goes to the end of `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out, redirect_stdout(out), redirect_stderr(out):
        yield


def _write_scores(result: DatasetScores) -> None:
    """The files of `unifer eval`: scores and confusion matrix beside the predictions."""
    from unifer.report.figures import confusion_png

    found = result.to_json()
    files.write_json(result.run.path.with_suffix(".metrics.json"), found)
    table = found["confusion"]
    title = f"{result.spec.title} · {result.run.name}"
    confusion_png(
        result.run.path.with_suffix(".confusion.png"),
        table["counts"],
        table["truth"],
        table["outcome"],
        title,
    )


def model_summary(result: DatasetScores) -> Json:
    """Scores of one model, in [0, 1]; AU F1 is that of a face, and None where no face is annotated."""
    scores, units = result.labelled, result.action_units
    claimed: Json = {"au_f1": None}
    if units is not None:
        means = {"au_f1_micro": units.micro_f1, "au_f1_macro": units.macro_f1}
        claimed = {"au_f1": units.face_f1, "au_f1_ci95": units.intervals["face_f1"], **means}
    counts = {"n": scores.counts["asked"], "no_answer": scores.counts["no_answer"]}
    return {"accuracy": scores.war, "uar": scores.uar, "ci95": scores.intervals["war"], **counts, **claimed}


def _print(
    scored: Mapping[str, DatasetScores],
    gains: Mapping[str, Gain],
    changes: list[LabelChange],
    seconds: Mapping[str, float],
) -> None:
    from unifer.report.comparisons import labels_text, recalls_text, verdict_text
    from unifer.report.scores import models_text

    asked, labels = scored["grpo"].counts["asked"], len(scored["grpo"].spec.labels)
    fewer = {stage: n for stage, each in scored.items() if (n := each.counts["asked"]) < asked}
    titles = {
        stage: f"{_TITLES[stage]} (n={fewer[stage]:,})" if stage in fewer else _TITLES[stage]
        for stage in scored
    }
    say(
        f"\nUniFER-Tiny on {asked:,} held-out faces of {labels} emotions (synthetic; chance "
        f"{100 / labels:.1f} %)\n"
    )
    say(models_text({titles[stage]: each for stage, each in scored.items()}))
    say("the base was taught another question, to list AUs; this one it never saw\n")
    say(recalls_text(changes, _TITLES["sft"], _TITLES["grpo"]))
    say("better, worse: faces that only the later, only the earlier model names\n")
    for name, gain in gains.items():
        say(verdict_text("GRPO", name, gain))
    say("labels: " + labels_text("GRPO", changes))
    say("\nseconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))


def _figures(root: Path, work: Path, model: str, scored: Mapping[str, DatasetScores]) -> None:
    from unifer.report.curves import curves_png
    from unifer.report.figures import bars_png
    from unifer.train.history import read_metrics

    total = files.read_json(root / "eval_total" / "results" / f"{model}.sample_qa.metrics.json")
    sets = list(total["datasets"].values())
    bars = [_bar(_TITLES[stage], each.to_json()) for stage, each in scored.items()]
    asked, few = (part["counts"]["asked"] for part in (scored["grpo"].to_json(), sets[0]))
    sections = [
        (f"{asked:,} held-out faces", len(bars)),
        (f"after GRPO, the four samples of {few} faces", len(sets)),
    ]
    title = "UniFER-Tiny, cold-start SFT and GRPO (drawn faces, 95 % intervals)"
    bars_png(
        work / "scores.png",
        bars + [_bar(part["title"], part) for part in sets],
        ("WAR", "AU F1 per face"),
        title,
        sections,
    )
    _gallery(work, model)
    curves_png(work / "curves.png", read_metrics(work / model), f"{model} · GRPO")


def _page(work: Path, scored: Mapping[str, DatasetScores]) -> None:
    from unifer.cli.report import images_bar
    from unifer.report.page.building import ReportSettings, write_report

    write_report(
        list(scored.values()),
        work / "report",
        ReportSettings(title="UniFER-Tiny on faces it has never seen"),
        images_bar,
    )


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
    from unifer.report.figures import AnsweredFace, gallery_png

    predictions = list(
        files.read_records(work / "heldout" / "results" / f"{model}.jsonl", Prediction.from_json)
    )
    chosen = sorted(predictions, key=lambda prediction: prediction.question.key)[:8]
    answered = []
    for prediction in chosen:
        question = prediction.question
        verdict = answers.grade(prediction.reply, question.candidate_labels)
        with Image.open(work / "heldout" / "data" / question.image_path) as picture:
            answered.append(
                AnsweredFace(
                    picture.convert("RGB"), str(question.true_label), verdict.label, verdict.reasoning
                )
            )
    gallery_png(work / "gallery.png", answered, f"{model} reads eight held-out faces (synthetic)")
