"""The question templates, each with its version: the words that data built here is asked in. Facts only;
`prompts` fills them in.

A template's text and version change together (a test holds the two): rows carry the version in their
provenance, so that rows asked differently are never taken for rows asked alike. Which AUs there are is
`action_units`, which spellings of labels is the dataset's.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from unifer.action_units import ACTION_UNITS, REGIONS

LABELS = "{labels}"
"""Where the candidate labels go, in the order given, joined by commas. Texts are filled by replacement: other
braces mean nothing.
"""


class Template(NamedTuple):
    """One question: what it asks for, its version, and its words."""

    about: str
    version: str
    text: str

    @property
    def needs_labels(self) -> bool:
        return LABELS in self.text


def _facs_table() -> str:
    """The AUs a model may name, a facial region a line: `Brows: AU1 inner brow raiser, AU2 outer brow raiser,
    ...`.
    """
    lines = []
    for region in REGIONS:
        units = [f"AU{unit.number} {unit.name}" for unit in ACTION_UNITS.values() if unit.region == region]
        lines.append(f"{region.capitalize()}: {', '.join(units)}")
    return "\n".join(lines)


_EXPRESSION = (
    "Look closely at the face in this image. Which of the following expressions does it show most "
    "clearly: {labels}? Describe the facial action units you can see and what they suggest inside "
    "<think></think>, then give exactly one label of the list inside <answer></answer>."
)
_ACTION_UNIT_LIST = "Look closely at the face in this image. Which facial action units are active?"
_ACTION_UNITS = (
    "Look closely at the face in this image. Which action units (AUs) of this table are active in "
    "it?\n"
    f"{_facs_table()}\n"
    "Go over the face from the brows down to the jaw inside <think></think>: describe each movement "
    "that you can see and name it by its AU code, leaving out what is at rest. Then list the codes "
    "of the active AUs, separated by commas, inside <answer></answer>; where no AU is active, write "
    "none there."
)
_JOINT = (
    "Look closely at the face in this image. Which of the following expressions does it show most "
    "clearly: {labels}? Judge by the action units (AUs) that are active in it, out of this table:\n"
    f"{_facs_table()}\n"
    "Inside <think></think>, describe each movement that you can see, name it by its AU code, and "
    "say what these AUs suggest together; leave out what is at rest. Then give exactly one label of "
    "the list inside <answer></answer>."
)

TEMPLATES = MappingProxyType(
    {
        "expression": Template("one expression out of the dataset's labels", "fer-1", _EXPRESSION),
        "action-units": Template(
            "the active AUs, reasoned, their codes as the answer", "au-1", _ACTION_UNITS
        ),
        "joint": Template("the AUs in the reasoning, one expression as the answer", "joint-1", _JOINT),
        # As old as "expression" and versioned with it: the embedded default's rows and manifests say so.
        "action-unit-list": Template(
            "the active AUs as a plain listing (pre-training of UniFER-Tiny)", "fer-1", _ACTION_UNIT_LIST
        ),
    }
)
"""Every template by the name that commands and configurations call it."""
