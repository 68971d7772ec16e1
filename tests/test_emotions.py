"""One emotion, many spellings: what counts as the same label, and what does not."""

from __future__ import annotations

import pytest

from unifer.emotions import EMOTIONS, SPELLINGS, canonical, in_order, spelled_in, spellings


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("happy", "happiness"),
        ("Happiness", "happiness"),
        (" SAD ", "sadness"),
        ("angry", "anger"),
        ("contempt", "contempt"),
    ],
)
def test_datasets_that_spell_an_emotion_differently_mean_the_same(label: str, emotion: str) -> None:
    assert canonical(label) == emotion


@pytest.mark.parametrize("word", ["joy", "unhappy", "bored", "sad/angry"])
def test_a_word_that_is_no_spelling_stays_itself(word: str) -> None:
    assert canonical(word) == word


def test_a_label_is_found_in_the_datasets_own_spelling() -> None:
    assert spelled_in("happiness", ["angry", "happy"]) == "happy"
    assert spelled_in("happy", ["anger", "happiness"]) == "happiness"
    assert spelled_in("contempt", ["angry", "happy"]) is None


def test_labels_of_several_datasets_stand_once_in_the_order_of_the_eight() -> None:
    assert in_order(["awe", "Angry", "happiness", "happy", "awe", "neutral"]) == (
        "neutral",
        "happiness",
        "anger",
        "awe",
    )


def test_no_spelling_belongs_to_two_emotions() -> None:
    every = [spelling for group in SPELLINGS.values() for spelling in group]
    assert len(every) == len(set(every))
    assert tuple(SPELLINGS) == EMOTIONS


def test_spellings_begin_with_the_labels_own() -> None:
    assert spellings("Happy") == ("happy", "happiness")
    assert spellings("bored") == ("bored",)
