"""The lines beside the scores: what the commonest label would score (against scikit-learn), and how often
people agree.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tests.evaluate.scored import ADJECTIVES, NOUNS, dataset, replied, run_of, write
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.metrics import tally
from unifer.evaluate.overall import overall
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.evaluate.statistics.baselines import baselines_of
from unifer.report.scores import dataset_text, overall_text

TRUTHS = ["happy"] * 5 + ["sad"] * 3 + ["angry"] * 2


def scored(
    root: Path, name: str, labels: tuple[str, ...], truths: list[str], extra: str = ""
) -> DatasetScores:
    spec = dataset(root, name, labels, extra)
    path = write(spec.results / "m.jsonl", run_of(labels, [(truth, replied(truth)) for truth in truths]))
    return score_strict(spec, PredictionFile("m", path), resamples=0)


def test_the_commonest_label_scores_what_scikit_learn_says() -> None:
    """Replies do not matter: a failed row has a true label too."""
    found = baselines_of(tally(ADJECTIVES, [(truth, "failed", None) for truth in TRUTHS]))
    always = ["happy"] * len(TRUTHS)
    assert found.label == "happy"
    assert found.war == accuracy_score(TRUTHS, always)
    assert found.uar == pytest.approx(balanced_accuracy_score(TRUTHS, always))
    assert found.macro_f1 == pytest.approx(f1_score(TRUTHS, always, average="macro", zero_division=0.0))


def test_labels_without_questions_are_no_part_of_chance() -> None:
    found = baselines_of(tally(NOUNS, [("anger", "failed", None), ("sadness", "failed", None)]))
    assert (found.label, found.war, found.uar) == ("sadness", 0.5, 0.5)
    with pytest.raises(ValueError, match="no question with a label"):
        baselines_of(tally(NOUNS, []))


def test_people_and_the_commonest_label_stand_beside_the_scores(tmp_path: Path) -> None:
    result = scored(
        tmp_path, "toy", ADJECTIVES, TRUTHS, "human: {accuracy: 0.607, about: two annotators agreed}\n"
    )
    assert result.to_json()["baselines"]["human"] == {"war": 0.607, "about": "two annotators agreed"}
    assert result.to_json()["baselines"]["majority"]["war"] == 0.5
    text = dataset_text(result)
    assert "  always happy: WAR 50.0, UAR 33.3, macro-F1 22.2\n" in text
    assert "  people: 60.7 (two annotators agreed)\n" in text


def test_the_pool_has_its_own_commonest_label_and_the_mean_has_none(tmp_path: Path) -> None:
    """Sad is the commonest in neither set alone."""
    one = scored(tmp_path, "one", ADJECTIVES, ["happy"] * 5 + ["sad"] * 4)
    two = scored(
        tmp_path,
        "two",
        NOUNS,
        ["anger"] * 5 + ["sadness"] * 4,
        "human: {accuracy: 0.7, about: three people}\n",
    )
    found = overall([one, two], resamples=0)
    assert found.pooled_baselines.label == "sadness"
    assert found.pooled_baselines.war == 8 / 18
    assert found.mean_baselines.war == pytest.approx(5 / 9)
    assert found.to_json()["mean_of_datasets"]["baselines"]["majority"]["label"] is None
    text = overall_text(found)
    assert "Set one 55.6, Set two 55.6," in text
    assert "pooled 44.4 (sadness), mean 55.6" in " ".join(text.split())
    assert "people agree: Set two 70.0 (three people)" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_hostile_words_in_a_dataset_file_stay_words(tmp_path: Path) -> None:
    result = scored(tmp_path, "toy", ADJECTIVES, TRUTHS, 'human: {accuracy: 0.5, about: "\\e[2Jgone"}\n')
    assert "\x1b" not in dataset_text(result)
