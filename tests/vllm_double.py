"""A double of vLLM's server for one checkpoint: it tells what it serves, and answers with the tokens that
vLLM would tell.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from tests.api_server import ApiServer, Body, Reaction, picture_of, prompt_of, serving
from tests.shared import BASE
from unifer.models.loading import load_processor, render_prompt

React = Callable[[int, Body], Reaction | None]
"""What becomes of request `number`; None: it is answered."""


@lru_cache(maxsize=1)
def processor() -> Any:
    return load_processor(BASE)


@lru_cache
def prompt_ids(prompt: str, size: tuple[int, int], start: str = "") -> list[int]:
    made = processor()(
        text=[render_prompt(processor(), prompt, start)],
        images=[[Image.new("RGB", size)]],
        return_tensors="pt",
    )
    ids: list[int] = made["input_ids"][0].tolist()
    return ids


def shown(body: Body) -> Image.Image:
    """The picture as a server sees it."""
    return Image.open(io.BytesIO(base64.b64decode(picture_of(body).partition(",")[2])))


def text_of(body: Body) -> str:
    """A reply that names the face: those of `asked.make_dataset` are as gray as their number."""
    return f"<think>faces/{shown(body).getpixel((0, 0))[0]}.png</think>\n<answer>neutral</answer>"  # type: ignore[index]


def answered(body: Body, **changed: Any) -> Reaction:
    tokenizer = processor().tokenizer
    ids = [*tokenizer.encode(text_of(body), add_special_tokens=False), tokenizer.eos_token_id]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "as the server reads it"},
        "finish_reason": "stop",
        "token_ids": ids,
    }
    start = body["messages"][-1]["content"] if body.get("continue_final_message") else ""
    whole = {"choices": [choice], "prompt_token_ids": prompt_ids(prompt_of(body), shown(body).size, start)}
    return Reaction(body=json.dumps(whole | changed))


def models(*roots: str | Path, context: int = 4096) -> Reaction:
    return Reaction(
        body=json.dumps(
            {"data": [{"id": Path(root).name, "root": str(root), "max_model_len": context} for root in roots]}
        )
    )


@contextmanager
def vllm(react: React = lambda number, body: None) -> Iterator[ApiServer]:
    """A server of the committed base for the block."""
    with serving(lambda number, body: react(number, body) or answered(body)) as api:
        api.pages = {"/health": Reaction(), "/v1/models": models(BASE)}
        yield api
