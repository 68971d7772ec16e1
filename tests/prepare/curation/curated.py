"""Rows, pictures and a scripted teacher for the tests of whole runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from unifer.dialogue import prompts
from unifer.models.api.requests import Answer, Ask, NoReply
from unifer.prepare.curation.curate import curate
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.outcome import CurationSummary
from unifer.prepare.curation.plan import CurationLimits, CurationPlan, read_plan_rows
from unifer.prepare.curation.teachers import TeacherSpec
from unifer.progress import Advance
from unifer.records import Json

LABELS = ("neutral", "happiness", "fear")
SETTINGS = FilterSettings(min_words=5, repeats=None)
Script = Callable[[str, int, str], Answer | NoReply]


def make_rows(folder: Path, count: int = 10) -> Path:
    """`count` reward rows whose label and AUs take turns, over small pictures."""
    (folder / "faces").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        Image.new("L", (32, 32), number).save(folder / f"faces/{number}.png")
        happy = number % 2
        row: Json = {
            "image_path": f"faces/{number}.png",
            "problem": prompts.expression_question(LABELS),
            "id": f"r{number}",
        }
        row |= {
            "solution": "happiness" if happy else "fear",
            "AUs": ["AU6", "AU12"] if happy else ["AU1", "AU4", "AU20"],
        }
        rows.append(
            row
            | {
                "candidate_labels": list(LABELS),
                "dataset": "toy",
                "provenance": {"builder": "toy", "prompt": "fer-1"},
            }
        )
    (folder / "rows.json").write_text(json.dumps(rows))
    return folder / "rows.json"


def good_reply(key: str) -> Answer:
    """What the filter keeps for row `key`, in words of its own."""
    if int(key[1:]) % 2:
        text = f"Face {key} has raised cheeks (AU6), its lip corners are drawn up by AU12. This is happiness."
        return Answer(prompts.reply(text, "happiness"), "stop", 200, 30)
    text = (
        f"Face {key} has brows raised (AU1) and drawn together (AU4), lips stretched by AU20. This is fear."
    )
    return Answer(prompts.reply(text, "fear"), "stop", 200, 30)


BAD = Answer(
    prompts.reply("Since the label is neutral, nothing moves in this very face.", "neutral"), "stop", 200, 30
)


class ScriptedTeacher:
    """Answers with `script(row id, attempt, prompt)`; counts what it was asked."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[tuple[str, int]] = []
        self.prompts: dict[tuple[str, int], str] = {}
        self.temperatures: dict[tuple[str, int], float | None] = {}

    def picture(self, path: Path, name: str) -> object:
        from unifer.dialogue import images

        return images.decode(path, name)

    async def ask(self, ask: Ask) -> Answer:
        key, _, attempt = ask.key.partition("#")
        asked = key, int(attempt)
        self.asked.append(asked)
        self.prompts[asked], self.temperatures[asked] = ask.prompt, ask.temperature
        await asyncio.sleep(0)
        found = self._script(*asked, ask.prompt)
        if isinstance(found, NoReply):
            raise found
        return found

    async def close(self) -> None: ...


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def make_plan(rows: Path, limit: int | None = None, connections: int = 4, **settings: Any) -> CurationPlan:
    settings = {"filter": SETTINGS} | settings
    asked = read_plan_rows(rows, limit, settings.get("template"))
    return CurationPlan(
        rows,
        asked,
        rows.with_name("cot.json"),
        TeacherSpec("scripted", max_connections=connections),
        **settings,
    )


def run(
    plan: CurationPlan, script: Script, limits: CurationLimits | None = None
) -> tuple[CurationSummary, ScriptedTeacher]:
    teacher = ScriptedTeacher(script)
    return curate(plan, limits or CurationLimits(retries=0), silent, lambda: teacher), teacher


def lines_of(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def good(key: str, attempt: int, prompt: str) -> Answer:
    return good_reply(key)


def second_time(key: str, attempt: int, prompt: str) -> Answer:
    return good_reply(key) if attempt > 1 else BAD
