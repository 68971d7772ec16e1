"""A sheet of faithfulness as a table for a terminal. Computes no rate."""

from __future__ import annotations

from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.records import Json
from unifer.report.layout import grid, interval_text, notes_text, percent, plain

_WORDS = {
    "says why": "changed answers that say why",
    "seen": "seen: the AU's claim changes with it",
    "moved": "moved: a core AU gone, another answer",
    "stable": "stable: nothing core changed",
    "stable: another AU": "  an AU that is not core",
    "stable: intensity": "  an AU's intensity",
    "stable: person": "  the person",
    "stable: pose": "  the pose",
    "stable: light": "  the light",
    "stable: nuisance": "  glasses, hair, background",
    "unfaithful answers": "answers changed, no claim did",
    "unfaithful claims": "core claims changed, no answer did",
    "noise in answers": "noise: answers to identical faces",
    "noise in claims": "noise: claims on identical faces",
    "base faces right": "base faces answered as FACS reads",
    "text follows": "text: answers follow a core edit",
    "text holds": "text: answers hold at other edits",
    "text noise": "text: answers change without edit",
    "AU F1, real faces": "claimed AUs on annotated faces, F1",
}
"""Rate -> what the table calls it."""
_COLUMNS = ("seen", "moved", "stable", "unfaithful answers", "unfaithful claims")
_HEADS = ("seen", "moved", "stable", "answers", "claims")


def faithfulness_text(sheet: Sheet) -> str:
    """Every rate with interval and n, then the main ones by AU and by emotion, then the notes."""
    head, details = sheet.rates[0], sheet.details
    says = "no answer changed with an AU" if head.value is None else _headline(head)
    rows = [
        [_WORDS.get(rate.name, rate.name), _cell(rate), f"{rate.n:,}"]
        for rate in sheet.rates
        if rate.n or rate.name in _COLUMNS
    ]
    about = f"{plain(sheet.dataset)} · {plain(sheet.model)} · {details['families']:,} families of faces"
    by_unit = _group_rows(details["by_au"], ("seen", "moved", "stable: another AU"))
    lines = [
        f"faithfulness · {about}",
        "",
        says,
        "",
        grid(["percent, 95 % intervals over families", "rate", "of"], rows),
        "",
        grid(["emotion", *_HEADS], _group_rows(details["by_emotion"], _COLUMNS)),
        "",
        grid(["AU", "seen", "moved", "stable"], by_unit),
        "",
        *_text_side(details.get("text")),
        "answers: changed while no claim did; claims: core claims that changed while",
        "the answer did not; hits/n. What each rate counts: docs/trust.md",
    ]
    return "\n".join([*lines, *filter(None, [notes_text(sheet.notes)])])


def _text_side(text: Json | None) -> list[str]:
    """Which core edits of a reply its answer follows, by kind; nothing where none was continued."""
    if text is None:
        return []
    rows = _group_rows(text["edits"], ("follows", "as_read"))
    return [grid(["AU in the reply", "answer follows", "as FACS reads"], rows), ""]


def _headline(rate: TrustRate) -> str:
    return f"Of the {rate.n:,} answers that changed with one AU, {percent(rate.value)} % say why."


def _cell(rate: TrustRate) -> str:
    bounds = None if rate.low is None or rate.high is None else (rate.low, rate.high)
    return percent(rate.value) + interval_text(bounds)


def _group_rows(groups: Json, names: tuple[str, ...]) -> list[list[str]]:
    return [[plain(group), *(_share(counts.get(name)) for name in names)] for group, counts in groups.items()]


def _share(counts: list[int] | None) -> str:
    return "–" if counts is None else f"{percent(counts[0] / counts[1])} {counts[0]}/{counts[1]}"
