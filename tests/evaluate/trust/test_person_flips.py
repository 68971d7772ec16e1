"""Answers that change with the person alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.scored import dataset, question, replied, write
from unifer.cli import main
from unifer.dialogue.answers import Verdict, grade
from unifer.evaluate.trust.person_flips import person_flips
from unifer.evaluate.trust.sheets import read_sheet

LABELS = ("happy", "sad", "angry")


def verdict(answer: str) -> Verdict:
    return grade(f"<think>x</think><answer>{answer}</answer>", LABELS)


def test_a_flip_is_another_label_and_a_silence_is_none() -> None:
    """Counted together, a model that refuses on some people's faces would look as one that misreads them."""
    pairs = [("happy", "happy"), ("happy", "sad"), ("sad", "none"), ("no", "none"), ("happy", "sad")]
    (flips, silences), changes = person_flips([(verdict(one), verdict(other)) for one, other in pairs])
    assert flips.value == pytest.approx(2 / 3)
    assert silences.value == pytest.approx(1 / 4)
    assert (flips.n, silences.n) == (3, 4)
    assert changes == {"happiness -> sadness": 2}


def test_a_column_names_the_twin_and_each_pair_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = dataset(tmp_path, "twins", LABELS)
    rows = []
    for at in range(20):
        row = question(at, "happy", LABELS) | {"id": f"q{at}", "provenance": {"twin": f"q{at ^ 1}"}}
        rows.append(row | replied("sad" if at in (3, 4) else "happy"))
    path = write(spec.results / "tiny.jsonl", rows)
    command = ["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), "--resamples", "50"]
    assert main([*command, "--twin", "twin"]) == 0
    assert "commonest: happiness -> sadness" in " ".join(capsys.readouterr().out.split())
    rate = read_sheet(spec.results / "tiny.fairness.json").rate("person flips")
    assert rate is not None
    assert (rate.value, rate.n, rate.better) == (0.2, 10, "lower")
    rows[0]["provenance"] = {"twin": "q99"}
    write(path, rows)
    assert main([*command, "--twin", "twin"]) == 2
    assert "the first is 'q0' with 'q99'" in capsys.readouterr().err
