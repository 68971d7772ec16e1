"""Rows as adversity would write them.

Any text JSON can hold, AUs not coded and none active, provenance of any shape.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from unifer.action_units import ACTION_UNITS
from unifer.dialogue import prompts
from unifer.prepare.formats.sample import Sample


def _as_json_reads_it(text: str) -> str:
    """Two surrogates that make a pair are one character once written and read."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


ANY_TEXT = st.text(st.characters(), max_size=12).map(_as_json_reads_it)
TEXT = st.one_of(
    ANY_TEXT, st.sampled_from(["a\u2028b", "\x00\x1f\x7f", "\ud800", "<image>Which?", "\n"])
).filter(lambda text: bool(text.strip()))
LABELS = st.sampled_from(
    [["happy", "sad"], ["happiness", "sadness", "contempt"], ["Wut", "Freude \u2028 Gl\u00fcck", "\ud800"]]
)
UNITS = st.none() | st.lists(
    st.sampled_from([f"AU{number}" for number in sorted(ACTION_UNITS)]), max_size=4, unique=True
).map(lambda units: sorted(units, key=lambda unit: int(unit[2:])))
PATHS = st.sampled_from(["images/1.jpg", "/RAF-DB/aligned/test_0001_aligned.jpg", "/", "a b\\c.png"]) | TEXT
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
PROVENANCE = st.none() | st.dictionaries(ANY_TEXT.filter(lambda key: key != "unifer"), VALUES, max_size=3)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A CoT row, a reward row (label or AUs), or a question: whatever a record can be."""
    labels = draw(st.none() | LABELS)
    label = draw(st.sampled_from(labels or ["happy"]))
    response = draw(
        st.none()
        | TEXT
        | TEXT.map(lambda text: prompts.reply(text, label))
        | st.just(prompts.reply("AU6 and AU12.", "AU6, AU12"))
    )
    units = draw(UNITS)
    spelled = st.sampled_from([label, f"<answer>{label}</answer>", f" <answer> {label}\n</answer>"])
    solution = None if response is not None else draw(spelled | (st.none() if units is not None else spelled))
    return Sample(
        image_path=draw(PATHS),
        question=draw(TEXT),
        response=response,
        solution=solution,
        candidate_labels=labels,
        id=draw(st.none() | TEXT),
        dataset=draw(st.none() | TEXT),
        AUs=units,
        provenance=draw(PROVENANCE),
    )


def impossible(name: str, sample: Sample) -> bool:
    """Whether the format called `name` has good reason to refuse `sample` (docs/formats.md, "What cannot
    be").
    """
    said = sample.question + (sample.response or "")
    marked = any(mark in said for mark in ("<image>", "<video>", "<audio>"))
    reasons: dict[str, Any] = {
        "cot": sample.response is None,
        "rlvr": sample.label is None and sample.AUs is None,
        "questions": sample.candidate_labels is None or sample.label is None,
        "facial-r1": sample.label is None and sample.AUs is None,
        "sharegpt": sample.response is None or marked,
        "swift": marked,
    }
    return bool(reasons.get(name, False))
