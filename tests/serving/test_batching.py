"""Many clients, one engine: what is answered together, and what happens when it is too much."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.recognition.doubles import recognizer
from tests.serving.doubles import HAPPY, client, photo
from unifer.models.engines import Reply, Request
from unifer.recognition.recognizer import Recognizer
from unifer.serving import worker
from unifer.serving.limits import ServerLimits


class GatedEngine:
    """Takes what is there, as transformers' engine does, and answers it when the gate opens."""

    shows_images = False

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls: list[int] = []

    def stream(self, requests: Any) -> Iterator[Reply]:
        source: Iterator[Request] = iter(requests)
        while batch := [first for first in [next(source, None)] if first is not None]:
            if self.calls:
                batch += list(source)
            self.calls.append(len(batch))
            assert self.gate.wait(10)
            yield from (Reply(request.key, HAPPY, "stop", 1, 1) for request in batch)

    def close(self) -> None:
        pass


class FeederEngine(GatedEngine):
    """Takes requests in a thread of its own while it answers, as vLLM's engine does."""

    def stream(self, requests: Any) -> Iterator[Reply]:
        taken: list[Request] = []
        thread = threading.Thread(target=lambda: taken.extend(iter(requests)))

        def slowly() -> None:
            for request in requests:
                taken.append(request)

        thread = threading.Thread(target=slowly)
        thread.start()
        self.calls.append(0)
        while thread.is_alive() or taken:
            if not taken:
                time.sleep(0.005)
                continue
            request = taken.pop(0)
            self.calls[-1] += 1
            if self.calls[-1] == 1:
                assert self.gate.wait(10)
            yield Reply(request.key, HAPPY, "stop", 1, 1)
        thread.join()


def gated(engine: GatedEngine) -> Recognizer:
    made = recognizer()
    made._make_engine = lambda: engine  # type: ignore[assignment,return-value]
    return made


def ask_at_once(ask: TestClient, count: int, engine: GatedEngine) -> list[Any]:
    """`count` clients, all of whom wait when the gate opens."""
    with ThreadPoolExecutor(count) as pool:
        asked = []
        for number in range(count):
            data = photo(32 + number)
            asked.append(pool.submit(ask.post, "/v1/read", files={"file": (f"{number}.png", data)}))
            time.sleep(0.1)  # the first is taken alone, whatever the machine
        engine.gate.set()
        return [each.result() for each in asked]


def test_photos_of_several_clients_are_one_call_of_the_engine() -> None:
    engine = GatedEngine()
    with client(gated(engine)) as ask:
        answers = ask_at_once(ask, 5, engine)
    assert [answer.json()["photo"] for answer in answers] == [f"{number}.png" for number in range(5)]
    assert [answer.json()["width"] for answer in answers] == [32, 33, 34, 35, 36]
    assert engine.calls == [1, 4]


def test_a_newcomer_joins_an_engine_that_takes_requests_while_it_computes() -> None:
    engine = FeederEngine()
    with client(gated(engine)) as ask:
        answers = ask_at_once(ask, 3, engine)
        assert {answer.status_code for answer in answers} == {200}
        assert engine.calls == [3]
        assert ask.post("/v1/read", files={"file": photo()}).status_code == 200


def test_a_stream_that_ends_after_so_many_photos_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The photo after the last of a stream was taken from the queue and forgotten."""
    monkeypatch.setattr(worker, "PER_STREAM", 2)
    engine = FeederEngine()
    with client(gated(engine)) as ask:
        answers = ask_at_once(ask, 5, engine)
    assert {answer.status_code for answer in answers} == {200}
    assert engine.calls == [2, 2, 1]


def test_a_full_queue_says_when_to_come_again() -> None:
    engine = GatedEngine()
    with client(gated(engine), limits=ServerLimits(queue=2)) as ask:
        answers = ask_at_once(ask, 4, engine)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert "try again" in refused.json()["error"]
        assert ask.post("/v1/read", files={"file": photo()}).status_code == 200


def test_a_request_that_takes_too_long_is_told_so_and_costs_nothing_more() -> None:
    engine = GatedEngine()
    with client(gated(engine), limits=ServerLimits(seconds=0.3)) as ask:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(ask.post, "/v1/read", files={"file": photo(40 + n)}) for n in range(2)]
            answers = [each.result() for each in asked]
        assert [answer.status_code for answer in answers] == [504, 504]
        assert "no answer within 0.3 s" in answers[0].json()["error"]
        engine.gate.set()
        time.sleep(0.1)
        assert ask.post("/v1/read", files={"file": photo()}).status_code == 200
    # The second had not begun when its client was told: nobody asked the model about it.
    assert sum(engine.calls) == 2


def test_a_server_that_ends_tells_those_who_wait() -> None:
    engine = GatedEngine()
    with client(gated(engine)) as ask, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask.post, "/v1/read", files={"file": photo()})
        time.sleep(0.3)
        second = pool.submit(ask.post, "/v1/read", files={"file": photo(33)})
        time.sleep(0.3)
        asking = next(iter(ask.app.state.service._workers.values()))  # type: ignore[attr-defined]
        closing = pool.submit(asking.close)
        engine.gate.set()
        assert first.result().status_code == 200
        assert second.result().status_code in (200, 503)
        closing.result()
