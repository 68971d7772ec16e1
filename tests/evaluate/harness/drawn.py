"""Hypothesis strategies: predictions as hostile as files can hold them."""

from __future__ import annotations

from hypothesis import strategies as st

from unifer.records import Prediction

LABELS = ("happiness", "sadness", "anger")

TAGS = (
    "<think>",
    "</think>",
    "<think",
    "<answer>",
    "</answer>",
    "happiness",
    "AU12",
    "attachment://x",
    "<script>",
    "\n",
    " ",
)
ODD = (
    "\0",
    "\ud800",
    "\u2028",
    "\u202e",
    "\x1b[31m",
    '<think redacted="true">',
    "data:image/png;base64,AAAA",
)
"""Pieces that parsers stumble on."""

text = st.text(st.characters(), max_size=40)
"""Any characters, lone surrogates among them."""
replies = st.one_of(text, st.lists(st.one_of(st.sampled_from(TAGS + ODD), text), max_size=8).map("".join))
words = text.filter(lambda value: value.strip() != "")
counts = st.none() | st.integers(0, 2**40)
units = st.none() | st.lists(st.sampled_from((1, 2, 4, 6, 12, 25, 26)), unique=True)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
json = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def questions(draw: st.DrawFn, key: str) -> dict[str, object]:
    """A question's JSON, of a label or of AUs alone."""
    row: dict[str, object] = {"image_path": draw(words), "prompt": draw(words), "id": key + draw(text)}
    shown = draw(units)
    if shown is not None and draw(st.booleans()):
        row |= {"true_label": None, "candidate_labels": []}
    else:
        row |= {"true_label": draw(st.sampled_from(LABELS)), "candidate_labels": list(LABELS)}
    row |= {} if shown is None else {"AUs": [f"AU{unit}" for unit in shown]}
    provenance = draw(st.none() | st.dictionaries(text, json, max_size=3))
    return (
        row
        if provenance is None
        else row | {"provenance": {key: value for key, value in provenance.items() if key != "coded"}}
    )


@st.composite
def predictions(draw: st.DrawFn, key: str = "q") -> Prediction:
    """One row as it is read from a file: answered, with whatever is known beside the reply, or failed."""
    row = draw(questions(key))
    if draw(st.booleans()):
        return Prediction.from_json(row | {"model_response": "", "error": True, "error_message": draw(words)})
    row |= {
        "model_response": draw(replies),
        "finish_reason": draw(
            st.none() | st.sampled_from(("stop", "length", "content_filter", "tool_calls")) | text
        ),
    }
    return Prediction.from_json(row | {"prompt_tokens": draw(counts), "completion_tokens": draw(counts)})


@st.composite
def runs_of(draw: st.DrawFn) -> list[Prediction]:
    return [draw(predictions(f"q{index}-")) for index in range(draw(st.integers(1, 3)))]
