"""Replies and label lists for the tests of rewards."""

from __future__ import annotations

EIGHT = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SEVEN = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
HAPPY = "<think>AU6 and AU12.</think><answer>happy</answer>"


def think(text: str, answer: str = "happy") -> str:
    return f"<think>{text}</think><answer>{answer}</answer>"
