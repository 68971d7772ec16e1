"""A judge who answers as a test wants, and runs to be judged."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.evaluate.reasoning.asked import DRAWS, REFERENCE, graded
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning.judge import ATTEMPTS, JudgeSummary, Task, judge
from unifer.evaluate.reasoning.marks import JudgeScores, read_judged, score_judged
from unifer.models.api.asking import Asker, Journal
from unifer.models.api.budget import Budget
from unifer.models.api.client import ApiSpec
from unifer.models.api.requests import Answer, Ask, NoReply, ReadyModel

SPEC = ApiSpec("judge-7b", "http://127.0.0.1:1/v1", max_connections=2)


React = Callable[[str], str | NoReply]


class Judge:
    """Replies by the key of the question; remembers what it was asked."""

    def __init__(self, react: React) -> None:
        self.react = react
        self.asked: list[str] = []
        self.pictures: list[object] = []

    async def ask(self, ask: Ask) -> Answer:
        key = ask.key.rpartition("#")[0]
        self.asked.append(key)
        self.pictures.append(ask.picture)
        assert ask.temperature == 0
        await asyncio.sleep(0)
        found = self.react(key)
        if isinstance(found, NoReply):
            raise found
        return Answer(found, "stop", 10, 5)

    async def close(self) -> None: ...


def asker(model: ReadyModel, journal: Journal) -> Asker:
    async def sleep(seconds: float) -> None: ...

    return Asker(
        model,
        Budget(None, None),
        journal,
        max_tokens=64,
        retries=ATTEMPTS - 1,
        called="judge",
        sleep=sleep,
        clock=lambda: 0.0,
    )


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Callable[[int], None]]:
    yield lambda amount: None


def rows(count: int = 6) -> tuple[Graded, ...]:
    said = "<think>A smile, face {}.</think><answer>happiness</answer>"
    return tuple(
        graded("happiness", said.format(index), index=index, description=REFERENCE) for index in range(count)
    )


def task(folder: Path, replies: tuple[Graded, ...] | None = None) -> Task:
    return Task(folder / "m.jsonl", rows() if replies is None else replies, SPEC)


def run(work: Task, react: React, **options: bool) -> tuple[Judge, JudgeSummary]:
    model = Judge(react)
    return model, judge(work, silent, open_judge=lambda: model, make_asker=asker, **options)


def scores(work: Task) -> JudgeScores:
    judged = read_judged(work.predictions)
    assert judged is not None
    return score_judged(judged, [row.prediction.question for row in work.graded], work.graded, DRAWS)


def good(key: str) -> str:
    return json.dumps({"score": int(key[0]) + 3, "why": "agrees"})
