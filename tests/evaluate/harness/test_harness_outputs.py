"""One output of a model and one prediction: replies whole, wherever the think block went; failures told from
replies.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from inspect_ai.model import ContentReasoning, ContentText, ModelOutput, ModelUsage

from tests.evaluate.harness.drawn import predictions
from tests.evaluate.harness.mocked import asked, said
from unifer.evaluate.harness.translation import finish_reason, output_of, prediction_of
from unifer.records import Prediction, Question

QUESTION = Question.from_json(asked(1)[0])


@given(predictions())
@settings(max_examples=300, deadline=None)
def test_a_prediction_survives_inspects_own_record_of_it(prediction: Prediction) -> None:
    kept = ModelOutput.model_validate_json(output_of(prediction, "m").model_dump_json())
    assert prediction_of(prediction.question, kept, prediction.error) == prediction


@pytest.mark.parametrize(
    ("stop", "ours"),
    [
        ("stop", "stop"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("unknown", None),
    ],
)
def test_stop_reasons_have_our_names(stop: str, ours: str | None) -> None:
    found = prediction_of(QUESTION, said("x", stop))
    assert (found.finish_reason, finish_reason(stop)) == (ours, ours)  # type: ignore[arg-type]


def test_tokens_of_a_providers_cache_are_prompt_tokens_and_unknown_counts_stay_unknown() -> None:
    output = said("x")
    output.usage = ModelUsage(
        input_tokens=5, output_tokens=2, input_tokens_cache_read=10, input_tokens_cache_write=100
    )
    found = prediction_of(QUESTION, output)
    assert (found.prompt_tokens, found.completion_tokens) == (115, 2)
    output.usage = None
    assert prediction_of(QUESTION, output).prompt_tokens is None


THOUGHT = ContentReasoning(reasoning="AU12 is up.", internal="think")
FIELD = ContentReasoning(reasoning="The user wants a label.")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (
            [THOUGHT, ContentText(text="<answer>happiness</answer>")],
            "<think>AU12 is up.</think>\n<answer>happiness</answer>",
        ),
        (
            [FIELD, ContentText(text="<answer>happiness</answer>")],
            "<think>The user wants a label.</think>\n<answer>happiness</answer>",
        ),
        (
            [FIELD, ContentText(text="<think>own</think><answer>sadness</answer>")],
            "<think>own</think><answer>sadness</answer>",
        ),
        ([THOUGHT, ContentText(text="<think>AU12 is up.</think>")], "<think>AU12 is up.</think>"),
        ([THOUGHT, ContentText(text="<think>b</think>c")], "<think>AU12 is up.</think>\n<think>b</think>c"),
        ([ContentReasoning(reasoning="secret", redacted=True), ContentText(text="x")], "x"),
        ([ContentReasoning(reasoning=" "), ContentText(text="x")], "x"),
        (
            [THOUGHT, ContentText(text="<think" * 200_000)],
            "<think>AU12 is up.</think>\n" + "<think" * 200_000,
        ),
        (
            [THOUGHT, ContentText(text="<think>" * 150_000)],
            "<think>AU12 is up.</think>\n" + "<think>" * 150_000,
        ),
        ("a\0b" * 400_000, "a\0b" * 400_000),
    ],
)
def test_the_think_block_is_part_of_the_reply_and_a_megabyte_takes_one_pass(content: str, whole: str) -> None:
    assert prediction_of(QUESTION, ModelOutput.from_content("m", content)).reply == whole


def test_an_output_without_a_choice_is_a_failure_with_its_reason_and_an_empty_reply_is_none() -> None:
    assert prediction_of(QUESTION, ModelOutput(), "timed out").error == "timed out"
    assert prediction_of(QUESTION, ModelOutput()).error == "no reply"
    empty = prediction_of(QUESTION, said("", "content_filter"), "an error afterwards")
    assert (empty.error, empty.reply, empty.finish_reason) == (None, "", "content_filter")


def test_fields_of_ours_that_hold_nonsense_are_refused_not_believed() -> None:
    output = said("x")
    output.metadata = {"unifer": {"prompt_tokens": "many"}}
    with pytest.raises(ValueError, match="prompt_tokens"):
        prediction_of(QUESTION, output)
