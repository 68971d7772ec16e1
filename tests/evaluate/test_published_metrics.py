"""Metrics of the published protocol against their definitions, written out by hand."""

from __future__ import annotations

import random

import pytest

from tests.ferbench import needs_ferbench, question_file, specs
from tests.literal import unifer_metrics
from unifer.datasets import read_questions
from unifer.dialogue.published import published_label
from unifer.evaluate.published import published_metrics, published_pool

Pairs = list[tuple[str, str]]


def check(pairs: Pairs, labels: list[str]) -> None:
    found, wanted = published_metrics(pairs, labels), unifer_metrics(pairs, labels)
    assert list(found["overall"]) == ["accuracy", "precision", "recall", "f1"]
    assert found["overall"] == pytest.approx(wanted["overall"], abs=1e-12)
    for row, by_hand in zip(found["per_class"], wanted["per_class"], strict=True):
        assert (row["emotion"], row["support"]) == (by_hand["emotion"], by_hand["support"])
        assert [row[name] for name in ("precision", "recall", "f1")] == pytest.approx(
            [by_hand[name] for name in ("precision", "recall", "f1")], abs=1e-12
        )
    assert found["confusion_matrix"] == wanted["confusion_matrix"]


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
            said = (
                str(question.true_label)
                if rng.random() < 0.7
                else rng.choice([*spec.labels, "unhappy", "nothing", "terror"])
            )
            reply = f"<think>x</think><answer>{said}</answer>"
            pairs.append(
                (
                    str(question.true_label),
                    published_label(reply, question.candidate_labels, spec.published.aliases),
                )
            )
        check(pairs, list(spec.labels))
        sets.append(pairs)
    pooled, labels = published_pool(sets)
    check(pooled, labels)
    assert (len(pooled), labels) == (
        11072,
        sorted(["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]),
    )
