"""A trust card for a terminal of 80 columns."""

from __future__ import annotations

from unifer.report.layout import grid, notes_text, plain, wrapped
from unifer.report.trust.card import TrustCard
from unifer.report.trust.wording import ARROWS, bounds_text, number_text, rate_name


def card_text(card: TrustCard) -> str:
    """A line per headline, what was not measured with its command, and the notes."""
    rows = [
        (
            block.title,
            f"{plain(rate_name(line.rate.name), 22)} {ARROWS[line.rate.better]}".rstrip(),
            number_text(line.rate, line.rate.value),
            bounds_text(line.rate),
            f"{line.rate.n:,}",
        )
        for block in card.blocks
        for line in block.lines
    ]
    lines = [f"trust card · {plain(card.model, 60)}", ""]
    lines += [grid(("measure", "headline", "value", "95 %", "n"), rows)] if rows else ["nothing was measured"]
    if card.missing:
        lines += ["", "not measured:"]
        lines += [wrapped(f"{block.title}: {block.command}", "  ", "    ") for block in card.missing]
    return "\n".join([*lines, *(["", notes_text(card.notes)] if card.notes else [])])
