"""`unifer infer --engine server`: replicas share the questions, one that dies loses none, and what they
answer is what was meant.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api_server import ApiServer, Body, Reaction, refusal
from tests.evaluate.asked import COUNT, assert_each_answered_once, rows_of
from tests.shared import BASE
from tests.vllm_double import answered, models, shown, vllm
from unifer import files
from unifer.cli import main
from unifer.dialogue import images
from unifer.models.api import asking, replicas
from unifer.models.engines import GenerationSettings


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "_BETWEEN", 0.01)
    monkeypatch.setattr(asking, "_FIRST_WAIT", 0.01)


def ask(dataset: Path, *servers: ApiServer | str, flags: tuple[str, ...] = ()) -> int:
    urls = [
        word for server in servers for word in ("--url", server if isinstance(server, str) else server.url)
    ]
    base = [
        "infer",
        "--dataset-dir",
        str(dataset),
        "--engine",
        "server",
        "--model",
        str(BASE),
        "--max-new-tokens",
        "64",
    ]
    return main([*base, "--out", str(dataset / "results/model.jsonl"), *urls, *flags])


def slowly(number: int, body: Body) -> None:
    time.sleep(0.01)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("unifer") and record.levelno >= logging.WARNING
    ]


def test_two_servers_share_the_questions_and_every_reply_finds_its_row(dataset: Path) -> None:
    with vllm(slowly) as one, vllm(slowly) as two:
        assert ask(dataset, one, two, flags=("--batch-size", "3")) == 0
        assert len(one.requests) + len(two.requests) == COUNT
        assert min(len(one.requests), len(two.requests)) > COUNT // 4
        assert max(one.most_at_once, two.most_at_once) <= 3
        body = one.requests[0]
    assert_each_answered_once(rows_of(dataset))
    manifest = files.read_json(dataset / "results/model.manifest.json")
    assert manifest["identity"]["engine"] == "server"
    assert "127.0.0.1" not in json.dumps(manifest), (
        "no host is recorded, so that the run goes on at another address"
    )
    picture = images.load(dataset / f"data/faces/{shown(body).getpixel((0, 0))[0]}.png", images.ImageRule())  # type: ignore[index]
    assert shown(body).tobytes() == picture.tobytes(), "the very pixels that the offline engine shows"
    expected = {
        "model": BASE.name,
        "max_tokens": 64,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "seed": None,
        "return_token_ids": True,
    }
    assert expected.items() <= body.items()
    row = rows_of(dataset)[0]
    assert (row["finish_reason"], row["prompt_tokens"] > 16, row["completion_tokens"] > 10) == (
        "stop",
        True,
        True,
    )


def test_sampled_replies_take_the_seed_that_the_offline_engine_gives_each_question(dataset: Path) -> None:
    with vllm() as server:
        assert ask(dataset, server, flags=("--temperature", "0.7", "--seed", "5", "--limit", "4")) == 0
        sent = {shown(body).getpixel((0, 0))[0]: body for body in server.requests}  # type: ignore[index]
    settings = GenerationSettings(seed=5)
    assert {number: body["seed"] for number, body in sent.items()} == {
        number: settings.seed_of(f"faces/{number}.png") for number in range(4)
    }
    assert {body["temperature"] for body in sent.values()} == {0.7}


def test_a_killed_replica_is_taken_out_and_the_other_answers_for_it(
    dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def dies(number: int, body: Body) -> None:
        slowly(number, body)
        if number == 7:
            one.kill()

    with vllm(dies) as one, vllm(slowly) as two:
        assert ask(dataset, one, two, flags=("--batch-size", "4")) == 0
        assert len(two.requests) >= COUNT - 7
    assert_each_answered_once(rows_of(dataset))
    (told,) = warnings(caplog)
    assert told.startswith(f"{one.url}: taken out (")
    assert told.endswith("1 server goes on with what it was asked")


def test_a_silent_replica_is_taken_out(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine that lost its power closes no connection."""
    monkeypatch.setattr(replicas, "_WATCH_SECONDS", 0.2)

    def silent(number: int, body: Body) -> Reaction:
        one.pages["/health"] = Reaction(status=503)
        return Reaction(hangs=True)

    with vllm(silent) as one, vllm() as two:
        assert ask(dataset, one, two) == 0
    assert_each_answered_once(rows_of(dataset))
    assert len(warnings(caplog)) == 1


def test_without_any_server_left_answers_are_kept_and_the_same_command_goes_on(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(number: int, body: Body) -> None:
        if number == 10:
            one.kill()

    with vllm(dies) as one:
        assert ask(dataset, one, flags=("--batch-size", "2")) == 2
    said = capsys.readouterr().err
    assert f"no server is left ({one.url}: " in said
    assert "the same command goes on" in said
    kept = len(rows_of(dataset))
    assert 5 <= kept < 10
    with vllm() as again:
        assert ask(dataset, again) == 0
        assert len(again.requests) == COUNT - kept
    assert_each_answered_once(rows_of(dataset))


def test_a_server_that_is_down_is_left_out_from_the_start(
    dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with vllm() as gone:
        pass
    with vllm() as server:
        assert ask(dataset, gone, server) == 0
    (told,) = warnings(caplog)
    assert told.startswith(gone.url)
    assert told.endswith("left out, 1 of 2 servers answer")


def test_a_server_that_stumbles_and_lives_is_asked_again(
    dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stumbles(number: int, body: Body) -> Reaction | None:
        return refusal(500, "try later") if number % 5 == 0 else None

    with vllm(stumbles) as server:
        assert ask(dataset, server) == 0
    assert_each_answered_once(rows_of(dataset))
    assert warnings(caplog) == []


def test_a_refused_question_fails_alone(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuses(number: int, body: Body) -> Reaction | None:
        return refusal(400, "the prompt is too long") if shown(body).getpixel((0, 0))[0] == 7 else None  # type: ignore[index]

    with vllm(refuses) as server:
        assert ask(dataset, server) == 0
    (failed,) = [row for row in rows_of(dataset) if row.get("error")]
    assert failed["image_path"] == "faces/7.png"
    assert failed["error_message"] == f"{server.url}: refused the request (HTTP 400): the prompt is too long"


@pytest.mark.parametrize(
    ("pages", "react", "said"),
    [
        ({"/v1/models": models("/elsewhere/Other-7B")}, None, "it serves /elsewhere/Other-7B, not"),
        (
            {"/v1/models": models(BASE, context=70)},
            None,
            "its context holds 70 tokens, image, question and reply need 80",
        ),
        ({"/v1/models": refusal(401, "no")}, None, "put the server's key into VLLM_API_KEY"),
        ({"/v1/models": Reaction(body="<html>")}, None, "what answers there is no vLLM server"),
        (
            {},
            lambda body: answered(body, prompt_token_ids=[1, 2, 3]),
            "shows the model another prompt than the offline engine would (3 tokens",
        ),
        ({}, lambda body: answered(body, prompt_token_ids=None), "does not tell the tokens of its replies"),
    ],
)
def test_a_server_of_something_else_is_refused_and_nothing_is_recorded(
    pages: dict[str, Reaction],
    react: Callable[[Body], Reaction] | None,
    said: str,
    dataset: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with vllm(lambda number, body: react(body) if react else None) as server:
        server.pages |= pages
        assert ask(dataset, server) == 2
    assert said in capsys.readouterr().err
    assert rows_of(dataset) == []


def test_a_copy_elsewhere_is_known_by_its_name(dataset: Path) -> None:
    with vllm() as server:
        server.pages["/v1/models"] = models("/elsewhere/Other-7B", f"/elsewhere/{BASE.name}")
        assert ask(dataset, server, flags=("--limit", "3")) == 0
        assert {body["model"] for body in server.requests} == {BASE.name}


@pytest.mark.parametrize(
    ("urls", "flags", "said"),
    [
        ((), (), "--engine server needs --url URL"),
        (("http://127.0.0.1:9/v1", "http://127.0.0.1:9"), (), "is given twice"),
        (("127.0.0.1:9",), (), "--url: the URL of a server must be http://host:port/v1 alone"),
        (("http://user:word@host/v1",), (), "a key goes into VLLM_API_KEY"),
        (("ftp://host/v1",), (), "a URL such as http://first-node:8000/v1 is expected"),
        (("http://127.0.0.1:9/v1",), ("--dtype", "float16"), "--dtype is for engines on this machine"),
        (("http://127.0.0.1:9/v1",), ("--shards", "2"), "--shards is for engines on this machine"),
        (("http://127.0.0.1:9/v1",), ("--engine", "vllm"), "is for --engine server, not vllm"),
        (("http://127.0.0.1:9/v1",), (), "no server answers (http://127.0.0.1:9/v1: "),
    ],
)
def test_flags_that_name_no_server_are_one_line(
    urls: tuple[str, ...],
    flags: tuple[str, ...],
    said: str,
    dataset: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(dataset, *urls, flags=flags) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.splitlines()[-1].startswith("unifer: ")
    assert "word" not in error


def test_a_key_is_shown_to_the_server(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret-word")
    with vllm() as server:
        assert ask(dataset, server, flags=("--limit", "2")) == 0
        assert {sent["Authorization"] for sent in server.headers} == {"Bearer secret-word"}


def test_flags_after_then_name_other_servers(dataset: Path) -> None:
    with vllm() as one, vllm() as two:
        command = [
            "infer",
            "--dataset-dir",
            str(dataset),
            "--engine",
            "server",
            "--model",
            str(BASE),
            "--limit",
            "2",
            "--url",
            one.url,
        ]
        again = ["--then", "--questions", str(dataset / "data/more_qa.json"), "--url", two.url]
        (dataset / "data/more_qa.json").write_bytes((dataset / "data/toy_qa.json").read_bytes())
        assert main([*command, *again]) == 0
        assert (len(one.requests), len(two.requests)) == (2, 2)


def test_a_reply_that_was_begun_goes_on_at_a_server(dataset: Path) -> None:
    """Asked as a new turn, the model would begin again, and the row would hold two replies."""
    path, start = dataset / "data/toy_qa.json", "<think>AU12 lip corner puller."
    path.write_text(json.dumps([row | {"reply_start": start} for row in json.loads(path.read_text())]))
    with vllm() as one:
        assert ask(dataset, one) == 0
        body = one.requests[0]

    assert body["messages"][-1] == {"role": "assistant", "content": start}
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert all(row["model_response"].startswith(start + "<think>faces/") for row in rows_of(dataset))
