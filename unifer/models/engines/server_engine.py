"""vLLM servers that run elsewhere, as one engine over HTTP.

Prompts, pictures and sampling are those of the offline engine. A reply is made of the token ids that came
back, by our own tokenizer; the prompt's ids are compared with those that our processor makes, so that a
server with another chat template or image processor is found out by its first reply. Knows no files and no
questions.
"""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.models.api.asking import Asker
from unifer.models.api.budget import Budget, FailedTry
from unifer.models.api.replicas import Replicas
from unifer.models.api.requests import Answer, Ask, NoReply
from unifer.models.engines.base import GenerationSettings, Reply, Request
from unifer.models.loading import decode_reply, load_processor, render_prompt
from unifer.models.running_servers import find_served
from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image

AT_ONCE = 128
"""Requests that one server holds at the same time, unless told otherwise."""
_AHEAD = 1.5
"""Requests prepared or under way for each that the servers hold: none of them waits for a picture."""
_RETRIES = 4
_SHORTEST_PROMPT = 16
"""Tokens that any question with its picture takes at least.

A longer one that does not fit a server's context is refused there.
"""
_CLOSE_SECONDS = 30.0
_REMEMBERED = 4096
"""Prompts whose tokens are remembered.

A question file holds few texts, but images of their own sizes may be many.
"""


class ServerEngine:
    """A checkpoint behind the servers at `urls`, each of which holds `at_once` requests at the same time.

    Raises InputError: no server answers, or one serves something else.
    """

    shows_images = True

    def __init__(
        self, path: Path, settings: GenerationSettings, urls: Sequence[str], *, at_once: int = AT_ONCE
    ) -> None:
        served = find_served(urls, path, _SHORTEST_PROMPT + settings.max_new_tokens)
        self._settings = settings
        self._processor: Any = load_processor(path)
        self._processing = threading.Lock()
        self._prompt_ids: dict[tuple[str, str, tuple[int, int]], list[int]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ask-servers", daemon=True)
        self._thread.start()
        self._replicas = Replicas(served, self._body, self._answer, at_once=at_once)
        self._asker = Asker(
            self._replicas,
            Budget(None, None),
            _NoJournal(),
            max_tokens=settings.max_new_tokens,
            retries=_RETRIES,
            called="server",
            again="--retry-failed asks them again",
        )

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        source = iter(requests)
        done: SimpleQueue[Future[Reply]] = SimpleQueue()
        under_way: set[Future[Reply]] = set()
        stopped: InputError | None = None
        more = True
        try:
            while more or under_way:
                while more and len(under_way) < max(1, int(_AHEAD * self._replicas.room)):
                    request = next(source, None)
                    if request is None:
                        more = False
                        break
                    under_way.add(future := self._start(self._one(request)))
                    future.add_done_callback(done.put)
                if not under_way:
                    break
                under_way.discard(future := done.get())
                error = future.exception()
                if isinstance(error, InputError):  # what is answered already is kept
                    stopped, more = stopped or error, False
                else:
                    yield future.result()
        finally:
            for future in under_way:
                future.cancel()
        if stopped is not None:
            raise stopped

    def exchange(self, checkpoint: Path) -> bool:
        return False  # the servers are not ours

    def close(self) -> None:
        if self._thread.is_alive():
            self._start(self._end()).result(_CLOSE_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_SECONDS)
            self._loop.close()

    def _start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._replicas.close()

    async def _one(self, request: Request) -> Reply:
        try:
            sent = await self._asker.ask(
                request.key, 1, request.prompt, request.image, request.temperature, request.start
            )
        except InputError:
            raise
        except Exception as error:  # the boundary: one bad request must not lose the others
            return Reply.failed(request.key, error)
        if isinstance(sent, NoReply):
            return Reply.failed(request.key, sent)
        answer = sent.answer
        return Reply(request.key, answer.text, answer.finish_reason, answer.tokens_in, answer.tokens_out)

    def _body(self, ask: Ask) -> Json:
        """What is sent, nothing left to a server's own defaults."""
        settings = self._settings.at(ask.temperature)
        key = ask.key.rpartition("#")[0]  # as our caller knows it, without the number of the attempt
        messages = [_with_picture(message, ask.picture) for message in prompts.chat_messages(ask.prompt)]
        begun: Json = {"messages": messages}
        if ask.start:
            messages.append({"role": "assistant", "content": ask.start})
            begun |= {"add_generation_prompt": False, "continue_final_message": True}
        return {
            **begun,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": settings.repetition_penalty,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": None if settings.greedy else settings.seed_of(key),
            "return_token_ids": True,
        }

    def _answer(self, ask: Ask, response: Any, url: str) -> Answer:
        try:
            (choice,) = response["choices"]
            prompt_ids, ids = response["prompt_token_ids"], choice["token_ids"]
            reason = choice["finish_reason"]
        except (KeyError, TypeError, ValueError):
            prompt_ids = ids = reason = None
        if not isinstance(prompt_ids, list) or not isinstance(ids, list):
            raise InputError(
                f"{url}: does not tell the tokens of its replies, so they cannot be compared; a "
                "server of vLLM 0.31 is needed"
            )
        if prompt_ids != (ours := self._own_prompt_ids(ask)):
            difference = (
                f"{len(prompt_ids)} tokens there, {len(ours)} here"
                if len(prompt_ids) != len(ours)
                else "as many, but others"
            )
            raise InputError(
                f"{url}: shows the model another prompt than the offline engine would ({difference}): its "
                "chat template or image processor differs; serve the checkpoint with its own files, "
                "without --chat-template and --mm-processor-kwargs"
            )
        text = ask.start + decode_reply(self._processor.tokenizer, ids)
        return Answer(text, reason, len(prompt_ids), len(ids))

    def _own_prompt_ids(self, ask: Ask) -> list[int]:
        """The tokens of a prompt as our processor makes them.

        They depend on the text and on the picture's size alone.
        """
        known = (ask.prompt, ask.start, ask.picture.size)
        with self._processing:
            if known not in self._prompt_ids:
                text = render_prompt(self._processor, ask.prompt, ask.start)
                if len(self._prompt_ids) == _REMEMBERED:
                    self._prompt_ids.clear()
                encoded = self._processor(text=[text], images=[[ask.picture]], return_tensors="pt")
                self._prompt_ids[known] = encoded["input_ids"][0].tolist()
            return self._prompt_ids[known]


class _NoJournal:
    """Requests to servers of one's own cost nothing, so nobody keeps books of them."""

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None: ...

    def failed(self, key: str, attempt: int, number: int, why: FailedTry) -> None: ...


def _with_picture(message: Json, picture: Image) -> Json:
    """A chat message whose image part carries the picture.

    It is sent as PNG, so that the server sees the very pixels.
    """
    png = io.BytesIO()
    picture.save(png, format="PNG", compress_level=1)
    uri = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
    picture_part = {"type": "image_url", "image_url": {"url": uri}}
    return {
        **message,
        "content": [picture_part if part["type"] == "image" else part for part in message["content"]],
    }
