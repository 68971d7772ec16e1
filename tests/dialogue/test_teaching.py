"""What a teacher is told: the facts it reasons towards, and nothing of them where it is asked blind."""

from __future__ import annotations

import pytest

from unifer.dialogue import teaching
from unifer.prepare.curation.filter import REASONS

QUESTION = "Which of these: fear, anger?"


def test_guidance_names_label_and_aus_and_asks_to_hide_them() -> None:
    prompt = teaching.teacher_prompt(QUESTION, "fear", (20, 1))
    assert QUESTION in prompt
    assert "The right answer is fear." in prompt
    assert "AU1 (inner brow raiser), AU20 (lip stretcher)" in prompt
    assert "do not mention these facts" in prompt


def test_no_active_au_is_said_and_unknown_ones_are_not() -> None:
    assert "No AU is active" in teaching.teacher_prompt(QUESTION, "neutral", ())
    assert "AU is active" not in teaching.teacher_prompt(QUESTION, "neutral")
    assert "AU46" in teaching.teacher_prompt(QUESTION, None, (46,))


def test_a_blind_teacher_learns_neither_label_nor_aus() -> None:
    prompt = teaching.teacher_prompt(QUESTION)
    assert "right answer" not in prompt
    assert "What is known" not in prompt


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_the_filter_becomes_advice(reason: str) -> None:
    prompt = teaching.teacher_prompt(QUESTION)
    corrected = teaching.corrected_prompt(prompt, [reason])
    assert corrected.startswith(prompt)
    assert len(corrected) > len(prompt) + 40


def test_without_a_reason_the_prompt_stays() -> None:
    assert teaching.corrected_prompt("prompt", ()) == "prompt"
