"""What gets no reading: each with its status and one clear line, and never a 500."""

from __future__ import annotations

import base64
import io
import json
import logging
import random
import socket
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.recognition.doubles import FixedDetector, face, recognizer
from tests.serving.doubles import HAPPY, address, as_json, client, photo
from unifer.errors import InputError
from unifer.models.engines import Request
from unifer.serving.guard import Access
from unifer.serving.limits import LOOPBACK, ServerLimits
from unifer.serving.worker import BatchWorker

JSON = {"content-type": "application/json"}
SMALL = ServerLimits(upload_bytes=100_000, pixels=250_000, seconds=5)


def bomb(side: int = 30_000) -> bytes:
    """A PNG of few bytes that claims `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def noise(side: int) -> bytes:
    stream = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(3 * side * side)).save(stream, "PNG")
    return stream.getvalue()


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("empty", {"files": {"file": ("a.png", b"")}}, 400, "the photo is empty"),
    ("text", {"files": {"file": ("a.png", b"hello")}}, 422, "is not an image of a known format"),
    ("truncated", {"files": {"file": photo(300, "JPEG")[:400]}}, 422, "cannot be decoded"),
    ("bomb", {"files": {"file": bomb()}}, 422, "more than the 250,000 pixels allowed"),
    ("large", {"files": {"file": noise(300)}}, 413, "too large: at most 0.1"),
    ("no file", {"data": {"file": "text"}}, 415, "content type"),
    ("other field", {"files": {"photo": photo()}}, 400, "no file named 'file'"),
    ("two files", {"files": [("file", photo()), ("file", photo())]}, 400, "Too many files"),
    ("unknown option", {"files": {"file": photo()}, "data": {"colour": "1"}}, 400, "unknown key 'colour'"),
    ("bad detector", {"files": {"file": photo()}, "data": {"detector": "x"}}, 400, "'detector' is 'x'"),
    ("boxes detector", {"files": {"file": photo()}, "data": {"detector": "boxes"}}, 400, "allowed are"),
    ("many votes", {"files": {"file": photo()}, "data": {"votes": "17"}}, 400, "1 to 16 are allowed"),
    ("no votes", {"files": {"file": photo()}, "data": {"votes": "0"}}, 400, "1 to 16 are allowed"),
    ("votes in words", {"files": {"file": photo()}, "data": {"votes": "two"}}, 400, "in JSON is expected"),
    ("greedy votes", {"files": {"file": photo()}, "data": {"votes": "2", "temperature": "0"}}, 400, "greedy"),
    ("hot", {"files": {"file": photo()}, "data": {"temperature": "1e999"}}, 400, "temperature"),
    ("faces of none", {"files": {"file": photo()}, "data": {"faces": "[0]"}}, 400, "0 were found"),
    ("no body", {"content": b""}, 415, "content type"),
    ("no boundary", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "boundary"),
    ("no json", {"content": b"{", "headers": JSON}, 400, "not valid JSON"),
    ("deep json", {"content": b"[" * 100_000, "headers": JSON}, 400, "not valid JSON"),
    ("list", {"content": b"[]", "headers": JSON}, 400, "a JSON object"),
    ("no image", {"content": b"{}", "headers": JSON}, 400, "a JSON object"),
    ("url", {"content": b'{"image": "https://a.b/c.png"}', "headers": JSON}, 400, "nothing is fetched"),
    ("file url", {"content": b'{"image": "file:///etc/passwd"}', "headers": JSON}, 400, "nothing is fetched"),
    (
        "data url",
        {"content": b'{"image": "data:image/png;base64,AA"}', "headers": JSON},
        400,
        "is an address",
    ),
    ("path", {"content": b'{"image": "../../etc/passwd"}', "headers": JSON}, 400, "no path is read"),
    ("huge number", {"content": as_json(photo(), temperature=10**400), "headers": JSON}, 400, "too large"),
    ("surrogate", {"content": as_json(photo(), model="\ud800"), "headers": JSON}, 400, "no model"),
]


@pytest.mark.parametrize(
    ("request_", "status", "line"), [each[1:] for each in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_bad_input_gets_its_status_and_one_line(request_: dict[str, Any], status: int, line: str) -> None:
    with client(limits=SMALL) as ask:
        answer = ask.post("/v1/read", **request_)
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text
    assert line in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert len(answer.json()["error"]) <= 400


def test_too_many_faces_are_not_read_at_once() -> None:
    crowd = FixedDetector(*(face(20 * number, 0, 15) for number in range(17)))
    with client(recognizer(detector=crowd)) as ask:
        files = {"file": photo(400)}
        assert "17 faces found; at most 16" in ask.post("/v1/read", files=files).json()["error"]
        assert ask.post("/v1/read", files=files, data={"faces": "[3]"}).status_code == 200


def test_other_paths_and_methods() -> None:
    with client() as ask:
        assert (ask.get("/nowhere").status_code, ask.get("/v1/read").status_code) == (404, 405)
        assert ask.get("/v1/read").json() == {"error": "Method Not Allowed"}


def test_a_key_opens_readings_and_counts_and_nothing_else_needs_it() -> None:
    with client(access=Access(key="sesame")) as ask:
        files = {"file": photo()}
        refused = ask.post("/v1/read", files=files)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for wrong in ({b"x-api-key": b"s"}, {b"authorization": b"Bearer \xff"}):
            assert ask.post("/v1/read", files=files, headers=wrong).status_code == 401
        assert ask.get("/metrics").status_code == 401
        for path in ("/", "/health", "/docs", "/samples/anger.png"):
            assert ask.get(path).status_code == 200
        for right in ({"x-api-key": "sesame"}, {"authorization": "Bearer sesame"}):
            assert ask.post("/v1/read", files=files, headers=right).status_code == 200


def test_other_sites_and_other_names_are_turned_away() -> None:
    with client(access=Access(hosts=frozenset(LOOPBACK))) as ask:
        files = {"file": photo()}
        assert ask.post("/v1/read", files=files, headers={"host": "evil.example"}).status_code == 421
        assert ask.get("/", headers={"host": "evil.example:8765"}).status_code == 421
        for host in ("localhost:8765", "127.0.0.1", "[::1]:8765"):
            assert ask.post("/v1/read", files=files, headers={"host": host}).status_code == 200
        cross = {"host": "localhost", "sec-fetch-site": "cross-site"}
        assert ask.post("/v1/read", files=files, headers=cross).status_code == 403


def test_an_engine_that_raises_costs_its_requests_and_not_the_server() -> None:
    broken = iter([True, False])

    class Engine:
        shows_images = False

        def stream(self, requests: Any) -> Iterator[Any]:
            from unifer.models.engines.scripted import ScriptedEngine

            if next(broken):
                list(requests)
                raise RuntimeError("out of\nmemory")
            yield from ScriptedEngine(lambda request: HAPPY).stream(requests)

        def close(self) -> None:
            pass

    made = recognizer()
    made._make_engine = Engine  # type: ignore[assignment]
    with client(made) as ask:
        failed = ask.post("/v1/read", files={"file": photo()})
        assert (failed.status_code, failed.json()["error"]) == (
            503,
            "the model could not be asked: out of memory",
        )
        assert ask.post("/v1/read", files={"file": photo()}).status_code == 200


def test_a_question_that_fails_is_no_answer() -> None:
    def reply(request: Request) -> str:
        raise ValueError("too long")

    with client(recognizer(reply)) as ask:
        answer = ask.post("/v1/read", files={"file": photo()})
    assert (answer.status_code, answer.json()["error"]) == (503, "the model could not be asked: too long")


def test_a_model_that_cannot_be_loaded_is_told_before_anything_listens() -> None:
    def fail() -> Any:
        raise InputError("no weights")

    made = recognizer()
    made._make_engine = fail
    with pytest.raises(InputError, match="no weights"):
        BatchWorker(made).start()


def test_nothing_of_a_photo_is_put_on_disk_or_in_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_disk(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_disk)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_disk)
    caplog.set_level(logging.DEBUG)
    with client() as ask:
        assert ask.post("/v1/read", files={"file": ("secret.png", noise(900))}).status_code == 200
        ask.post("/v1/read", files={"file": ("secret.png", b"none")})
    assert "secret" not in caplog.text


def _faults(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Requests that are wrong in a random way."""
    whole = photo(80, "JPEG")
    while True:
        broken = bytearray(whole)
        for _ in range(rng.randrange(1, 30)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        value = rng.choice(["[[0,0,1e9,1e9]]", "[[]]", "{}", "-1", "null", '"x"', "1e400", "[" * 5000, "\0"])
        body = base64.b64encode(bytes(broken)).decode()
        yield rng.choice(
            [
                {"files": {"file": bytes(broken)}},
                {"files": {"file": whole[: rng.randrange(len(whole))]}},
                {"files": {"file": rng.randbytes(rng.randrange(2000))}},
                {"files": {"file": whole}, "data": {rng.choice(["votes", "faces", "boxes", "model"]): value}},
                {"content": rng.randbytes(500), "headers": JSON},
                {"content": json.dumps({"image": body[: rng.randrange(len(body))]}), "headers": JSON},
                {"content": json.dumps({"image": rng.choice([1, None, [], {}, True])}), "headers": JSON},
                {
                    "content": as_json(
                        whole, **{rng.choice(["votes", "faces", "x"]): rng.choice([{}, [[]], 1.5])}
                    ),
                    "headers": JSON,
                },
                {
                    "content": rng.randbytes(300),
                    "headers": {"content-type": "multipart/form-data; boundary=b"},
                },
                {
                    "content": b"--b\r\n" + rng.randbytes(200),
                    "headers": {"content-type": "multipart/form-data; boundary=b"},
                },
                {"files": {"file": bomb(rng.randrange(600, 60_000))}},
                {"files": {"file": rng.randbytes(200_000)}},
            ]
        )


def test_500_random_faults_and_no_500() -> None:
    faults = _faults(random.Random(15))
    with client(limits=SMALL) as ask:
        statuses = [
            ask.post(rng_path, **next(faults)).status_code for rng_path in ["/v1/read", "/v1/faces"] * 250
        ]
        assert ask.post("/v1/read", files={"file": photo()}).status_code == 200
    # A byte flipped in a JPEG may still be a picture.
    assert set(statuses) <= {200, 400, 413, 415, 422}
    assert statuses.count(200) < 150


def test_connections_that_are_cut_cost_nothing(tmp_path: Path) -> None:
    limits = ServerLimits(queue=4, receive_seconds=0.5)
    with address(recognizer(), limits=limits) as url:
        host, port = url.removeprefix("http://").split(":")
        lines = (
            "POST /v1/read HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            "Content-Length: 9999",
        )
        head = "\r\n".join((*lines, "", "{"))
        for _ in range(8):
            with socket.create_connection((host, int(port))) as cut:
                cut.sendall(head.encode())
                time.sleep(0.05)
        with socket.create_connection((host, int(port))) as slow:
            slow.settimeout(10)
            slow.sendall(head.encode())
            assert b"408" in slow.recv(100)
        import httpx

        assert httpx.post(f"{url}/v1/read", files={"file": photo()}, trust_env=False).status_code == 200
        counts = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "unifer_queue_length 0.0" in counts
    assert 'status="500"' not in counts
    assert 'unifer_requests_total{path="/v1/read",status="499"} 8.0' in counts
