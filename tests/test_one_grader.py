"""Reward, CoT filter, synthesis pool and metric agree on what is correct, for 500 odd replies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialogue.hard_replies import ADJECTIVES, GROUPS
from unifer.evaluate.grading import Graded
from unifer.evaluate.scoring import grade_prediction
from unifer.prepare.curation.filter import FilterSettings, Known, judge
from unifer.prepare.synthesis.pool import PoolFace
from unifer.prepare.synthesis.quality import judge_replies
from unifer.records import Prediction, Question, RewardRow
from unifer.train import rewards

ODD = (
    "",
    "{0}",
    "</answer>{0}",
    "<answer>{0}",
    "<answer>{0}</answer><answer>sad</answer>",
    "<answer>un{0}</answer>",
)
AROUND = (
    "<think>AU12.</think><answer>{0}</answer>",
    "<answer>{0}.</answer>",
    "<ANSWER> **{0}** </ANSWER>",
    *ODD,
)


def odd_replies() -> list[tuple[str, str, tuple[str, ...]]]:
    """(reply, true label, candidates): the hard replies of every hazard, and every label in odd forms."""
    hard = [
        (reply, label or group.candidates[0], group.candidates)
        for group in GROUPS
        for reply, _, label in group.cases
    ]
    words = (*ADJECTIVES, "happiness", "joy", "HAPPY", "fearful", "angry or sad", "not happy", "\u200bhappy")
    made = [
        (form.format(word), truth, ADJECTIVES)
        for form in AROUND
        for word in words
        for truth in ("happy", "fear")
    ]
    return hard + made


def by_metric(reply: str, truth: str, candidates: tuple[str, ...]) -> bool:
    prediction = Prediction(Question("a.png", truth, "Which?", candidates), reply)
    return Graded(prediction, grade_prediction(prediction)).correct


def by_reward(reply: str, truth: str, candidates: tuple[str, ...]) -> bool:
    return rewards.accuracy(rewards.judge(reply, truth, candidates, None)) == 1.0


def by_filter(reply: str, truth: str, candidates: tuple[str, ...]) -> bool:
    reasons = judge(reply, Known(truth, candidates), FilterSettings())
    return not {"wrong_label", "off_list", "no_answer"} & {str(reason) for reason in reasons}


def by_synthesis(reply: str, truth: str, candidates: tuple[str, ...]) -> bool:
    row = RewardRow("a.png", "Which?", truth, id="a", candidate_labels=candidates)
    face = PoolFace(row, Path("rows.json"), Known(truth, candidates))
    question = Question("a.png", truth, "Which?", candidates, id="a#blind-0")
    result = judge_replies({"a": face}, [Prediction(question, reply)], FilterSettings(), lambda row: None)
    return bool(result.rates["a"].right)


def test_there_are_enough_odd_replies() -> None:
    assert len(odd_replies()) >= 500


@pytest.mark.parametrize("judge_of", [by_reward, by_filter, by_synthesis], ids=lambda judge: judge.__name__)
def test_every_judge_says_what_the_metric_says(judge_of: object) -> None:
    """`joy` was right for the metric and wrong for the reward: four places decided it, each by itself."""
    assert callable(judge_of)
    odd = [case for case in odd_replies() if judge_of(*case) != by_metric(*case)]
    assert not odd
