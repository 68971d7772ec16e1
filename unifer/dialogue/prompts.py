"""Every prompt: the question templates with their versions, and row -> chat messages, for all stages alike.

A question's own `prompt` field is shown as it is: the templates write that field for data we build. A
template's text and version change together (a test holds the two): rows carry the version in their
provenance, so that rows asked differently are never taken for rows asked alike. No system message is added,
so that the checkpoint's own chat template decides. Which AUs there are is `action_units`, which spellings of
labels is the dataset's. Knows no tokenizer and no image pixels.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import NamedTuple

from unifer.action_units import ACTION_UNITS, REGIONS
from unifer.errors import InputError
from unifer.records import Json

VERSION = "fer-1"
"""How a question becomes chat messages; in every manifest. A row's own template is in its provenance."""

RESERVED = (
    "<|im_start|>",
    "<|im_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|endoftext|>",
)
"""Control tokens of the chat template, which no text of a row may hold."""

LABELS = "{labels}"
"""Where the candidate labels go, in the order given, joined by commas; other braces mean nothing."""


class Template(NamedTuple):
    """One question: what it asks for, its version, and its words."""

    about: str
    version: str
    text: str

    @property
    def needs_labels(self) -> bool:
        return LABELS in self.text


def _facs_table() -> str:
    """The AUs a model may name, a facial region per line: `Brows: AU1 inner brow raiser, AU2 ...`."""
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
    "Look closely at the face in this image. Which action units (AUs) of this table are active in it?\n"
    f"{_facs_table()}\n"
    "Go over the face from the brows down to the jaw inside <think></think>: describe each movement that "
    "you can see and name it by its AU code, leaving out what is at rest. Then list the codes of the "
    "active AUs, separated by commas, inside <answer></answer>; where no AU is active, write none there."
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


def question(template: str, labels: Sequence[str] = ()) -> str:
    """The text of `template`, its labels in the order given.

    Raises InputError for a name that `TEMPLATES` does not have, for labels missing, and for labels that it
    has no place for.
    """
    chosen = _template(template)
    if chosen.needs_labels and not labels:
        raise InputError(
            f"the template {template!r} asks for one of several labels; name them, in the dataset's order"
        )
    if labels and not chosen.needs_labels:
        raise InputError(
            f"the template {template!r} asks for no label, so {', '.join(labels)} would be lost; leave "
            "the labels out"
        )
    return chosen.text.replace(LABELS, ", ".join(labels))


def version(template: str) -> str:
    """The version of `template`, as rows carry it in `provenance["prompt"]`.

    Raises InputError for an unknown name.
    """
    return _template(template).version


def _template(name: str) -> Template:
    if name in TEMPLATES:
        return TEMPLATES[name]
    near = difflib.get_close_matches(name, TEMPLATES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(
        f"no template is called {name!r}{hint}; there are {', '.join(TEMPLATES)} (`unifer data prompts` "
        "prints them)"
    )


def expression_question(labels: Sequence[str]) -> str:
    """The FER prompt over `labels`, in the order given."""
    return question("expression", labels)


def action_unit_question() -> str:
    """The AU recognition prompt without tags (pre-training of UniFER-Tiny)."""
    return question("action-unit-list")


def action_unit_listing(action_units: Collection[int]) -> str:
    """Every facial region with its active AUs, `Brows: AU4 brow lowerer. Eyes: at rest. ...`.

    It is the reasoning of drawn faces.
    """
    sentences = []
    for region in REGIONS:
        active = [
            f"AU{unit.number} {unit.name}"
            for unit in ACTION_UNITS.values()
            if unit.region == region and unit.number in action_units
        ]
        sentences.append(f"{region.capitalize()}: {', '.join(active) or 'at rest'}.")
    return " ".join(sentences)


def reasoning(action_units: Collection[int], label: str) -> str:
    """The listing, then the label that it points to."""
    return f"{action_unit_listing(action_units)} Together these suggest {label}."


def reply(reasoning: str, answer: str) -> str:
    """A well-formed reply: one think block, a line end, one answer block."""
    return f"<think>{reasoning}</think>\n<answer>{answer}</answer>"


def check_prompt(text: str) -> str:
    """`text` itself. Raises ValueError for a control token in it, which would forge a turn or an image."""
    for token in RESERVED:
        if token in text:
            raise ValueError(
                f"the text holds the control token {token!r}; remove it, images are attached by image_path"
            )
    return text


def quotable(text: str) -> str:
    """`text` such as a prompt may quote it: a control token, which a reply may hold, is broken apart."""
    return text.replace("<|", "< |")


def chat_messages(prompt: str) -> list[Json]:
    """One user turn, the image before the text: what every chat template renders for inference."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": check_prompt(prompt)}]}]


def trainer_prompt(prompt: str) -> list[Json]:
    """The same turn as TRL wants it: plain text, which TRL puts behind the image of its own column."""
    return [{"role": "user", "content": check_prompt(prompt)}]


def trainer_completion(response: str) -> list[Json]:
    """The assistant turn that SFT learns."""
    return [{"role": "assistant", "content": response}]
