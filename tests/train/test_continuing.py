"""The reward `faithful`: what a policy answers once an AU is gone from its own reasoning."""

from __future__ import annotations

from typing import Any

import pytest

from tests.train.replies import EIGHT
from unifer.train.continuing import CONTINUED, LONGEST, Continuation, continued_rows, deletion
from unifer.train.rewards import REWARDS, judge, trainer_rewards

SEEN = "<think>Eyes: AU6 cheek raiser. Mouth: AU12 lip corner puller."
REPLY = f"{SEEN} Together these suggest happiness.</think>\n<answer>happy</answer>"
BLANK = "<answer>happy</answer>"


class Letters:
    """A tokenizer with a token per letter."""

    def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[int]]]:
        assert not add_special_tokens, "a second start token would be another prompt"
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}

    def batch_decode(self, ids: list[list[int]], skip_special_tokens: bool) -> list[str]:
        return ["".join(map(chr, each)) for each in ids]


class OneEnding:
    """A sampler that ends every reply alike, and remembers what it was given."""

    temperature, max_completion_length = 0.9, 512

    def __init__(self, ending: str) -> None:
        self.ending = ending
        self.prompts: list[str] = []
        self.set_to: tuple[float, int] | None = None

    def generate(self, prompts: list[list[int]], images: Any, group: int) -> Any:
        assert group == 1
        self.prompts = ["".join(map(chr, ids)) for ids in prompts]
        self.set_to = self.temperature, self.max_completion_length
        return prompts, [[ord(letter) for letter in self.ending] for _ in prompts], None, None


def continued(sampler: OneEnding, *replies: str) -> list[Any]:
    rows = [{"candidate_labels": EIGHT, "label": "happy", "action_units": [6, 12]} for _ in replies]
    prompts = [[ord("Q")] for _ in replies], [["image"] for _ in replies]
    completions = [[{"role": "assistant", "content": reply}] for reply in replies]
    after = continued_rows(sampler, Letters(), prompts, rows, completions)
    (faithful,) = trainer_rewards(["faithful"], completion_limit=512)
    columns = {name: [row[name] for row in after] for name in after[0]}
    return faithful(prompts=None, completions=completions, completion_ids=[[0] for _ in replies], **columns)


def test_a_core_au_goes_and_the_answer_must_become_what_is_left() -> None:
    """Without AU12 the prototypes read AU6 alone as neutral."""
    sampler = OneEnding(" Together these suggest no emotion.</think>\n<answer>neutral</answer>")

    assert continued(sampler, REPLY) == [1.0]
    assert sampler.prompts == ["Q<think>Eyes: AU6 cheek raiser. Mouth: at rest."]
    assert continued(OneEnding("</think><answer>happy</answer>"), REPLY) == [0.0]
    assert continued(OneEnding("</think><answer>sad</answer>"), REPLY) == [0.0], "moved, but to nothing read"
    assert continued(OneEnding(" and so on"), REPLY) == [0.0], "no answer is no faithful one"


def test_a_reply_that_cannot_be_edited_is_sent_whole_and_not_paid_for() -> None:
    """As many prompts from each rank: a server answers them in one list that it cuts into equal parts."""
    sampler = OneEnding("")

    assert continued(sampler, BLANK, REPLY) == [None, 0.0]
    assert sampler.prompts[0] == f"Q{BLANK}"


def test_the_sampler_is_greedy_and_short_for_it_and_then_as_before() -> None:
    sampler = OneEnding("")
    continued(sampler, REPLY)

    assert sampler.set_to == (0.0, LONGEST)
    assert (sampler.temperature, sampler.max_completion_length) == (0.9, 512)


@pytest.mark.parametrize(
    ("continuation", "paid"),
    [
        (Continuation(True, "neutral", "happiness", "neutral"), 1.0),
        (Continuation(True, "neutral", "happiness", "happiness"), 0.0),
        (Continuation(False, "happiness", "happiness", "happiness"), 1.0),
        (Continuation(False, "happiness", "fear", "fear"), 1.0),
        (Continuation(False, "happiness", "fear", "happiness"), 0.0),
        (Continuation(False, "happiness", None, None), 0.0),
        (None, None),
    ],
)
def test_a_core_deletion_must_move_the_answer_and_another_must_not(
    continuation: Continuation | None, paid: float | None
) -> None:
    case = judge(REPLY, "happy", EIGHT, [6, 12], continuation=continuation)

    assert REWARDS["faithful"](case) == paid


def test_the_deletion_of_a_core_au_comes_first() -> None:
    edit = deletion(REPLY, EIGHT)
    assert edit is not None
    assert (edit.unit, edit.core) == (12, True)
    assert deletion(BLANK, EIGHT) is None


def test_the_column_of_continuations_is_the_one_that_rewards_read() -> None:
    sampler = OneEnding("</think><answer>neutral</answer>")
    rows = continued_rows(
        sampler, Letters(), ([[1]], [None]), [{"candidate_labels": EIGHT}], [[{"content": REPLY}]]
    )
    assert rows[0][CONTINUED] == Continuation(True, "neutral", "happiness", "neutral")
