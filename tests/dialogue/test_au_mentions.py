"""AU extraction: every way of writing an AU counts, every way of denying one does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.action_units import ACTION_UNITS
from unifer.dialogue import prompts
from unifer.dialogue.au_mentions import mentioned
from unifer.emotions import EMOTIONS

WRITTEN = {
    "AU12": {12},
    "au12": {12},
    "AU 12": {12},
    "AU-12": {12},
    "AU_12": {12},
    "AU:12": {12},
    "AU04": {4},
    "Action Unit 12": {12},
    "action unit 12 (lip corner puller)": {12},
    "action units 6 and 12": {6, 12},
    "AU6+12": {6, 12},
    "AU6+AU12": {6, 12},
    "AU 6 + 12 + 25": {6, 12, 25},
    "AU6/AU12": {6, 12},
    "AU1/2": {1, 2},
    "AUs 1, 2 and 5": {1, 2, 5},
    "AUs 1, 2, and 5": {1, 2, 5},
    "AU 1, 2 and 5 are active": {1, 2, 5},
    "AU6 (cheek raiser) and 12 (lip corner puller)": {6, 12},
    "AU12R and AU14L": {12, 14},
    "AUL12": {12},
    "L12 is stronger": {12},
    "R14 alone": {14},
    "AU12C": {12},
    "AU12c+25B": {12, 25},
    "AU12_r": {12},
    "**AU12**: strong": {12},
    "ＡＵ１２": {12},
    "AU6\nAU12": {6, 12},
    "(AU6, AU12)": {6, 12},
    "AU64 eyes down": {64},
    # no AU, or no such AU
    "": set(),
    "AU99, AU0, AU3, AU47": set(),
    "AU123": set(),
    "AU 2023": set(),
    "AU": set(),
    "aura 12, BAU12, tau 4": set(),
    "l12 and r12": set(),
    "Facial-R1, the L2-norm, XL12": set(),
    "AU6 and 2 wrinkles": {6},
    "AU6, 12 pixels wide": {6},
    "AU12 at 50%": {12},
    "AUs 1, 50%": {1},
}

DENIED = {
    "no AU4": set(),
    "There is no visible sign of AU4.": set(),
    "without AU4": set(),
    "AU4 is absent": set(),
    "AU4 absent": set(),
    "AU4: absent": set(),
    "AU4 (absent)": set(),
    "AU4 = 0": set(),
    "AU4: 0.0, AU12: 3": {12},
    "AU4 is not present": set(),
    "AU4 not active": set(),
    "AU4 isn't visible": set(),
    "AU4 isn’t visible": set(),
    "AU4 is not": set(),
    "AU4 is inactive": set(),
    "AU4 is clearly not active": set(),
    "AU4 does not appear to be active": set(),
    "AU4 does not occur": set(),
    "AU4 cannot be seen": set(),
    "AU4 can't be seen": set(),
    "AU4 is no longer visible": set(),
    "AU4 has not been detected": set(),
    "AU4 activity is absent": set(),
    "the brow lowerer (AU4) is absent": set(),
    "AU4 (brow lowerer) is absent": set(),
    "I don't see AU4.": set(),
    "I cannot detect AU4": set(),
    "neither AU1 nor AU2": set(),
    "Neither the inner brow raiser (AU1) nor the outer brow raiser (AU2) is visible": set(),
    "lacks AU4": set(),
    "lacking AU4": set(),
    "the absence of AU4": set(),
    "The absence of AU4 and AU5 suggests calm": set(),
    "free of AU4": set(),
    "ruling out AU4": set(),
    "no AU1, AU2 or AU4 is visible": set(),
    "AU1, AU2 and AU4 are absent": set(),
    "no brow lowerer (AU4), lid tightener (AU7), or nose wrinkler (AU9)": set(),
    "Absent: AU4, AU5. Present: AU6": {6},
    "no AU4 activity or raised AU5": set(),
    "AU4 fails to appear": set(),
    "AU43 is 0": set(),
    "- **AU4 (Brow Lowerer)**: Not present": set(),
    "AU4 isn’t there, nor is AU7": set(),
}

SCOPE = {
    "no AU4, but AU12 is strong": {12},
    "No AU4. AU12 is strong.": {12},
    "No AU4; AU12": {12},
    "No AU4\nAU12": {12},
    "No AU4, AU12 is strong": {12},
    "no AU4 and AU12 is strong": {12},
    "no AU4 with AU12": {12},
    "Without AU4, AU12 suggests joy": {12},
    "without AU4 or AU5, AU12 shows": {12},
    "AU6 is present, no AU4 or AU5": {6},
    "AU12 is strong and AU4 is absent": {12},
    "AU12 is strong, with no sign of AU4": {12},
    "AU4 is absent, AU12 is present": {12},
    "AU4 (absent), AU12 (strong)": {12},
    "AU6/AU12 are active, while AU1, AU2 and AU4 are not": {6, 12},
    "AU4 is not active; AU6 is": {6},
    "neither AU1 nor AU2 is active, AU12 is": {12},
    "not AU4 but AU12": {12},
    "AU12 rather than AU15": {12},
    "Rather than AU12, AU15 is seen": {15},
    "AU12 isn't evident; instead AU15 is": {15},
    "AU12, not AU15, is active": {12},
    "AU12 with AU6 not being activated": {12},
    "AU1 (inner brow raiser) and AU2 (outer brow raiser) are active, whereas AU4 (brow lowerer) and "
    "AU7 are not.": {
        1,
        2,
    },
    "AU12 instead of AU15": {12},
    "no AUs except AU12": {12},
    "no AUs other than AU12": {12},
    "There is no frown, so AU12 dominates": {12},
    "The lips are not parted and AU12 is present": {12},
    "I see no anger: AU12 is active": {12},
    "the brow isn't lowered, showing AU12": {12},
    # what sounds like a denial and is none
    "not only AU6 but AU12": {6, 12},
    "not just AU6, also AU12": {6, 12},
    "no doubt AU12": {12},
    "without any doubt AU12": {12},
    "AU12 is not absent": {12},
    "AU12 is not the only sign": {12},
    "AU12 is not strong": {12},
    "no absence of AU12": {12},
    "AU12, which is clearly not absent": {12},
    "AU12 is never missing": {12},
    # the last word counts
    "AU4 is absent. On a closer look AU4 is visible.": {4},
    "AU4 seems active. No, AU4 is absent.": set(),
}


@pytest.mark.parametrize(("text", "units"), [*WRITTEN.items(), *DENIED.items(), *SCOPE.items()])
def test_mentions(text: str, units: set[int]) -> None:
    assert mentioned(text) == units


@pytest.mark.parametrize("number", sorted(ACTION_UNITS))
def test_every_unit_in_use_is_found_by_number_and_denied_by_name(number: int) -> None:
    assert mentioned(f"AU{number} is active") == {number}
    assert mentioned(f"no {ACTION_UNITS[number].name} (AU{number})") == set()


@given(st.sets(st.sampled_from(sorted(ACTION_UNITS)), max_size=8), st.sampled_from(EMOTIONS))
def test_reasoning_of_our_own_template_reads_back(units: set[int], label: str) -> None:
    assert mentioned(prompts.reasoning(units, label)) == units


@given(st.text(max_size=300))
def test_any_text_gives_facs_numbers(text: str) -> None:
    assert all(0 < number < 99 for number in mentioned(text))


@given(
    st.lists(
        st.sampled_from(
            [
                "AU4",
                "AU12",
                " no ",
                " not ",
                ", ",
                " and ",
                " is ",
                "absent",
                ". ",
                "(",
                ")",
                " 12",
                "\n",
                " but ",
            ]
        ),
        max_size=20,
    )
)
def test_only_units_that_are_written_are_found(pieces: list[str]) -> None:
    assert mentioned("".join(pieces)) <= {4, 12} | {41, 2, 1}


@given(st.sets(st.sampled_from(sorted(ACTION_UNITS)), min_size=1, max_size=6))
def test_a_plain_list_gives_all_and_its_denial_none(units: set[int]) -> None:
    listed = [f"AU{number}" for number in sorted(units)]
    assert mentioned(f"The face shows {', '.join(listed)}.") == units
    assert mentioned(f"The face shows no {' or '.join(listed)}.") == set()
    assert mentioned(f"{' and '.join(listed)} are absent.") == set()


@pytest.mark.parametrize(
    "text",
    [
        "AU" * 500_000,
        "no " * 330_000,
        "AU4" + " " * 1_000_000,
        "AU4 (" * 60_000,
        "no AU4, " * 60_000,
        "AU4 " + "is " * 330_000,
        "aus 1" + " and 1" * 60_000,
        "AU1" + "n't" * 300_000,
        "AU1 " + "and but not " * 80_000 + "AU2",
        "( " * 500_000 + "AU4",
        "L" * 1_000_000 + "12",
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_of_hostile_text_ends(text: str) -> None:
    assert mentioned(text) <= {1, 2, 4}
