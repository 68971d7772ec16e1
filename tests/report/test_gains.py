"""What may be said of a gain: never a sign that its numbers do not carry."""

from __future__ import annotations

import pytest

from unifer.evaluate.statistics.gains import Gain
from unifer.evaluate.statistics.recalls import LabelChange
from unifer.report.comparisons import labels_text, recalls_text, verdict, verdict_text


def gain(points: float, low: float, high: float) -> Gain:
    return Gain(points, (low, high), 1000, 60, 40, 0.05, 1000, 0)


@pytest.mark.parametrize(
    ("found", "word", "line"),
    [
        (
            gain(6.0, 4.1, 7.9),
            "helped",
            "WAR: GRPO helped, +6.0 points; 95 % [+4.1, +7.9], paired, 1,000 faces",
        ),
        (
            gain(1.5, -0.2, 3.2),
            "no difference",
            "WAR: no difference that 1,000 faces can show; 95 % [-0.2, +3.2] points",
        ),
        (
            gain(1.5, 0.0, 3.2),
            "no difference",
            "WAR: no difference that 1,000 faces can show; 95 % [+0.0, +3.2] points",
        ),
        (
            gain(-2.0, -3.9, -0.1),
            "hurt",
            "WAR: GRPO hurt, -2.0 points; 95 % [-3.9, -0.1], paired, 1,000 faces",
        ),
    ],
)
def test_the_sentence_follows_from_the_interval(found: Gain, word: str, line: str) -> None:
    assert verdict(found) == word
    assert verdict_text("GRPO", "WAR", found) == line
    assert len(line) <= 80


def change(label: str, fixed: int, broken: int, p: float) -> LabelChange:
    return LabelChange(label, 125, 80 + broken, 80 + fixed, fixed, broken, p)


def test_only_labels_whose_p_survives_the_correction_are_named() -> None:
    changes = [change("fear", 20, 2, 0.001), change("anger", 12, 3, 0.2), change("contempt", 1, 15, 0.04)]
    assert labels_text("GRPO", changes) == "GRPO won fear and lost contempt"
    assert labels_text("GRPO", changes[1:2]) == "GRPO won or lost no label that the counts can show"


def test_the_table_of_labels_fits_a_terminal() -> None:
    text = recalls_text(
        [change("happiness", 20, 2, 0.00012), change("neutral", 0, 0, 1.0)], "after SFT", "after GRPO"
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "happiness          125       65.6        80.0      20      2    <0.001" in text
