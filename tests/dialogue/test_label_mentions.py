"""On which label a text settles: what reward `conclusion` and the filter's reason `contradicts` read."""

from __future__ import annotations

import pytest

from unifer.dialogue.label_mentions import concluded

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


@pytest.mark.parametrize(
    ("reasoning", "label"),
    [
        ("Brows: AU4 brow lowerer. Together these suggest anger.", "anger"),
        ("It might look like fear, but AU12 clearly points to happiness.", "happiness"),
        ("At first this suggests surprise. The stretched lips show fear instead.", "fear"),
        ("Rather than fear, the face shows surprise.", "surprise"),
        ("Together these do not suggest anger.", None),
        ("The cheeks are raised and the lips part.", None),
        ("AU4 is common to anger and fear.", None),
    ],
)
def test_the_last_label_that_reasoning_decides_on_is_its_conclusion(
    reasoning: str, label: str | None
) -> None:
    """GRPO pays for the answer alone, so that models learn to reason towards one label and answer another."""
    assert concluded(reasoning, LABELS) == label
