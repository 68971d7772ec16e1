"""FABA-Instruct: free descriptions of faces as JSON conversations, in two variants, AUs and emotion.

AUs are those the text affirms (`dialogue.au_mentions`); a label is kept only where the text names exactly one
emotion, as a whole word and in no sentence with a denial. The text itself is kept as
`provenance.description`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from unifer import files
from unifer.dialogue import au_mentions
from unifer.emotions import EMOTIONS, SPELLINGS
from unifer.prepare.builders.source import TEST, TRAIN, Builder, DatasetSource, Need, SourceRow, at_row
from unifer.prepare.builders.trees import below

_PARTS = {TRAIN: "train", TEST: "eval"}
_TASKS = ("au", "emotion")
_DENIAL = re.compile(
    r"\b(?:no|not|nor|neither|never|without|cannot|lacks?|lacking|absence|absent|rather than|instead of)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_WORDS = {
    emotion: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) for emotion, words in SPELLINGS.items()
}


def needs(split: str) -> tuple[Need, ...]:
    """Both variants' conversations, and the images."""
    part = _PARTS[split]
    rows = [
        Need(
            task,
            f"conversations about {task}",
            (f"{part}/{part}_{task}_anno.json", f"{part}_{task}_anno.json"),
        )
        for task in _TASKS
    ]
    return (*rows, Need("images", "the images", (f"{part}/images", "images"), image=True))


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError `file:row` for a row without image or conversation."""
    for task in _TASKS:
        path, file = source.file(task), source.path(task)
        for number, row in files.read_rows(path):
            with at_row(path, number):
                image, question, text = _image(row), _turn(row, "human"), _turn(row, "gpt")
            face = SourceRow((image,), file, number, id=f"faba/{_PARTS[source.split]}/{task}/{number}")
            face.extra = {"description": text, "question": question}
            reason = _read_units(face, text) if task == "au" else _read_label(face, text)
            if reason:
                source.drop(reason, file, number)
            else:
                yield face


def _image(row: Any) -> str:
    """`FABAInstruct/train/images/x.jpg` names the image below the folder that holds the whole set."""
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise ValueError("a row needs 'image', the path of one image")
    return below(row["image"]).removeprefix("FABAInstruct/")


def _turn(row: dict[str, Any], who: str) -> str:
    turns = row.get("conversations", row.get("conversation"))
    words = (
        [turn.get("value") for turn in turns if isinstance(turn, dict) and turn.get("from") == who]
        if isinstance(turns, list)
        else []
    )
    if not words or not isinstance(words[0], str) or not words[0].strip():
        raise ValueError(
            f"'conversations' holds no text from {who!r}; each row needs a question from 'human' and an "
            "answer from 'gpt'"
        )
    return words[0].replace("<image>", "").strip()


def _read_units(face: SourceRow, text: str) -> str:
    face.action_units = tuple(sorted(au_mentions.mentioned(text)))
    return "" if face.action_units else "the text affirms no AU"


def _read_label(face: SourceRow, text: str) -> str:
    """Sets the label; else why there is none."""
    named = [emotion for emotion in EMOTIONS if _WORDS[emotion].search(text)]
    if len(named) != 1:
        return "the text names several emotions" if named else "the text names no emotion"
    if any(
        _WORDS[named[0]].search(sentence) and _DENIAL.search(sentence)
        for sentence in re.split(r"[.!?;\n]", text)
    ):
        return "the text may deny the emotion it names"
    face.label = named[0]
    return ""


FABA = Builder(
    name="faba",
    title="FABA-Instruct",
    splits=(TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="train/train_au_anno.json, train/train_emotion_anno.json and train/images/ (eval/ likewise)",
    labels=EMOTIONS,
    bases=("", "FABAInstruct", "FABA-Instruct"),
)
