"""Which Action Units a reply claims, and in which sentence of its reasoning it claims each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unifer.action_units import ACTION_UNITS
from unifer.dialogue.answers import Verdict
from unifer.dialogue.au_spans import Span, spans
from unifer.recognition.readings import AuClaim

_ENDS = ".!?\n"


def claims(verdict: Verdict, shares: Mapping[str, float] | None = None) -> tuple[AuClaim, ...]:
    """The AUs of `verdict`, by number; `shares` are those of the votes that claim each (`AU12` -> share)."""
    places = spans(verdict.reasoning)
    return tuple(
        _claim(
            number,
            verdict.reasoning,
            [span for span in places if span.number == number and span.active],
            shares,
        )
        for number in sorted(verdict.action_units)
    )


def _claim(
    number: int, reasoning: str, places: Sequence[Span], shares: Mapping[str, float] | None
) -> AuClaim:
    unit = ACTION_UNITS.get(number)
    return AuClaim(
        number,
        unit.name if unit else f"AU{number}",
        unit.region if unit else None,
        _sentence(reasoning, places[-1]) if places else None,
        tuple((span.start, span.end) for span in places),
        None if shares is None else shares.get(f"AU{number}", 0.0),
    )


def _sentence(text: str, span: Span) -> str:
    """The sentence of `text` that holds `span`: a full stop within a number or a name ends none."""
    start = max((at + 1 for at in _breaks(text) if at < span.start), default=0)
    end = min((at + 1 for at in _breaks(text) if at >= span.end - 1), default=len(text))
    return text[start:end].strip()


def _breaks(text: str) -> Iterator[int]:
    for at, char in enumerate(text):
        if char in _ENDS and (char == "\n" or at + 1 == len(text) or text[at + 1].isspace()):
            yield at
