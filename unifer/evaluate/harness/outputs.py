"""What inspect_ai says of a model's output as a prediction of ours, and the other way round, without loss.

Knows replies, stop reasons and token counts; no files. Whether there is a reply decides: an output without
any choice is a failure, whatever kept it away.
"""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage, StopReason

from unifer.evaluate.harness.samples import FACTS, kept, restored, shown
from unifer.models.api.client import tokens_in, whole
from unifer.records import Json, Prediction, Question

NO_REPLY = "no reply"
_OURS: dict[StopReason, str | None] = {"max_tokens": "length", "model_length": "length", "unknown": None}
_THEIRS: dict[str | None, StopReason] = {
    "stop": "stop",
    "length": "max_tokens",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    None: "unknown",
}


def finish_reason(stop: StopReason) -> str | None:
    """`max_tokens` is our `length`, `unknown` is None; the others are called alike."""
    return _OURS.get(stop, stop)


def prediction_of(question: Question, output: ModelOutput, problem: str | None = None) -> Prediction:
    """The reply of `output`, or the failure to get one, for which `problem` is the reason. Raises ValueError
    for forged fields of ours.
    """
    if output.empty:
        return Prediction(question, "", error=problem or NO_REPLY)
    usage = output.usage
    found: Json = {
        "model_response": whole(output),
        "finish_reason": finish_reason(output.stop_reason),
        "prompt_tokens": None if usage is None else tokens_in(usage),
        "completion_tokens": None if usage is None else usage.output_tokens,
    }
    exact = (output.metadata or {}).get(FACTS) or {}
    return Prediction.from_json(
        question.to_json() | {name: restored(exact.get(name, value)) for name, value in found.items()}
    )


def output_of(prediction: Prediction, model: str) -> ModelOutput:
    """`prediction` as inspect would have recorded it; what its fields cannot hold exactly stands in
    `metadata`.
    """
    if prediction.failed:
        return ModelOutput(model=model)
    message = ChatMessageAssistant(content=shown(prediction.reply), model=model, source="generate")
    stop = _THEIRS.get(prediction.finish_reason, "unknown")
    exact: Json = {}
    if finish_reason(stop) != prediction.finish_reason:
        exact["finish_reason"] = prediction.finish_reason
    if kept(prediction.reply) != prediction.reply:
        exact["model_response"] = kept(prediction.reply)
    return ModelOutput(
        model=model,
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
        usage=_usage(prediction, exact),
        metadata={FACTS: exact} if exact else None,
    )


def _usage(prediction: Prediction, exact: dict[str, Any]) -> ModelUsage | None:
    """Token counts; `exact` notes the one that is not known beside one that is."""
    counts = {"prompt_tokens": prediction.prompt_tokens, "completion_tokens": prediction.completion_tokens}
    if set(counts.values()) == {None}:
        return None
    exact.update({name: None for name, count in counts.items() if count is None})
    read, written = (count or 0 for count in counts.values())
    return ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
