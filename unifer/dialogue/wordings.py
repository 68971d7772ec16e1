"""In whose words a question asks: published, ours, or others; and the same words over other labels.

The published words are no part of this project: they are known by fingerprint alone, and stand in the
question files that users have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from unifer.dialogue import prompts
from unifer.records import Question

PUBLISHED: MappingProxyType[str, str] = MappingProxyType(
    {
        "79bfa6c43fdb14fd": "rafdb",
        "66ef1f319ef41138": "ferplus",
        "5cea8e1c2f987234": "affectnet",
        "a4cc09dd51ae8d03": "sfew_2.0",
    }
)
"""Fingerprint of the prompt of each FERBench question file -> the dataset that it belongs to."""

PUBLISHED_WORDS = "b7b8e2600e78fad2"
"""Fingerprint of those prompts with `{labels}` in place of the label list: all four ask in the same words."""

Kind = Literal["published", "own", "other", "several"]
_SHORT: dict[Kind, str] = {
    "published": "published prompt",
    "own": "own prompt",
    "other": "another prompt",
    "several": "several prompts",
}
_GAP = r"\W{1,12}?"


class Wording(NamedTuple):
    """In whose words questions ask; `mark` is the fingerprint (None for several).

    `dataset` is the set whose published prompt it is.
    """

    kind: Kind
    text: str
    mark: str | None = None
    dataset: str | None = None

    @property
    def short(self) -> str:
        """`published prompt`, `own prompt`, `another prompt` or `several prompts`."""
        return _SHORT[self.kind]

    def to_json(self) -> dict[str, str | None]:
        return {"kind": self.kind, "text": self.text, "fingerprint": self.mark}


class Words(NamedTuple):
    """A prompt around its label list: what stands before and after the list, and between its labels."""

    before: str
    gap: str
    last: str
    """Between the last two labels: `, or `, say."""
    after: str

    def over(self, labels: Sequence[str]) -> str:
        """The prompt with `labels` as its list."""
        *most, end = labels
        return f"{self.before}{self.gap.join(most)}{self.last if most else ''}{end}{self.after}"


def fingerprint(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a prompt."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def words_of(prompt: str, labels: Sequence[str]) -> Words:
    """`prompt` around the list of `labels`, which it names in that order with one separator between them.

    Raises ValueError where the list is not in it, or stands there twice.
    """
    if len(labels) < 2:
        raise ValueError("it asks for no label of a list")
    lists = list(_pattern(tuple(labels)).finditer(prompt))
    if len(lists) != 1:
        problem = "does not hold the list" if not lists else f"holds {len(lists)} times the list"
        raise ValueError(f"its prompt {problem} of its candidate_labels, {', '.join(labels)}, in that order")
    last = lists[0]["last"]
    gap = lists[0]["gap"] if len(labels) > 2 else (", " if last.strip(" ,").isalpha() else last)
    return Words(prompt[: lists[0].start()], gap, last, prompt[lists[0].end() :])


@lru_cache(maxsize=64)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    first, *others = map(re.escape, labels)
    inner = "".join(f"{_GAP if not index else '(?P=gap)'}{label}" for index, label in enumerate(others[:-1]))
    inner = inner.replace(_GAP, f"(?P<gap>{_GAP})", 1)
    return re.compile(rf"(?<!\w){first}{inner}(?P<last>{_GAP}(?:(?:and|or)\W{{1,12}}?)?){others[-1]}(?!\w)")


@lru_cache(maxsize=256)
def wording(prompt: str, labels: tuple[str, ...]) -> Wording:
    """In whose words `prompt` asks for one of `labels`."""
    mark = fingerprint(prompt)
    if mark in PUBLISHED:
        return Wording("published", f"published prompt of {PUBLISHED[mark]}", mark, PUBLISHED[mark])
    for name, template in prompts.TEMPLATES.items():
        if template.needs_labels == bool(labels) and prompt == prompts.question(name, labels):
            return Wording("own", f"own prompt {template.version}", mark)
    try:
        words = words_of(prompt, labels)
    except ValueError:
        return Wording("other", f"another prompt ({mark})", mark)
    if fingerprint(f"{words.before}{prompts.LABELS}{words.after}") == PUBLISHED_WORDS:
        return Wording("other", f"another prompt, the published words over other labels ({mark})", mark)
    return Wording("other", f"another prompt ({mark})", mark)


def wording_of(questions: Iterable[Question]) -> Wording:
    """In whose words all of `questions` ask; where they ask in several, all of these."""
    prompts_and_labels = dict.fromkeys((question.prompt, question.candidate_labels) for question in questions)
    return together(wording(prompt, labels) for prompt, labels in prompts_and_labels)


def together(wordings: Iterable[Wording]) -> Wording:
    """What questions of all these wordings ask in."""
    distinct = list(dict.fromkeys(wordings))
    if len(distinct) == 1:
        return distinct[0]
    texts = list(dict.fromkeys(each.text for each in distinct))
    if len(texts) == 1:
        return Wording(distinct[0].kind, texts[0])
    return Wording(
        "several",
        "several prompts: "
        + ", ".join(texts[:3])
        + (f" and {len(texts) - 3} more" if len(texts) > 3 else ""),
    )
