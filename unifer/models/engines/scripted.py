"""An engine without a model: replies from a function or a JSON file.

For dry runs of the whole path and for tests; no torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.models.engines.base import Reply, Request, question_of

ANY = "*"
"""Key of the replies file that stands for every question without a reply of its own.

`{key}` in its text is filled in.
"""


class ScriptedEngine:
    """Answers each request with `reply(request)`; an exception from it becomes a failed reply.

    `seconds` is the time each takes.
    """

    shows_images = False

    def __init__(self, reply: Callable[[Request], str], seconds: float = 0.0) -> None:
        self._reply = reply
        self._seconds = seconds

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            time.sleep(self._seconds)
            try:
                text = self._reply(request)
            except Exception as error:
                yield Reply.failed(request.key, error)
            else:
                yield Reply(request.key, text, "stop", len(request.prompt.split()), len(text.split()))

    def exchange(self, checkpoint: Path) -> bool:
        return False

    def close(self) -> None:
        pass


def replies_from(path: Path) -> Callable[[Request], str]:
    """A reply function from a JSON object `{question key: reply}`, with `"*"` for the rest.

    Raises InputError for another shape.
    """
    table: Any = files.read_json(path)
    if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
        raise InputError(
            f"{path}: a JSON object {{question id or image_path: reply}} is expected, "
            f'with "{ANY}" for the rest'
        )

    def reply(request: Request) -> str:
        question = question_of(request.key)
        if question in table:
            return str(table[question])
        if ANY not in table:
            raise ValueError(f"{path.name} has no reply for {question!r} and none for {ANY!r}")
        return str(table[ANY]).replace("{key}", question)

    return reply
