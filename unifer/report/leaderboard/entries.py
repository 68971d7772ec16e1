"""Runs on disk -> entries of the leaderboard: one a model, with its scores on each dataset and whether they
can be ranked.

Scores come from `evaluate/scoring`; nothing is computed here but which question file a run answered, whole or
in part. A model is one run name over several datasets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from unifer.datasets import DatasetSpec
from unifer.dialogue.wordings import Wording, together, wording_of
from unifer.errors import InputError
from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.facial_r1 import facial_r1_scores
from unifer.evaluate.folds import folds_of
from unifer.evaluate.grading import Graded
from unifer.evaluate.loading import LoadedRun, PredictionFile, open_run
from unifer.evaluate.metrics import LEVEL, ConfusionTable, tally
from unifer.evaluate.published import PublishedScores, published_scores
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores, score_run
from unifer.evaluate.sources import QuestionSource
from unifer.evaluate.statistics.bootstrap import percentile_interval
from unifer.places import FERBENCH, MORE
from unifer.records import Prediction, Question

METRICS = {
    "war": "WAR",
    "uar": "UAR",
    "macro_f1": "macro-F1",
    "au_macro_f1": "AU macro-F1",
    "au_micro_f1": "AU micro-F1",
    "au_face_f1": "AU F1 a face",
    "rouge_l": "ROUGE-L",
    "rege": "REGE",
    "judge": "judge, 1 to 10",
}
"""Everything that is ranked, in the order of its tables. Shares are in [0, 1]; REGE is at most 200."""
LABELLED = ("war", "uar", "macro_f1")


@dataclass(frozen=True)
class Value:
    """One score with its 95 % interval, where something was resampled."""

    score: float
    interval: tuple[float, float] | None = None


class QuestionOutcome(NamedTuple):
    """One question, what became of it, and the label named."""

    question: Question
    outcome: str
    label: str | None


@dataclass(frozen=True)
class BoardCell:
    """One model on one dataset. `counts` holds every denominator, `whole` how many questions the question
    file has (None: unknown).

    `comparable`: every question of that file was asked, and none besides, so the score may be ranked beside
    others.
    """

    values: Mapping[str, Value]
    counts: Mapping[str, int]
    whole: int | None = None
    comparable: bool = True
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scored: DatasetScores | None = None
    """Strict scores, without the replies."""
    said: Mapping[str, QuestionOutcome] = field(default_factory=dict)
    """By question, what strict grading found; what pairs the cell with another model's."""
    published: PublishedScores | None = None
    """Scores of the published rule."""
    table: ConfusionTable | None = None
    """How often each label is true."""
    judge: str | None = None
    """Who gave the judge's scores, and how."""
    au_set: str | None = None
    """Over which of the dataset's AU sets its AUs are scored."""
    profile: str | None = None
    """The inference profile, where the manifest states it."""
    wording: Wording | None = None
    """In whose words its questions ask."""
    folds: str | None = None
    """Whose folds its subjects are in."""


@dataclass(frozen=True)
class Group:
    """Runs that may stand in one table: a family of datasets, and one kind of question file."""

    family: str
    questions: str | None = None
    """Name of the question file; None for each dataset's own."""

    @property
    def title(self) -> str:
        """A heading."""
        return self.family if self.questions is None else f"{self.family}: questions of {self.questions}"


POOLED_FAMILY, UNITS_FAMILY = "FERBench", "Other emotions, Action Units and reasoning"
"""The four sets of FERBench, which have a pooled score; the sets in the folder `benchmark`. Any other dataset
is a family of its own.
"""


def family_of(spec: DatasetSpec) -> str:
    """The heading under which a dataset stands."""
    if spec.folder.name in FERBENCH:
        return POOLED_FAMILY
    return UNITS_FAMILY if spec.folder.absolute().parent.name == MORE else spec.title


@dataclass
class Entry:
    """One model in one group: its cells by the name of the dataset."""

    model: str
    group: Group
    cells: dict[str, BoardCell] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    """Dataset -> fingerprint of the model that answered it, where the manifest tells."""

    @property
    def one_model(self) -> bool:
        """False where the same name stands for different checkpoints."""
        return len(set(self.checkpoints.values())) < 2

    @property
    def wording(self) -> Wording | None:
        """In whose words it was asked, over all its datasets."""
        found = [cell.wording for cell in self.cells.values() if cell.wording is not None]
        return together(found) if found else None


def collect(
    selected: Sequence[Selected], *, protocol: str, resamples: int, advance: Callable[[], None] = lambda: None
) -> tuple[list[Entry], dict[str, DatasetSpec]]:
    """Score the runs by `protocol`; entries in order of their first run, and the datasets they speak of by
    name. `advance` hears of each.

    Raises InputError for a run that cannot be scored, and for two runs of one name on one dataset and
    question file.
    """
    entries: dict[tuple[str, Group], Entry] = {}
    specs: dict[str, DatasetSpec] = {}
    paths: dict[tuple[str, Group, str], PredictionFile] = {}
    for each in selected:
        spec, run = each.spec, each.run
        _refuse_other_folder(specs.setdefault(spec.name, spec), spec)
        loaded = open_run(spec, run)
        rows, source, stated = loaded.predictions, loaded.source, loaded.manifest
        group = Group(family_of(spec), _questions_name(spec, source, rows))
        model = run.name if source.path is None else run.name.removesuffix(f".{source.path.stem}")
        other = paths.setdefault((model, group, spec.name), run)
        if other is not run:
            raise InputError(
                f"{run.path}: {model!r} has a second run on {spec.title}, {other.path}; leave one "
                "out, or rename its file"
            )
        entry = entries.setdefault((model, group), Entry(model, group))
        cell = _RULES[protocol](loaded, resamples)
        profile, folds = None if stated is None else stated.profile, folds_of(row.question for row in rows)
        entry.cells[spec.name] = replace(cell, au_set=spec.au_set, profile=profile, folds=folds)
        fingerprint = None if stated is None else (stated.identity.get("model") or {}).get("fingerprint")
        if fingerprint is not None:
            entry.checkpoints[spec.name] = str(fingerprint)
        advance()
    return list(entries.values()), specs


def _refuse_other_folder(known: DatasetSpec, spec: DatasetSpec) -> None:
    if known.folder.resolve() != spec.folder.resolve() and (known.labels, known.action_units) != (
        spec.labels,
        spec.action_units,
    ):
        raise InputError(
            f"{spec.folder}: is called {spec.name!r} like {known.folder}, but asks for something "
            "else; rename one of them"
        )


def _questions_name(spec: DatasetSpec, source: QuestionSource, rows: Sequence[Prediction]) -> str | None:
    """None for the dataset's own questions; else the file's name, or a digest of the rows where it is not at
    hand.
    """
    if source.path is not None:
        same = spec.questions.is_file() and source.path.samefile(spec.questions)
        return None if same else source.path.name
    keys = "\0".join(sorted(row.question.key for row in rows))
    return f"no file at hand ({hashlib.sha256(keys.encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"


def _strict(loaded: LoadedRun, resamples: int) -> BoardCell:
    result = score_run(loaded, resamples)
    values = {}
    if result.scores is not None:
        values = {
            name: Value(getattr(result.scores, name), result.scores.intervals.get(name)) for name in LABELLED
        }
    if (units := result.action_units) is not None:
        for name in ("macro_f1", "micro_f1", "face_f1"):
            if (score := getattr(units, name)) is not None:
                values[f"au_{name}"] = Value(score, units.intervals.get(name))
    values |= _reasoning(result)
    whole, comparable, flags = _coverage(loaded, result.counts)
    table = None if result.scores is None else result.scores.table
    # Without replies: those of 24 models over FERBench would fill gigabytes.
    kept = replace(result, graded=())
    said = said_of(result.graded, loaded.source.questions)
    known = (values, result.counts, whole, comparable, flags, result.notes, kept, said)
    return BoardCell(*known, table=table, judge=_judge(result), wording=result.wording)


def said_of(graded: Sequence[Graded], questions: Sequence[Question] = ()) -> dict[str, QuestionOutcome]:
    """What was said to each question that asks for a label; a question at hand in `questions` is taken from
    there, and held once.
    """
    known = {question.key: question for question in questions}
    rows = [
        (row.prediction.question, row.verdict)
        for row in graded
        if row.prediction.question.true_label is not None
    ]
    return {
        question.key: QuestionOutcome(known.get(question.key, question), verdict.outcome, verdict.label)
        for question, verdict in rows
    }


def _reasoning(result: DatasetScores) -> dict[str, Value]:
    found: dict[str, Value] = {}
    reasoning = result.reasoning
    if reasoning is None:
        return found
    if reasoning.rouge is not None and reasoning.rouge.value is not None:
        found["rouge_l"] = Value(reasoning.rouge.value, reasoning.rouge.interval)
    # Emotions where the dataset has labels, else AUs: what the published REGE of a set recognises.
    rege = reasoning.rege.get("accuracy") or reasoning.rege.get("macro_au_f1")
    if rege is not None:
        found["rege"] = Value(rege.total, rege.interval)
    if reasoning.judge is not None and reasoning.judge.mean.value is not None:
        found["judge"] = Value(reasoning.judge.mean.value, reasoning.judge.mean.interval)
    return found


def _judge(result: DatasetScores) -> str | None:
    """Who judged, by which rubric: means of different judges are not compared."""
    judge = None if result.reasoning is None else result.reasoning.judge
    return (
        None
        if judge is None
        else f"judged by {judge.judge}, {judge.rubric}" + (", shown the picture" if judge.pictured else "")
    )


def _published(loaded: LoadedRun, resamples: int) -> BoardCell:
    """By the published rule: accuracy stands where WAR does, macro recall where UAR does; only accuracy has
    an interval.
    """
    result, spec, rows = published_scores(loaded), loaded.spec, loaded.predictions
    overall, scored = result.metrics["overall"], len(result.pairs)
    values = {
        "war": Value(overall["accuracy"], accuracy_interval(overall["accuracy"], scored, resamples)),
        "uar": Value(overall["recall"]),
        "macro_f1": Value(overall["f1"]),
    }
    stated = loaded.manifest
    asked = len(rows) if stated is None or stated.total is None else stated.total
    failed = sum(row.failed for row in rows)
    counts = {"asked": asked, "scored": scored, "failed": failed, "missing": asked - len(rows)}
    whole, comparable, flags = _coverage(loaded, counts)
    # The published pooled script reads every dataset with the one-line expression.
    pooled = result if spec.published.answer_tag == "one_line" else published_scores(loaded, "one_line")
    table = tally(spec.labels, ((truth, "answered", truth) for truth, _ in result.pairs))
    return BoardCell(
        values,
        counts,
        whole,
        comparable,
        flags,
        result.notes,
        published=pooled,
        table=table,
        wording=result.wording,
    )


def _facial_r1(loaded: LoadedRun, resamples: int) -> BoardCell:
    """By Facial-R1's rule: accuracy stands where WAR does."""
    result = facial_r1_scores(loaded, resamples)
    values: dict[str, Value] = {}
    for name, share in (("war", result.accuracy), ("rouge_l", result.rouge)):
        if share is not None and share.value is not None:
            values[name] = Value(share.value, share.interval)
    if (units := result.action_units) is not None:
        for name in ("macro_f1", "micro_f1"):
            if (score := getattr(units, name)) is not None:
                values[f"au_{name}"] = Value(score, units.intervals.get(name))
    if (rege := result.rege.get("accuracy") or result.rege.get("macro_au_f1")) is not None:
        values["rege"] = Value(rege.total, rege.interval)
    whole, comparable, flags = _coverage(loaded, result.counts)
    words = wording_of(row.question for row in loaded.predictions)
    return BoardCell(values, result.counts, whole, comparable, flags, result.notes, wording=words)


_RULES = {"strict": _strict, "unifer": _published, FACIAL_R1: _facial_r1}
"""How a run is scored, by protocol."""


def accuracy_interval(accuracy: float, scored: int, resamples: int) -> tuple[float, float] | None:
    """Percentile bootstrap over rows: a sample of n right and wrong answers is one binomial draw."""
    if not resamples:
        return None
    samples = np.random.default_rng(0).binomial(scored, accuracy, size=resamples) / scored
    return percentile_interval(samples, LEVEL)


def _coverage(loaded: LoadedRun, counts: Mapping[str, int]) -> tuple[int | None, bool, tuple[str, ...]]:
    """How many questions the file has, whether all of them and no others were asked, and what to mark."""
    flags = [f"incomplete: {counts['missing']:,} without a reply"] if counts["missing"] else []
    flags += [f"{counts['failed']:,} failed"] if counts["failed"] else []
    source, rows = loaded.source, loaded.predictions
    if source.path is None:
        return None, True, tuple(flags)
    keys = {question.key for question in source.questions}
    strangers = sum(row.question.key not in keys for row in rows)
    asked = counts["asked"] - strangers
    flags = [f"partial: {asked:,} of {len(keys):,} questions", *flags] if asked < len(keys) else flags
    flags = [f"{strangers:,} other questions", *flags] if strangers else flags
    return len(keys), asked == len(keys) and not strangers, tuple(flags)
