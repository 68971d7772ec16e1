"""What a teacher model is told: the student's question, facts of the face, faults of its last reply.

The teacher reasons towards a known answer; its reply must read as if it had seen the face alone, for that is
all a student sees. Nothing of this text enters a training row. Knows words; what a bad reply is,
`prepare/curation/filter` knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from unifer.action_units import ACTION_UNITS

VERSION = "teacher-1"
"""Changes whenever a text here changes; stands in the provenance of a teacher's rows and in manifests."""

_TASK = (
    "You write the model reply to a question about a face: what an expert in the Facial Action "
    "Coding System would answer."
)
_FORM = (
    "Reply with one <think></think> block and one <answer></answer> block after it, nothing before, "
    "between or after them. In the think block go over the face from the brows to the jaw. Describe "
    "each movement in your own words by what changes in this very face (its strength, its side, "
    "wrinkles, what it does to the eyes and the mouth) and name it by its code and its name, as in "
    "AU4 (brow lowerer). Name only Action Units (AUs) that are active. Then say what they mean "
    "together, and settle on one answer without wavering."
)
_BLIND = "Judge by the picture alone."
_ONLY_FACE = (
    "Write as if you had found this by looking at the face and knew nothing else: do not mention "
    "these facts, a label, an annotation, a list of AUs, or that anything was given to you."
)
_AGAIN = "An earlier reply of yours could not be used. This time:"

_REMARKS: Mapping[str, str] = MappingProxyType(
    {
        "cut": "be brief; the reply ran into the length limit.",
        "malformed": "write exactly one think block, then exactly one answer block, the tags spelled as "
        "above and nothing outside of them.",
        "no_answer": "put the answer into exactly one <answer></answer> block.",
        "off_list": "answer with one of the candidates, spelled as in the question, and nothing else in the "
        "answer block.",
        "wrong_label": "look again; the answer did not fit the face.",
        "aus_disagree": "look again at which muscles move; the AUs did not fit the face. Name each "
        "active AU by its code, and no other.",
        "betrays": "speak of the face alone; do not refer to a label, an annotation, a given answer or "
        "anything you were told.",
        "hedges": "settle on one expression; do not leave a second one standing.",
        "contradicts": "let the reasoning end in the very expression that you answer.",
        "too_short": "describe the face in more detail.",
        "too_long": "say it in fewer words.",
        "near_duplicate": "choose other words; describe what is particular to this face.",
    }
)
"""Reason of the filter -> what the teacher is told; none names the true label, as it may be asked blind."""


def teacher_prompt(
    question: str, label: str | None = None, action_units: Collection[int] | None = None
) -> str:
    """The teacher's text around the student's `question`; asked blind without `label` and `action_units`.

    An empty `action_units` says that no AU is active; None says nothing of them.
    """
    facts = list(_facts(label, action_units))
    guidance = (
        ["What is known of this face:", *(f"- {fact}" for fact in facts), _ONLY_FACE] if facts else [_BLIND]
    )
    return "\n".join((_TASK, "", "The question:", question, "", *guidance, "", _FORM))


def _facts(label: str | None, action_units: Collection[int] | None) -> list[str]:
    facts = [] if label is None else [f"The right answer is {label}."]
    if action_units is not None:
        named = ", ".join(_named(number) for number in sorted(action_units))
        facts.append(
            f"These AUs are active, and no others: {named}."
            if named
            else "No AU is active: the face is at rest."
        )
    return facts


def _named(number: int) -> str:
    unit = ACTION_UNITS.get(number)
    return f"AU{number}" if unit is None else f"AU{number} ({unit.name})"


def corrected_prompt(prompt: str, reasons: Sequence[str]) -> str:
    """`prompt`, and what to do better than the reply that the filter refused for `reasons`, if any.

    Raises KeyError for a reason that the filter does not have.
    """
    if not reasons:
        return prompt
    return "\n".join((prompt, "", _AGAIN, *(f"- {_REMARKS[reason]}" for reason in reasons)))
