"""One question as a sample of inspect_ai, and back. Knows what a log can hold; no pictures and no models.

A log is UTF-8: text with a lone surrogate, which UTF-8 cannot hold and inspect would spell out, is kept as
ASCII JSON beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inspect_ai.dataset import Sample

from unifer.records import Question

QUESTION = "question"
"""Key of a sample's metadata: the question's own JSON."""
FACTS = "unifer"
"""Key of what we add to the metadata of a task, of a sample, of an output."""
_ASCII = "ascii_json"


def sample_of(question: Question) -> Sample:
    """The sample that asks `question`; its input is the prompt alone, since the picture is made when the
    question is asked.
    """
    metadata = {QUESTION: kept(question.to_json())}
    return Sample(
        input=shown(question.prompt),
        target=shown(target_of(question)),
        id=sample_id(question),
        metadata=metadata,
    )


def question_in(metadata: Mapping[str, Any] | None) -> Question:
    """The question of a sample with this metadata. Raises ValueError where it holds none."""
    found = (metadata or {}).get(QUESTION)
    if found is None:
        raise ValueError(f"its metadata has no {QUESTION!r}, so it is no sample of ours")
    return Question.from_json(restored(found))


def sample_id(question: Question) -> str:
    """The key of the question; what a file name in a ZIP archive cannot hold (NUL, lone surrogates) is
    written as JSON would.
    """
    key = question.key
    return key if _is_utf8(key) and "\0" not in key else json.dumps(key)[1:-1]


def target_of(question: Question) -> str:
    """What is true, for people who look at the log: the label, or the AUs where the question asks for
    those.
    """
    if question.true_label is not None:
        return question.true_label
    return ", ".join(f"AU{number}" for number in question.action_units or ()) or "no AU"


def kept(value: Any) -> Any:
    """`value`, text or JSON, as a log keeps it unharmed."""
    text = json.dumps(value, ensure_ascii=False)
    return value if _is_utf8(text) else {_ASCII: json.dumps(value)}


def restored(value: Any) -> Any:
    """What `kept` was given. Raises ValueError for what it never makes."""
    if not isinstance(value, Mapping) or set(value) != {_ASCII}:
        return value
    if not isinstance(value[_ASCII], str):
        raise ValueError(f"{_ASCII!r} must hold a string of JSON")
    return json.loads(value[_ASCII])


def shown(text: str) -> str:
    """`text` for people: what UTF-8 cannot hold is spelled out."""
    return text.encode(errors="backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
