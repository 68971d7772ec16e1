"""Chat rows with an `images` column, as LLaMA-Factory and ms-swift read them.

LLaMA-Factory reads ShareGPT (`conversations`), ms-swift reads `messages`. One user turn that begins with
`<image>`, one assistant turn with the reply. A row without a reply is a GRPO row of ms-swift, whose reward
functions get the other columns; LLaMA-Factory has no such row. Both tools load JSON through Arrow, whose
columns must keep one type: what has no column goes as JSON text into the column `unifer`. Images are written
below the tool's image folder, that is without the leading `/`.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from unifer.prepare.formats.sample import CARRIED_KEY, Format, Sample
from unifer.records import Json

_IMAGE = "<image>"
_MARKS = (_IMAGE, "<video>", "<audio>")
_COLUMNS = ("solution", "candidate_labels", "AUs", "id", "dataset")
_USER, _ASSISTANT = ("human", "user"), ("gpt", "assistant")


class _Spelling(NamedTuple):
    """How one tool names the turns, who speaks, and what is said."""

    turns: str
    speaker: str
    words: str
    user: str
    assistant: str
    reply_needed: bool


_SHAREGPT = _Spelling("conversations", "from", "value", "human", "gpt", True)
_SWIFT = _Spelling("messages", "role", "content", "user", "assistant", False)


def _write(sample: Sample, spelling: _Spelling) -> Json:
    if sample.response is None and spelling.reply_needed:
        raise ValueError(
            "has no reply, and LLaMA-Factory skips a conversation without one; ms-swift reads such "
            "rows (--to swift)"
        )
    for mark in _MARKS:
        if mark in sample.question or mark in (sample.response or ""):
            raise ValueError(f"its text holds {mark!r}, where this format would put a picture; remove it")
    turns = [{spelling.speaker: spelling.user, spelling.words: _IMAGE + sample.question}]
    if sample.response is not None:
        turns.append({spelling.speaker: spelling.assistant, spelling.words: sample.response})
    row: Json = {spelling.turns: turns, "images": [sample.image_path.lstrip("/") or sample.image_path]}
    row |= {name: getattr(sample, name) for name in _COLUMNS if getattr(sample, name) is not None}
    return {name: value for name, value in (sample.extra or {}).items() if name not in _known(spelling)} | row


def _read(row: Json, spelling: _Spelling) -> Sample:
    words = _turns(row, spelling)
    return Sample.checked(
        image_path=_image(row),
        question=_question(words[0]),
        response=words[1] if len(words) > 1 else None,
        extra={name: value for name, value in row.items() if name not in _known(spelling)},
        **{name: row.get(name) for name in _COLUMNS},
    )


def _known(spelling: _Spelling) -> tuple[str, ...]:
    return (spelling.turns, "images", CARRIED_KEY, *_COLUMNS)


def _turns(row: Json, spelling: _Spelling) -> list[str]:
    """What the user says and, where there is one, the reply. Raises ValueError for any other conversation."""
    turns = row.get(spelling.turns)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError(f"{spelling.turns!r} must be a list of turns, not {str(turns)[:60]!r}")
    speakers = [turn.get(spelling.speaker) for turn in turns]
    wanted = (_USER, _ASSISTANT)[: max(len(turns), 1 + spelling.reply_needed)]
    if len(speakers) != len(wanted) or not all(
        speaker in names for speaker, names in zip(speakers, wanted, strict=True)
    ):
        raise ValueError(
            "one question and its reply are expected in "
            f"{spelling.turns!r}, without a system turn, not turns of {speakers}"
        )
    texts = [turn.get(spelling.words) for turn in turns]
    if not all(isinstance(words, str) and words.strip() for words in texts):
        raise ValueError(f"{spelling.words!r} of each turn must be a non-empty string")
    return [str(words) for words in texts]


def _question(words: str) -> str:
    if words.count(_IMAGE) != 1 or not words.replace(_IMAGE, "").strip():
        raise ValueError(f"the user's turn must hold {_IMAGE!r} once, and a question: {words[:60]!r}")
    return words.removeprefix(_IMAGE) if words.startswith(_IMAGE) else words.replace(_IMAGE, "")


def _image(row: Json) -> str:
    images = row.get("images")
    single = images[0] if isinstance(images, list) and len(images) == 1 else images
    if not isinstance(single, str) or not single.strip():
        raise ValueError(f"'images' must hold the path of one image, not {str(images)[:60]!r}")
    return single


def rooted(row: Json, image_root: Path) -> Json:
    """`row` with `image_root` before its image path, for a tool that is told no image folder."""
    return row | {"images": [(image_root / _image(row).lstrip("/")).as_posix()]}


def unrooted(row: Json, image_root: Path) -> Json:
    """The opposite, for a path that lies below `image_root`; other paths, and rows that are none, stay."""
    listed = row.get("images")
    if not (isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], str)):
        return row
    path = Path(listed[0])
    return (
        row | {"images": [path.relative_to(image_root).as_posix()]}
        if path.is_relative_to(image_root)
        else row
    )


def _attach(row: Json, carried: Json) -> Json:
    return row | {CARRIED_KEY: json.dumps(carried, ensure_ascii=False, allow_nan=False)}


def _detach(row: Json) -> tuple[Json, Any]:
    if row.get(CARRIED_KEY) is None:  # Arrow fills a column that only some rows have with nulls
        return row, None
    return {name: value for name, value in row.items() if name != CARRIED_KEY}, kept_text(row[CARRIED_KEY])


def kept_text(value: Any) -> Any:
    """The JSON text of a `unifer` column. Raises ValueError where it is none."""
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(
            f"{CARRIED_KEY!r} must be the JSON text that a conversion wrote, not "
            f"{str(value)[:60]!r}; remove it"
        ) from None


def _format(name: str, about: str, spelling: _Spelling) -> Format:
    write, read = partial(_write, spelling=spelling), partial(_read, spelling=spelling)
    return Format(name, about, (".json", ".jsonl"), write, read, _attach, _detach)


SHAREGPT = _format("sharegpt", "ShareGPT as LLaMA-Factory reads it: conversations, images", _SHAREGPT)
SWIFT = _format("swift", "ms-swift: messages, images; rows without a reply are for its GRPO", _SWIFT)
