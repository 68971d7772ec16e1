"""Metrics of the published protocol against their definitions, written out by hand."""

from __future__ import annotations

import random

import pytest

from tests.ferbench import needs_ferbench, question_file, specs
from unifer.datasets import read_questions
from unifer.dialogue.published import published_label
from unifer.evaluate.published_metrics import published_metrics, published_pool

Pairs = list[tuple[str, str]]


def by_hand(pairs: Pairs, label: str) -> tuple[float, float, float, int]:
    hits = sum(t == p == label for t, p in pairs)
    predicted, support = sum(p == label for _, p in pairs), sum(t == label for t, _ in pairs)
    precision, recall = (hits / predicted if predicted else 0.0), (hits / support if support else 0.0)
    return precision, recall, (2 * precision * recall / (precision + recall) if hits else 0.0), support


def check(pairs: Pairs, labels: list[str]) -> None:
    found = published_metrics(pairs, labels)
    union = sorted({label for pair in pairs for label in pair})
    macro = [sum(by_hand(pairs, label)[i] for label in union) / len(union) for i in range(3)]
    overall = found["overall"]
    assert list(overall) == ["accuracy", "precision", "recall", "f1"]
    assert overall["accuracy"] == pytest.approx(sum(t == p for t, p in pairs) / len(pairs), abs=1e-12)
    assert [overall["precision"], overall["recall"], overall["f1"]] == pytest.approx(macro, abs=1e-12)
    for row, label in zip(found["per_class"], labels, strict=True):
        precision, recall, f1, support = by_hand(pairs, label)
        assert (row["emotion"], row["support"]) == (label, support)
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx([precision, recall, f1], abs=1e-12)
    assert found["confusion_matrix"] == [[pairs.count((t, p)) for p in labels] for t in labels]


def test_unknown_is_a_class_of_the_macro_mean_here() -> None:
    pairs = [("happy", "happy")] * 9 + [("sad", "sad")] * 9 + [("sad", "unknown")]
    check(pairs, ["happy", "sad"])
    assert published_metrics(pairs, ["happy", "sad"])["overall"]["f1"] == pytest.approx((1 + 18 / 19 + 0) / 3)


def test_no_row_left_is_an_error_that_names_the_cause() -> None:
    with pytest.raises(ValueError, match="every row failed"):
        published_metrics([], ["happy", "sad"])


def test_pooling_renames_adjectives_and_sorts_the_true_labels() -> None:
    pairs, labels = published_pool([[("angry", "sad"), ("happy", "unknown")], [("sadness", "anger")]])
    assert pairs == [("anger", "sadness"), ("happiness", "unknown"), ("sadness", "anger")]
    assert labels == ["anger", "happiness", "sadness"]


@needs_ferbench
def test_all_published_questions_with_invented_replies_to_twelve_digits() -> None:
    rng, sets = random.Random(2), []
    for spec in specs():
        pairs = []
        for question in read_questions(question_file(spec), spec):
            said = str(question.true_label) if rng.random() < 0.7 else rng.choice([*spec.labels, "unhappy", "nothing", "terror"])
            reply = f"<think>x</think><answer>{said}</answer>"
            pairs.append((str(question.true_label), published_label(reply, question.candidate_labels, spec.published.aliases)))
        check(pairs, list(spec.labels))
        sets.append(pairs)
    pooled, labels = published_pool(sets)
    check(pooled, labels)
    assert (len(pooled), labels) == (11072, sorted(["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]))
