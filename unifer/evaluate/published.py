"""Scores of one run by the published protocol `unifer`, for comparison, not for headlines.

Reading a reply is `dialogue/published`; the metrics are scikit-learn's, in the published file format. Rows
that failed leave every denominator, as they do in the published scripts, and are noted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unifer.datasets import AnswerTag, DatasetSpec
from unifer.dialogue.published import UNKNOWN, published_label
from unifer.dialogue.wordings import PUBLISHED, Wording, wording_of
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.loading import LoadedRun, PredictionFile, open_run
from unifer.records import Json


@dataclass(frozen=True)
class PublishedScores:
    """Scores of one run by the published rule; `pairs`: (truth, label read) of the rows that did not fail."""

    spec: DatasetSpec
    run: PredictionFile
    pairs: tuple[tuple[str, str], ...]
    metrics: Json
    notes: tuple[str, ...]
    wording: Wording


def score_published(
    spec: DatasetSpec, run: PredictionFile, answer_tag: AnswerTag | None = None
) -> PublishedScores:
    """Open, grade and score one run by the published rule (`published_scores`)."""
    return published_scores(open_run(spec, run), answer_tag)


def published_scores(loaded: LoadedRun, answer_tag: AnswerTag | None = None) -> PublishedScores:
    """Grade and score a run that is open by the published rule.

    `answer_tag` overrides the dataset's own: the published pooled script reads every dataset with `one_line`.
    Raises InputError for a dataset without labels, and where every row failed.
    """
    spec, run, rule = loaded.spec, loaded.file, loaded.spec.published
    if not spec.labels:
        raise InputError(
            f"{spec.folder}: protocol unifer reads labels, and {spec.title} asks for AUs alone; "
            "choose --protocol strict or facial-r1"
        )
    tag = answer_tag or rule.answer_tag
    pairs = tuple(
        (question.true_label, published_label(row.reply, question.candidate_labels, rule.aliases, tag))
        for row in loaded.predictions
        if not row.failed and (question := row.question).true_label is not None
    )
    try:
        result = published_metrics(pairs, spec.labels)
    except ValueError as error:
        raise InputError(f"{run.path}: {error}; --protocol strict counts them as wrong") from None
    wording = wording_of(row.question for row in loaded.predictions)
    return PublishedScores(
        spec, run, pairs, result, (*loaded.notes, *_notes(loaded, pairs, wording)), wording
    )


def _notes(loaded: LoadedRun, pairs: Sequence[tuple[str, str]], wording: Wording) -> Iterator[str]:
    """What the published rule leaves out or counts otherwise than `strict`."""
    if failed := sum(row.failed for row in loaded.predictions):
        yield f"{failed:,} failed rows left every denominator, as the published rule has it"
    if unknown := sum(label == UNKNOWN for _, label in pairs):
        yield f"{unknown:,} replies read as {UNKNOWN!r}, which counts as a class in the macro means"
    if lost := len(loaded.missing.questions) + loaded.missing.unplaced:
        yield f"incomplete run: {lost:,} questions have no reply and are not counted"
    name = loaded.spec.name
    if name in PUBLISHED.values() and wording.dataset != name:
        yield (
            f"asked with {wording.text}, not the published prompt of {name}: no figure to hold against "
            "published ones"
        )


def pool_published(parts: Sequence[PublishedScores]) -> Json:
    """Metrics over the rows of all datasets, as the published pooled script computes them."""
    pairs, labels = published_pool([part.pairs for part in parts])
    return published_metrics(pairs, labels)


def published_metrics(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> Json:
    """`{"overall", "per_class", "confusion_matrix"}` of (truth, predicted) pairs.

    Overall precision, recall and F1 are macro means over every label that occurs as truth or prediction, so
    `unknown` is a class; per class and confusion run over `labels`, in order. What is divided by zero is 0.
    Raises ValueError without pairs.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    if not pairs:
        raise ValueError(
            "every row failed: the published protocol leaves failed rows out, so nothing is left to score"
        )
    truth, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    with warnings.catch_warnings():
        # Where only one label occurs scikit-learn asks for `labels`, even though they are given.
        warnings.filterwarnings("ignore", message="A single label was found")
        confusion = confusion_matrix(truth, predicted, labels=list(labels)).tolist()
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    each = precision_recall_fscore_support(
        truth, predicted, labels=list(labels), average=None, zero_division=0
    )
    return {
        "overall": {
            "accuracy": float(accuracy_score(truth, predicted)),
            "precision": float(macro[0]),
            "recall": float(macro[1]),
            "f1": float(macro[2]),
        },
        "per_class": [
            {"emotion": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            for label, p, r, f, n in zip(labels, *each, strict=True)
        ],
        "confusion_matrix": confusion,
    }


def published_pool(sets: Sequence[Sequence[tuple[str, str]]]) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of several datasets under canonical names, and the labels of the pooled file, sorted."""
    pairs = [(canonical(truth), canonical(predicted)) for pairs in sets for truth, predicted in pairs]
    return pairs, sorted({truth for truth, _ in pairs})
