"""Metrics of the published protocol `unifer`, by scikit-learn, in the published file format. For comparison,
not for headlines.

Knows (true label, label read) pairs; reading a reply is `dialogue/published`. Rows that failed must have been
left out by the caller, as the published scripts do: here is no denominator for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from unifer.emotions import canonical
from unifer.records import Json


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
    """Pairs of several datasets as one list under canonical names, and the labels of the pooled file: the
    sorted true labels.
    """
    pairs = [(canonical(truth), canonical(predicted)) for pairs in sets for truth, predicted in pairs]
    return pairs, sorted({truth for truth, _ in pairs})
