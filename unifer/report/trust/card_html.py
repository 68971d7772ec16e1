"""A trust card as one HTML file that fetches nothing: light and dark, one A4 page in print."""

from __future__ import annotations

from html import escape

from unifer.evaluate.trust.sheets import TrustRate
from unifer.report.layout import plain
from unifer.report.page.document import document
from unifer.report.trust.card import CardBlock, CardLine, TrustCard
from unifer.report.trust.wording import ARROWS, bounds_text, denominator, is_share, number_text, rate_name

_LONG = 300
_WAYS = {"higher": "higher is better", "lower": "lower is better", "neither": ""}


def card_html(card: TrustCard) -> str:
    """The whole file."""
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in card.facts)
    notes = "".join(f"<li>{_text(note)}</li>" for note in card.notes)
    values = {
        "model": _text(card.model, 80),
        "blocks": "\n".join(_block(block) for block in card.blocks),
        "facts": facts,
        "notes": f'<ul class="about">{notes}</ul>' if notes else "",
    }
    return document("card", values, title=f"Trust card: {plain(card.model, 80)}", scripts=(), style="card")


def _text(text: str, width: int = _LONG) -> str:
    return escape(plain(text, width))


def _block(block: CardBlock) -> str:
    head = f"<h2>{_text(block.title)}</h2><p>{_text(block.question)}</p>"
    if not block.lines:
        body = f'<p class="lacking">Not measured. <code>{_text(block.command)}</code> measures it.</p>'
        return f'<section class="measure"><div class="about">{head}</div><div>{body}</div></section>'
    body = "".join(_line(line) for line in block.lines)
    more = f'<p class="others">and {block.left} more, in the report</p>' if block.left else ""
    return f'<section class="measure"><div class="about">{head}</div><div>{body}{more}</div></section>'


def _line(line: CardLine) -> str:
    rate, bounds = line.rate, bounds_text(line.rate)
    others = "; ".join(_in_words(other) for other in line.others)
    value = _text(number_text(rate, rate.value)) + (f" <small>{_text(bounds)}</small>" if bounds else "")
    return (
        f'<div class="headline-rate"><p class="rate"><b>{_name(rate)}</b></p>{_whisker(rate)}'
        f'<p class="value">{value}</p><p class="set">{_text(line.dataset, 60)}</p>'
        f'<p class="n">{_text(denominator(rate))}</p>'
        + (f'<p class="others">{others}</p></div>' if others else "</div>")
    )


def _name(rate: TrustRate) -> str:
    arrow = ARROWS[rate.better]
    way = f' <abbr title="{_WAYS[rate.better]}">{arrow}</abbr>' if arrow else ""
    return f"{_text(rate_name(rate.name), 60)}{way}"


def _in_words(rate: TrustRate) -> str:
    bounds = bounds_text(rate)
    inside = ", ".join(filter(None, (bounds, denominator(rate))))
    return f"{_name(rate)} {_text(number_text(rate, rate.value))} ({_text(inside)})"


def _whisker(rate: TrustRate) -> str:
    """Value and interval of a share on an axis from 0 to 100; the numbers stand beside it."""
    if rate.value is None or not is_share(rate) or rate.value < 0:
        return '<span class="whisker"></span>'
    span = ""
    if rate.low is not None and rate.high is not None:
        ends = [100 * min(1.0, max(0.0, bound)) for bound in (rate.low, rate.high)]
        span = f'<line class="range" x1="{ends[0]:.2f}" x2="{ends[1]:.2f}" y1="8" y2="8"/>'
    at = f"{100 * rate.value:.2f}"
    dot = f'<line class="dot" x1="{at}" x2="{at}" y1="2" y2="14"/>'
    frame = 'class="whisker" viewBox="-1 0 102 16" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg {frame}><line x1="0" x2="100" y1="8" y2="8"/>{span}{dot}</svg>'
