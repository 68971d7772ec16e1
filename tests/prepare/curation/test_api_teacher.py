"""A teacher behind an API: every fault is told from the others, and no message holds the key."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.api_server import ApiServer, Reaction, completion, picture_of, prompt_of, refusal, serving
from unifer.dialogue.images import ImageError
from unifer.errors import InputError
from unifer.models.api.requests import Answer, Ask, Fault, NoReply
from unifer.prepare.curation.teachers import (
    KEY_VARIABLE,
    ApiTeacher,
    TeacherSpec,
    find_teacher,
)

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (900, 300), "gray").save(tmp_path / "face.png")
    return tmp_path / "face.png"


def ask(server: ApiServer | str, picture: Path, **settings: Any) -> Answer:
    url = server if isinstance(server, str) else server.url

    async def run() -> Answer:
        teacher = ApiTeacher(TeacherSpec("small-vlm", url=url, **settings))
        try:
            return await teacher.ask(Ask("a#1", "Which face?", teacher.picture(picture, "face.png"), 0.5))
        finally:
            await teacher.close()

    return asyncio.run(run())


def fault(reaction: Reaction, picture: Path, **settings: Any) -> tuple[NoReply, ApiServer]:
    with serving(lambda number, body: reaction) as server, pytest.raises(NoReply) as caught:
        ask(server, picture, **settings)
    assert KEY not in str(caught.value)
    return caught.value, server


def test_a_reply_comes_with_its_tokens_and_the_request_holds_picture_prompt_and_key(picture: Path) -> None:
    with serving(lambda number, body: completion("Hello", finish="length")) as server:
        found = ask(server, picture, max_tokens=77)
    assert found == Answer("Hello", "max_tokens", 100, 20)
    (body,) = server.requests
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("small-vlm", 0.5, 77)
    assert prompt_of(body) == "Which face?"
    assert picture_of(body).startswith("data:image/jpeg;base64,")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


FAULTS: dict[str, tuple[Reaction, Fault, bool, bool]] = {
    "a bad key": (
        refusal(401, f"Incorrect API key provided: {KEY[:11]}****6789 ({KEY})"),
        "key",
        False,
        True,
    ),
    "a key without rights": (refusal(403, f"key {KEY} may not"), "key", False, True),
    "a wrong model name": (refusal(404, "The model `small-vlm` does not exist"), "no_model", False, True),
    "a bad key, as Google says it": (refusal(400, f"API key not valid: {KEY}"), "key", False, True),
    "a wrong model name, said with 400": (
        refusal(400, "The model `x` does not exist"),
        "no_model",
        False,
        True,
    ),
    "a spent quota": (
        refusal(429, "You exceeded your quota", code="insufficient_quota"),
        "quota",
        False,
        True,
    ),
    "too many requests": (refusal(429, "slow down"), "rate_limit", True, False),
    "a server error": (refusal(500, f"boom at {KEY}"), "server", True, False),
    "an overloaded server": (refusal(503, "overloaded"), "server", True, False),
    "a refused request": (refusal(400, "the image is too large"), "bad_request", False, False),
    "an empty body": (Reaction(), "invalid", True, False),
    "no JSON": (Reaction(body="<html>Bad gateway</html>"), "invalid", True, False),
    "a web page": (Reaction(body="<html>Login</html>", content_type="text/html"), "invalid", True, False),
    "JSON of another shape": (Reaction(body='{"hello": "world"}'), "invalid", True, False),
    "half a reply": (Reaction(body=completion("Hello").body[:40], promised=500), "cut", True, False),
    "no choices": (
        Reaction(body='{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'),
        "invalid",
        True,
        False,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_from_the_others_after_one_request(name: str, picture: Path) -> None:
    reaction, expected, worth_retrying, ends = FAULTS[name]
    error, server = fault(reaction, picture)
    assert (error.fault, error.worth_retrying, error.ends_the_run) == (expected, worth_retrying, ends)
    assert len(server.requests) == 1
    assert server.url in str(error)


def test_an_empty_reply_is_an_answer_for_the_filter(picture: Path) -> None:
    with serving(lambda number, body: completion("")) as server:
        assert ask(server, picture).text == ""


WHOLE = "<think>AU12 is strong.</think>\n<answer>happy</answer>"


@pytest.mark.parametrize(
    ("text", "field", "whole"),
    [
        (WHOLE, None, WHOLE),
        ("<answer>happy</answer>", "AU12 is strong.", WHOLE),
        (WHOLE, "The user wants a face read.", WHOLE),
        ("<think>AU12 is strong.</think>", None, "<think>AU12 is strong.</think>"),
        (
            "<think>a</think><think>b</think><answer>c</answer>",
            None,
            "<think>a</think>\n<think>b</think><answer>c</answer>",
        ),
        ("<answer>happy</answer>", None, "<answer>happy</answer>"),
    ],
)
def test_the_think_block_is_part_of_the_reply_wherever_a_server_or_inspect_puts_it(
    text: str, field: str | None, whole: str, picture: Path
) -> None:
    made = json.loads(completion(text).body)
    if field is not None:
        made["choices"][0]["message"]["reasoning_content"] = field
    with serving(lambda number, body: Reaction(body=json.dumps(made))) as server:
        assert ask(server, picture).text == whole


def test_the_wait_that_a_server_asks_for_is_passed_on(picture: Path) -> None:
    error, _ = fault(refusal(429, "slow down", {"Retry-After": "7"}), picture)
    assert error.retry_after == pytest.approx(7, abs=0.5)
    assert fault(refusal(429, "slow down"), picture)[0].retry_after is None


def test_a_reply_that_does_not_come_is_a_timeout(picture: Path) -> None:
    error, _ = fault(Reaction(hangs=True), picture, timeout=1)
    assert error.fault == "timeout"
    assert error.may_be_billed


def test_a_refused_connection_names_the_address(picture: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(NoReply, match=url) as caught:
        ask(url, picture)
    assert caught.value.fault == "refused"
    assert not caught.value.may_be_billed


def test_a_reply_that_repeats_the_key_is_kept_without_it(picture: Path) -> None:
    with serving(lambda number, body: completion(f"I was called with {KEY}.")) as server:
        assert KEY not in ask(server, picture).text


def test_pictures_are_shrunk_for_an_api_and_a_missing_one_is_named(picture: Path) -> None:
    async def run() -> None:
        teacher = ApiTeacher(TeacherSpec("small-vlm", url="http://127.0.0.1:9/v1", image_size=300))
        assert len(teacher.picture(picture, "face.png")) < 10_000
        with pytest.raises(ImageError, match=r"missing"):
            teacher.picture(picture.with_name("none.png"), "none.png")
        await teacher.close()

    asyncio.run(run())


# --- finding the teacher ---


def test_a_url_with_a_key_in_it_is_refused_without_repeating_it() -> None:
    for url in (f"http://user:{KEY}@host:8000/v1", f"http://host:8000/v1?key={KEY}"):
        with pytest.raises(InputError, match=KEY_VARIABLE) as caught:
            find_teacher(url, "m")
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("teacher", "served", "says"),
    [
        ("http://host:8000/v1", None, "--model NAME"),
        ("openai/gpt-4o-mini", "m", "names its model already"),
        ("no-such-folder", None, "no folder, no URL and no provider/model"),
    ],
)
def test_what_is_no_teacher_is_refused_with_what_is(teacher: str, served: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_teacher(teacher, served)


def test_an_unknown_provider_and_a_missing_key_are_said_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InputError, match=r"nobody.*not recognized"):
        ApiTeacher(find_teacher("nobody/model", None))
    with pytest.raises(InputError, match=r"OPENAI_API_KEY"):
        ApiTeacher(find_teacher("openai/gpt-4o-mini", None))


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0}, {"timeout": 0}, {"max_connections": 0}, {"top_p": 0.0}, {"image_size": 5000}]
)
def test_settings_out_of_range_name_the_value(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        find_teacher("openai/gpt-4o-mini", None, **wrong)
