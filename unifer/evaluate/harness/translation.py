"""Questions and predictions of ours as samples and outputs of inspect_ai, and back, without loss.

Knows what a log can hold; no pictures, no models, no files. A log is UTF-8: text with a lone surrogate, which
UTF-8 cannot hold and inspect would spell out, is kept as ASCII JSON beside it. Whether there is a reply
decides: an output without any choice is a failure, whatever prevented it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inspect_ai.dataset import Sample
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage, StopReason

from unifer.models.api.client import tokens_in, whole
from unifer.records import Json, Prediction, Question

QUESTION = "question"
"""Key of a sample's metadata: the question's own JSON."""
FACTS = "unifer"
"""Key of what we add to the metadata of a task, of a sample, of an output."""
NO_REPLY = "no reply"
VOTES = "replies"
"""Key of all votes of a row; an output holds the one that stands for it."""
SAMPLING = {"max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed"}
"""Inspect's names of settings of generation, and ours in manifests."""
_ASCII = "ascii_json"
_OURS: dict[StopReason, str | None] = {"max_tokens": "length", "model_length": "length", "unknown": None}
_THEIRS: dict[str | None, StopReason] = {
    "stop": "stop",
    "length": "max_tokens",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    None: "unknown",
}


def sample_of(question: Question) -> Sample:
    """The sample that asks `question`: the prompt alone, since the picture is made when it is asked."""
    target = question.true_label  # for people who look at the log
    if target is None:
        target = ", ".join(f"AU{number}" for number in question.action_units or ()) or "no AU"
    return Sample(
        input=printable(question.prompt),
        target=printable(target),
        id=sample_id(question),
        metadata={QUESTION: lossless(question.to_json())},
    )


def question_in(metadata: Mapping[str, Any] | None) -> Question:
    """The question of a sample with this metadata. Raises ValueError where it holds none."""
    row = (metadata or {}).get(QUESTION)
    if row is None:
        raise ValueError(f"its metadata has no {QUESTION!r}, so it is no sample of ours")
    return Question.from_json(restore(row))


def sample_id(question: Question) -> str:
    """The key of the question.

    What a file name in a ZIP archive cannot hold (NUL, lone surrogates) is written as JSON would.
    """
    key = question.key
    return key if _is_utf8(key) and "\0" not in key else json.dumps(key)[1:-1]


def finish_reason(stop: StopReason) -> str | None:
    """`max_tokens` is our `length`, `unknown` is None; the others are called alike."""
    return _OURS.get(stop, stop)


def prediction_of(question: Question, output: ModelOutput, problem: str | None = None) -> Prediction:
    """The reply of `output`, or the failure to get one, for which `problem` is the reason.

    Raises ValueError for forged fields of ours.
    """
    if output.empty:
        return Prediction(question, "", error=problem or NO_REPLY)
    usage = output.usage
    row: Json = {
        "model_response": whole(output),
        "finish_reason": finish_reason(output.stop_reason),
        "prompt_tokens": None if usage is None else tokens_in(usage),
        "completion_tokens": None if usage is None else usage.output_tokens,
    }
    exact = (output.metadata or {}).get(FACTS) or {}
    row |= {name: None for name in (VOTES,) if name in exact}
    return Prediction.from_json(
        question.to_json() | {name: restore(exact.get(name, value)) for name, value in row.items()}
    )


def output_of(prediction: Prediction, model: str) -> ModelOutput:
    """`prediction` as inspect would have recorded it; `metadata` has what its fields cannot hold exactly."""
    if prediction.failed:
        return ModelOutput(model=model)
    message = ChatMessageAssistant(content=printable(prediction.reply), model=model, source="generate")
    stop = _THEIRS.get(prediction.finish_reason, "unknown")
    exact: Json = {}
    if finish_reason(stop) != prediction.finish_reason:
        exact["finish_reason"] = prediction.finish_reason
    if lossless(prediction.reply) != prediction.reply:
        exact["model_response"] = lossless(prediction.reply)
    if prediction.votes:
        exact[VOTES] = lossless([vote.to_json() for vote in prediction.votes])
    counts = {"prompt_tokens": prediction.prompt_tokens, "completion_tokens": prediction.completion_tokens}
    usage = None
    if set(counts.values()) != {None}:
        # Inspect has numbers only: of two counts of which one is known, the other is noted as unknown.
        exact |= {name: None for name, count in counts.items() if count is None}
        read, written = (count or 0 for count in counts.values())
        usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return ModelOutput(
        model=model,
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
        usage=usage,
        metadata={FACTS: exact} if exact else None,
    )


def lossless(value: Any) -> Any:
    """`value`, text or JSON, in a form that a log keeps unharmed."""
    return value if _is_utf8(json.dumps(value, ensure_ascii=False)) else {_ASCII: json.dumps(value)}


def restore(value: Any) -> Any:
    """What `lossless` was given. Raises ValueError for what it never makes."""
    if not isinstance(value, Mapping) or set(value) != {_ASCII}:
        return value
    if not isinstance(value[_ASCII], str):
        raise ValueError(f"{_ASCII!r} must hold a string of JSON")
    return json.loads(value[_ASCII])


def printable(text: str) -> str:
    """`text` for people: what UTF-8 cannot hold is spelled out."""
    return text.encode(errors="backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
