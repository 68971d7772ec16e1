"""Marks stand where the grader read an AU, in the text as it was written, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.dialogue.au_mentions import affirmations, readable
from unifer.dialogue.au_spans import _traced, spans


def marked(text: str) -> list[tuple[str, int, bool]]:
    return [(text[span.start : span.end], span.number, span.active) for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I see AU6 and AU12.", [("AU6", 6, True), ("AU12", 12, True)]),
        (
            "  The **lid   tightener** (AU7)\n\tbut no AU4.",
            [("lid   tightener** (AU7)", 7, True), ("AU4", 4, False)],
        ),
        (
            "AU4 isn't visible; cannot see AU5, AU6+12.",
            [("AU4", 4, False), ("AU5", 5, False), ("AU6", 6, False), ("12", 12, False)],
        ),
        ("\u0130\u0130 caf\u00e9 \u2026 AU12", [("AU12", 12, True)]),
        ("\uff21\uff35\uff11\uff12", [("\uff21\uff35\uff11\uff12", 12, True)]),
        ("nothing of the kind", []),
    ],
)
def test_marks_stand_in_the_text_as_written(text: str, found: list[tuple[str, int, bool]]) -> None:
    assert marked(text) == found


PIECES = [
    "AU",
    "au-",
    "Action Unit ",
    "6",
    "12",
    "L14",
    " ",
    "  ",
    "\n",
    "\t",
    "*",
    "`",
    ", ",
    "no ",
    "isn't visible",
    "cannot",
    "is absent.",
]
ODD = [
    "\u0130",
    "\u2026",
    "\u2019",
    "e\u0301",
    "\ufb01",
    "\u03a3",
    "\u1100\u1161",
    "\u00a0",
    "\u2028",
    "\ud800",
    "\U0001f600",
    "(",
]


@given(st.lists(st.sampled_from(PIECES + ODD) | st.text(max_size=3), max_size=30).map("".join))
def test_marks_agree_with_the_grader_on_any_text(text: str) -> None:
    plain = readable(text)
    if plain:
        assert _traced(text).text == plain, "the two ways to rewrite a text drifted apart: marks would vanish"
    found = spans(text)
    assert {span.number: span.active for span in found} == affirmations(text)
    ends = [place for span in found for place in (span.start, span.end)]
    assert ends == sorted(ends)
    assert all(0 <= span.start < span.end <= len(text) for span in found)


def test_a_megabyte_of_blanks_and_marks_takes_one_pass() -> None:
    text = "AU6 " + " *" * 500_000 + " AU12"
    assert [span.number for span in spans(text)] == [6, 12]
