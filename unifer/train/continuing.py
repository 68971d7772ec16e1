"""The policy goes on with its own replies after one AU of their reasoning is gone, for the reward `faithful`.

Edits are those of `dialogue.rewording`; what a continuation is worth, `rewards` says. The sampler is asked
once more per window, from the edited reasoning on; what it then says is paid for and never trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unifer.dialogue.answers import grade
from unifer.dialogue.rewording import Edit, edits_of
from unifer.emotions import canonical

CONTINUED = "continued"
"""The column of a batch that says what became of each reply."""
LONGEST = 64
"""Tokens a continuation may have: a sentence and the answer. One that is longer counts as no answer."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What became of one reply when an AU that it claims was deleted from its reasoning."""

    core: bool
    """FACS prototypes read the AUs that are left otherwise: the answer must move to `reading`."""
    reading: str
    """The canonical emotion that they read."""
    before: str | None
    """The canonical label of the whole reply."""
    after: str | None
    """That of the reply that was continued; None without an answer of the list."""


def deletion(reply: str, candidates: Sequence[str]) -> Edit | None:
    """The edit of `reply` that takes one AU away, a core one if there is one; None: it cannot be edited."""
    deletions = [edit for edit in edits_of(reply, candidates) if edit.kind == "deleted"]
    return max(deletions, key=lambda edit: edit.core, default=None)


def continued_rows(
    sampler: Any, tokenizer: Any, prompts: tuple[Any, Any], rows: Any, completions: Any
) -> list[dict[str, Any]]:
    """A window's `rows`, one per completion, each with what became of its reply without one of its AUs.

    `prompts`: the token ids and images that the sampler was given for them.
    """
    replies = [completion[0]["content"] for completion in completions]
    labels = [row["candidate_labels"] for row in rows]
    continued = continue_replies(sampler, tokenizer, *prompts, replies, labels)
    return [{**row, CONTINUED: each} for row, each in zip(rows, continued, strict=True)]


def continue_replies(
    sampler: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    images: Any,
    replies: Sequence[str],
    candidates: Sequence[Sequence[str]],
) -> list[Continuation | None]:
    """What the policy answers after its edited replies: one per reply, None where none could be edited.

    `prompts` are the token ids that the sampler was given, one per reply. Every reply is sent, also one that
    is not edited (whole, so that little follows): on several ranks the sampler wants as many from each.
    """
    edits = [deletion(reply, labels) for reply, labels in zip(replies, candidates, strict=True)]
    starts = [edit.start if edit else reply for edit, reply in zip(edits, replies, strict=True)]
    tokens = tokenizer(starts, add_special_tokens=False)["input_ids"]
    asked = [[*prompt, *start] for prompt, start in zip(prompts, tokens, strict=True)]
    with _greedy(sampler):
        _, completions, _, _ = sampler.generate(asked, images, 1)
    endings = tokenizer.batch_decode(completions, skip_special_tokens=True)
    rows = zip(edits, replies, endings, candidates, strict=True)
    return [None if edit is None else _continuation(edit, *rest) for edit, *rest in rows]


def _continuation(edit: Edit, reply: str, ending: str, candidates: Sequence[str]) -> Continuation:
    before, after = (grade(text, tuple(candidates)).label for text in (reply, edit.start + ending))
    return Continuation(edit.core, edit.reading, _emotion(before), _emotion(after))


def _emotion(label: str | None) -> str | None:
    return None if label is None else canonical(label)


@contextmanager
def _greedy(sampler: Any) -> Iterator[None]:
    """While it is open, `sampler` takes the likeliest token, at most `LONGEST` of them."""
    own = sampler.temperature, sampler.max_completion_length
    sampler.temperature, sampler.max_completion_length = 0.0, min(LONGEST, own[1])
    try:
        yield
    finally:
        sampler.temperature, sampler.max_completion_length = own
