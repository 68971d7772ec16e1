"""One AU of a reply changes and nothing else, before any label; odd replies are left out."""

from __future__ import annotations

import pytest

from unifer.dialogue.au_mentions import mentioned
from unifer.dialogue.rewording import Edit, edits_of
from unifer.emotions import EMOTIONS

LISTING = "<think>Brows: at rest. Eyes: AU6 cheek raiser. Mouth: {}. Jaw: at rest. Together these suggest {}."
PROSE = "<think>The lip corner puller (AU12) and cheek raiser (AU6) stand out. No AU4. This looks {}."


def reply(thought: str, label: str = "happiness") -> str:
    return f"{thought}</think>\n<answer>{label}</answer>"


def edits(thought: str) -> dict[tuple[str, bool], Edit]:
    return {(edit.kind, edit.core): edit for edit in edits_of(reply(thought), EMOTIONS)}


def test_an_au_deleted_from_a_listing_leaves_its_field_at_rest() -> None:
    smile = edits(LISTING.format("AU12 lip corner puller", "happiness"))

    deleted = smile["deleted", True]
    assert (deleted.unit, deleted.reading) == (12, "neutral")
    assert deleted.start == "<think>Brows: at rest. Eyes: AU6 cheek raiser. Mouth: at rest."
    assert smile["deleted", False].start.startswith("<think>Brows: at rest. Eyes: at rest. Mouth: AU12")
    assert smile["changed", True].reading == "contempt"
    assert smile["changed", True].start.endswith("Mouth: AU14 dimpler.")


def test_in_prose_the_name_goes_with_its_code() -> None:
    words = edits(PROSE.format("joyful"))

    assert words["none", False].start == PROSE.partition(" This")[0]
    assert words["deleted", True].start == "<think>The cheek raiser (AU6) stand out. No AU4."
    assert "lip corner puller (AU12), AU14 dimpler and" in words["added", False].start


@pytest.mark.parametrize(
    "thought", [LISTING.format("AU12 lip corner puller, AU25 lips part", "happiness"), PROSE]
)
def test_every_edit_changes_the_claims_by_what_it_says(thought: str) -> None:
    before = mentioned(edits(thought)["none", False].start)
    for (kind, _), edit in edits(thought).items():
        after = mentioned(edit.start)
        lost, won = before - after, after - before
        assert (len(lost), len(won)) == {
            "none": (0, 0),
            "deleted": (1, 0),
            "changed": (1, 1),
            "added": (0, 1),
        }[kind]
        assert edit.unit is None or kind == "added" or lost == {edit.unit}
        assert not any(emotion in edit.start for emotion in EMOTIONS)


@pytest.mark.parametrize(
    "odd",
    [
        "<answer>happiness</answer>",
        reply("<think>A broad smile."),
        reply(
            "<think>This is happiness: AU12 is there."
        ),  # the label comes first: what follows is bound to it
        reply("<think>AU12.</think><think>AU6."),
        "<answer>happiness</answer><think>AU12.</think>",
    ],
)
def test_replies_that_cannot_be_continued_honestly_are_left_out(odd: str) -> None:
    assert edits_of(odd, EMOTIONS) == []
