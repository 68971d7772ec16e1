"""The lines of AUs and reasoning: they fit a terminal, name every denominator, and show a judge's name as
data.
"""

from __future__ import annotations

from unifer.evaluate.au_metrics import ActionUnitScores, UnitScore
from unifer.evaluate.reasoning.marks import JudgeScores
from unifer.evaluate.reasoning.rege import Rege
from unifer.evaluate.reasoning.scores import Follows, ReasoningScores, truth_of
from unifer.evaluate.reasoning.shares import MeanShare
from unifer.report.au_scores import action_units_lines, reasoning_lines
from unifer.report.layout import WIDTH

WIDE = (0.9777, 1.0)
UNITS = ActionUnitScores(
    n=360_000,
    unanswered=12,
    outside=98_765,
    units=(1, 12),
    face_f1=1.0,
    exact=1.0,
    micro_f1=1.0,
    precision=1.0,
    recall=1.0,
    macro_f1=None,
    per_unit=(UnitScore(12, 1.0, 1.0, 1.0, 1.0, 1_234_567, 1_234_567, 360_000),),
    intervals={"face_f1": WIDE, "micro_f1": WIDE, "precision": WIDE, "exact": WIDE},
    resamples=1000,
    seed=0,
)
REASONING = ReasoningScores(
    rouge=MeanShare(1.0, 360_000, WIDE),
    unanswered=12,
    rege={
        "accuracy": Rege(100.0, 100.0, 360_000, 360_000, (199.91, 200.0)),
        "macro_au_f1": Rege(100.0, 99.0, 9, 9, (199.91, 200.0)),
    },
    follows=Follows(MeanShare(1.0, 360_000, WIDE), MeanShare(1.0, 360_000, WIDE), 123_456, 0),
    truth=truth_of(UNITS),
    judge=JudgeScores(
        "\x1b[2Jopenrouter/" + "x" * 90,
        "judge-1",
        False,
        MeanShare(9.87, 360_000, (9.81, 10.0)),
        350_000,
        9_000,
        1_000,
        12,
        {"key": 1_000},
    ),
    resamples=1000,
    seed=0,
)


def test_every_line_fits_eighty_columns_and_is_plain() -> None:
    for line in (*action_units_lines(UNITS), *reasoning_lines(REASONING)):
        assert len(line) <= WIDTH, line
        assert line.isprintable()


def test_every_denominator_is_named() -> None:
    text = "\n".join((*action_units_lines(UNITS), *reasoning_lines(REASONING)))
    for said in (
        "a face; 360,000 annotated",
        "micro; 1,234,567 claims, 1,234,567 shown",
        "– % macro; 1 AUs shown",
        "98,765 claims of AUs that do not count there",
        "of 360,000 references",
        "of 200: 100.0 macro AU F1 + 99.0",
        "of 360,000 answers; 123,456 claim no AU",
        "of 1,234,567 claims",
        "of 360,000 faces exactly",
        "9.87   [9.81, 10.00] of 10: \\x1b[2J",
        "350,000 judged, 1,000 failed, 9,000 silent, 12 not asked",
    ):
        assert said in text


def test_a_judge_that_never_gave_a_score_has_no_mean() -> None:
    """A mean of nothing shown as 0.00 is what failures must never become."""
    silent = JudgeScores("j", "judge-1", False, MeanShare(None, 0), 0, 0, 5, 0, {"nonsense": 5})
    only = ReasoningScores(None, 0, {}, None, None, silent, 0, 0)
    assert reasoning_lines(only) == [
        "  judge         –   of 10: j",
        "            0 judged, 5 failed, 0 silent",
    ]
