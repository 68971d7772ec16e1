"""`unifer serve` as it is typed: what is refused at once, and a server that starts, answers and stops."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.serving.doubles import HAPPY, photo
from unifer import cli
from unifer.places import QUICKSTART_MODEL
from unifer.prepare import corpus
from unifer.recognition.recognizer import DRAWN_FACES_ONLY


def scripted(folder: Path) -> list[str]:
    replies = folder / "replies.json"
    replies.write_text(json.dumps({"*": HAPPY}))
    return ["--engine", "scripted", "--replies", str(replies), "--detector", "whole"]


@contextmanager
def serving(arguments: Sequence[str], **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of `unifer serve`, told to end afterwards."""
    command = [sys.executable, "-m", "unifer", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stderr is not None
    guard = threading.Timer(300, process.kill)
    guard.start()
    try:
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("serving on "):
                yield line.split()[2].rstrip("/"), process
                break
        else:
            pytest.fail("".join(told))
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_a_server_starts_answers_and_stops_when_asked(tmp_path: Path) -> None:
    arguments = [*scripted(tmp_path), "--model", "One", "--model", "Two", "--api-key-env", "THE_KEY"]
    with serving(arguments, THE_KEY="sesame") as (url, process), httpx.Client(trust_env=False) as client:
        assert client.get(f"{url}/health").json()["models"] == ["One", "Two"]
        files = {"file": ("me.png", photo())}
        assert client.post(f"{url}/v1/read", files=files).status_code == 401
        answer = client.post(f"{url}/v1/read", files=files, headers={"X-API-Key": "sesame"}).json()
        assert answer["readings"][0]["label"] == "happiness"
        assert client.get(url, headers={"Host": "evil.example"}).status_code == 421
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_request_that_outlasts_the_end_hears_so_and_nothing_is_dumped(
    tmp_path: Path,
) -> None:
    """uvicorn cancelled it, answered 500 and printed the traceback of its CancelledError."""
    arguments = [*scripted(tmp_path), "--reply-seconds", "60"]
    with serving(arguments) as (url, process), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            httpx.post, f"{url}/v1/read", files={"file": photo()}, timeout=60, trust_env=False
        )
        while "unifer_queue_length 1.0" not in httpx.get(f"{url}/metrics", trust_env=False).text:
            pass
        process.send_signal(signal.SIGTERM)
        answer = asked.result()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert answer.status_code == 503
    assert answer.json() == {"error": "the server is ending"}


def test_a_port_in_use_is_told_before_a_model_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port), *scripted(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told == (
        f"unifer: port {port} of 127.0.0.1 is in use; stop what listens there, or give another by --port\n"
    )


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--host", "256.0.0.1"], "give an address of this machine"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 --port 8765"),
        (["--api-key-env", "UNSET_KEY"], "that variable is not set"),
        (["--boxes", "boxes.json"], "a request to the server names its own boxes"),
        (["--detector", "boxes"], "a request to the server names its own boxes"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    flags: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serve", *scripted(tmp_path), *flags]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_a_model_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--detector", "whole", "--model", str(tmp_path)]) == 2
    assert "holds no config.json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_small_model_reads_a_drawn_face_and_says_what_it_does_not_know(trained: Path) -> None:
    picture = io.BytesIO()
    corpus.emotional_face("serve-test", 1, "happiness").draw(224).save(picture, "PNG")
    arguments = ["--model", str(trained), "--engine", "transformers", "--detector", "whole"]
    with serving([*arguments, "--max-new-tokens", "96"]) as (url, _):
        answer = httpx.post(
            f"{url}/v1/read", files={"file": picture.getvalue()}, timeout=120, trust_env=False
        ).json()
        page = httpx.get(url, trust_env=False).text
    assert answer["readings"][0]["reply"]
    assert answer["warnings"][0] == DRAWN_FACES_ONLY
    assert DRAWN_FACES_ONLY in page
    assert str(QUICKSTART_MODEL) not in page


def test_a_client_that_comes_with_the_address_waits_and_is_answered(tmp_path: Path) -> None:
    """The address was told before anything listened: on a busy machine the first request was refused."""
    with serving(scripted(tmp_path)) as (url, process):
        process.send_signal(signal.SIGSTOP)
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            process.send_signal(signal.SIGCONT)
        assert httpx.get(f"{url}/health", timeout=30, trust_env=False).status_code == 200
