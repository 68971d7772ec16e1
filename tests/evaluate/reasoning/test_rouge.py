"""ROUGE-L against the package it must equal, on replies of every kind, and on those that the package cannot
take.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.score_parity import TOLERANCE, differences, prose, reply
from unifer.evaluate.reasoning.rege import longest_common, rouge_l

PACKAGE = RougeScorer(["rougeL"], use_stemmer=True)


def test_closed_forms() -> None:
    assert rouge_l("The brows are raised.", "the BROWS are raised") == 1
    assert rouge_l("eyes lips", "lips eyes") == pytest.approx(1 / 2), "order counts"
    assert rouge_l("raising", "raised") == 1, "words are stemmed"
    assert rouge_l("a b c d", "a c") == pytest.approx(2 * (2 / 4) * 1 / (2 / 4 + 1))
    for reply_, reference in (("", "a"), ("a", ""), ("?!", "a"), ("", "")):
        assert rouge_l(reply_, reference) == 0


def test_equal_to_the_package_on_fuzzed_replies() -> None:
    """Replies one by one; benchmarks/score_parity.py takes 2,000."""
    random = Random(5)
    for _ in range(60):
        said, reference = reply(random, frozenset({6, 12}), "happiness"), prose(random)
        assert rouge_l(said, reference) == pytest.approx(
            PACKAGE.score(reference, said)["rougeL"].fmeasure, rel=0, abs=TOLERANCE
        )


@given(st.lists(st.sampled_from("abc"), max_size=80), st.lists(st.sampled_from("abcd"), max_size=80))
@settings(max_examples=80)
def test_the_bits_count_the_longest_common_subsequence(one: list[str], other: list[str]) -> None:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert longest_common(one, other) == longest_common(other, one) == table[-1][-1]


def test_a_megabyte_is_scored_where_a_table_of_words_would_not_fit() -> None:
    assert rouge_l("wide smile " * 100_000, "a wide smile") == pytest.approx(2 * 2 / (200_000 + 3))
    assert rouge_l("y" * 1_000_000, "yes") == 0


def test_scores_of_a_fuzzed_run_are_those_of_scikit_learn_and_the_package() -> None:
    """The whole way, from a file of predictions to the figures: benchmarks/score_parity.py on few rows."""
    found = differences(60, seed=1)
    assert {name: gap for name, gap in found.items() if gap > TOLERANCE} == {}
    assert {"face F1", "micro F1", "macro F1", "ROUGE-L", "REGE", "outside", "AU12 F1"} <= set(found)
