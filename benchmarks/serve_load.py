"""`unifer serve` under load: clients, faults, memory; its throughput by processor time against one batch.

  predict   one process, a round's photos in one stream to rows of JSON, as in `unifer predict`
  serve     a server in a process of its own, `--clients` at once, each asking again after a 429
  faults    cut connections, bodies of 50 MB, bombs, truncated JPEGs, wrong types; none may get a 500

Both run at once and take turns, round by round; the ratio is the median of the rounds' ratios. Loading is
counted nowhere. Processor time and memory of the server are those that its own /metrics tells.

    python benchmarks/serve_load.py --model runs/quickstart/UniFER-Tiny --requests 2000 --clients 64
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from unifer.places import QUICKSTART_MODEL
from unifer.prepare import corpus

TARGETS = {"serve_over_predict": 0.9, "status_500": 0, "first_reading_seconds": 2.0, "page_seconds": 1.0}
_DRAWN = 64
_LARGE = 50_000_000


def draw_photos(folder: Path) -> list[Path]:
    """Drawn faces as JPEG files, large enough that decoding and fitting are real work."""
    paths = [folder / f"{index}.jpg" for index in range(_DRAWN)]
    for index, (emotion, path) in enumerate(zip(corpus.balanced(_DRAWN), paths, strict=True)):
        corpus.emotional_face("load", index, emotion).draw(448).save(path, quality=90)
    return paths


def predict_part(args: argparse.Namespace) -> None:
    """Reads as many photos as each line of the input says, and tells what they took, as JSON."""
    from unifer import Recognizer

    settings: dict[str, Any] = {"engine": args.engine} if args.engine else {}
    photos = sorted(Path(args.part).iterdir())
    with Recognizer(
        args.model, detector="whole", max_new_tokens=args.max_new_tokens, **settings
    ) as recognizer:
        recognizer.load()
        for line in sys.stdin:
            wanted = [photos[at % len(photos)] for at in range(int(line))]
            started, processor = time.perf_counter(), time.process_time()
            rows = [
                json.dumps([each.to_json() for each in done.readings]) for done in recognizer.stream(wanted)
            ]
            print(json.dumps({"photos": len(rows), "seconds": time.perf_counter() - started,
                              "processor": time.process_time() - processor}), flush=True)  # fmt: skip


@contextmanager
def predicting(folder: Path) -> Iterator[Callable[[int], dict[str, Any]]]:
    """Such a process, warm: a number of photos -> what they took."""
    command = [sys.executable, __file__, *sys.argv[1:], "--part", str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def read(photos: int) -> dict[str, Any]:
        print(photos, file=stdin, flush=True)
        told: dict[str, Any] = json.loads(next(line for line in stdout if line.startswith("{")))
        return told

    try:
        read(64)
        yield read
    finally:
        stdin.close()
        process.wait(60)


@contextmanager
def server(args: argparse.Namespace) -> Iterator[str]:
    command = [sys.executable, "-m", "unifer", "serve", "--port", "0", "--detector", "whole"]
    command += ["--model", args.model, "--max-new-tokens", str(args.max_new_tokens)]
    command += ["--queue", str(args.queue), "--time-limit", "600"]
    process = subprocess.Popen(
        command + (["--engine", args.engine] if args.engine else []), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        address = next(line.split()[2] for line in process.stderr if line.startswith("serving on "))
        yield address.rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def counts(url: str) -> dict[str, float]:
    """Processor seconds, resident MB, and answers with a 500 so far."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text

    def value(name: str) -> float:
        return sum(float(each) for each in re.findall(rf"^{name} (\S+)$", text, re.MULTILINE))

    return {
        "processor": value("process_cpu_seconds_total"),
        "memory_mb": value("process_resident_memory_bytes") / 1e6,
        "status_500": value(r'unifer_requests_total\{[^}]*status="500"\}'),
        "queue": value("unifer_queue_length"),
    }


async def load(url: str, photos: list[bytes], requests: int, clients: int) -> dict[str, Any]:
    """All requests by `clients` at once; each is repeated until it is answered."""
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    todo = iter(range(requests))
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(limits=limits, timeout=900, trust_env=False) as client:

        async def work() -> None:
            for number in todo:
                started = time.perf_counter()
                while True:
                    files = {"file": (f"{number}.jpg", photos[number % len(photos)])}
                    answer = await client.post(f"{url}/v1/read", files=files)
                    statuses[answer.status_code] += 1
                    if answer.status_code != 429:
                        break
                    await asyncio.sleep(int(answer.headers["retry-after"]))
                if answer.status_code == 200:
                    waits.append(time.perf_counter() - started)

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        seconds = time.perf_counter() - began
    waits.sort()
    return {
        "answered": len(waits),
        "statuses": dict(statuses),
        "seconds": seconds,
        "p50": statistics.median(waits),
        "p95": waits[int(0.95 * (len(waits) - 1))],
    }


def fault(url: str, photo: bytes, rng: random.Random, client: httpx.Client) -> int:
    """One bad request; the status it got, 0 for a connection that was cut."""
    kind = rng.choices(("cut", "large", "bomb", "truncated", "type", "json"), (20, 2, 20, 20, 20, 20))[0]
    send = f"{url}/v1/read"
    if kind == "cut":
        place = urlsplit(url)
        head = "POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection((str(place.hostname), place.port or 80)) as connection:
            connection.sendall(f"{head}Content-Length: 99999\r\n\r\n{{".encode() + rng.randbytes(500))
        return 0
    files: dict[str, bytes] = {
        "large": b"\xff" * _LARGE if kind == "large" else b"",
        "bomb": bomb(rng.randrange(7_000, 60_000)),
        "truncated": photo[: rng.randrange(1, len(photo) - 1000)],
        "type": rng.randbytes(rng.randrange(1, 5000)),
    }
    if kind == "json":
        body = rng.choice([b"{", b"[]", b'{"image": 5}', b'{"image": "/etc/passwd"}', rng.randbytes(300)])
        return client.post(send, content=body, headers={"content-type": "application/json"}).status_code
    return client.post(send, files={"file": files[kind]}).status_code


def bomb(side: int) -> bytes:
    """A PNG of few bytes that claims `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def rounds(url: str, read: Callable[[int], dict[str, Any]], args: argparse.Namespace) -> dict[str, Any]:
    """Both in turns: seconds of waiting, processor seconds per photo, their ratio."""
    photos = [path.read_bytes() for path in sorted(Path(args.part).iterdir())]
    asyncio.run(load(url, photos, args.clients, args.clients))
    each = args.requests // args.rounds
    rows = []
    for _ in range(args.rounds):
        alone = read(each)
        before = counts(url)["processor"]
        loaded = asyncio.run(load(url, photos, each, args.clients))
        processor = counts(url)["processor"] - before
        rows.append(
            {"predict_ms": 1000 * alone["processor"] / alone["photos"],
             "serve_ms": 1000 * processor / loaded["answered"],
             "predict_seconds": alone["seconds"], "serve": loaded}
        )  # fmt: skip
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    ratios = [row["predict_ms"] / row["serve_ms"] for row in rows]
    return {"rounds": rows, "ratios": ratios, "serve_over_predict": statistics.median(ratios)}


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    args.part = str(folder)
    photo = draw_photos(folder)[0].read_bytes()
    with (
        predicting(folder) as read,
        server(args) as url,
        httpx.Client(trust_env=False, timeout=900) as client,
    ):
        started = time.perf_counter()
        page = client.get(url)
        opened = time.perf_counter()
        client.post(f"{url}/v1/read", files={"file": photo}).raise_for_status()
        first = time.perf_counter() - opened
        before = counts(url)
        turns = rounds(url, read, args)
        after = counts(url)
        rng = random.Random(15)
        for _ in range(min(20, args.faults)):  # what the first few leave behind is no growth
            fault(url, photo, rng, client)
        warm = counts(url)
        statuses = Counter(fault(url, photo, rng, client) for _ in range(args.faults))
        end = counts(url)
    return {
        "requests": args.requests,
        "clients": args.clients,
        "page_seconds": opened - started,
        "page_bytes": len(page.content),
        "first_reading_seconds": first,
        **turns,
        "fault_statuses": {str(status): count for status, count in sorted(statuses.items())},
        "status_500": end["status_500"],
        "queue_afterwards": end["queue"],
        "memory_mb": {"before": before["memory_mb"], "loaded": after["memory_mb"],
                      "faults_begun": warm["memory_mb"], "faults_done": end["memory_mb"]},
        "targets": TARGETS,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=str(QUICKSTART_MODEL))
    parser.add_argument("--engine", choices=("vllm", "transformers"))
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--queue", type=int, default=48, help="fewer than clients: some hear 429")
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        predict_part(args)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(args, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
