"""Requests per second of `unifer bench` and of a plain load client against one real vLLM server.

Both ask the same questions about the same drawn faces over as many connections, greedily, and take turns; the
median round counts:

- `plain`: httpx alone, request bodies written beforehand, replies thrown away: the server's own throughput;
- `unifer`: `run_bench`, questions and image files in; decoded, encoded, budgeted, journalled, appended,
  graded; .eval log and manifest out.

The server keeps no prefix and no picture from round to round. Where other work takes the processor, rates
waver; so the processor time of a request is counted too, of the server and of each client, which the rates of
a machine of its own would follow. Then the command is killed in the middle and started again: no question
with an answer on disk may be asked a second time.

    python -m benchmarks.bench_throughput --model runs/quickstart/UniFER-Tiny --images 256
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load_client import body, plain_rate
from unifer import files
from unifer.append_log import AppendLog
from unifer.datasets import load_dataset
from unifer.evaluate.bench.asking import NAME
from unifer.evaluate.bench.cells import BenchCell, DatasetQuestions, make_cells, read_datasets
from unifer.evaluate.bench.entries import ModelEntry, ReplySettings
from unifer.evaluate.bench.running import Bench, run_bench
from unifer.evaluate.harness.tasks import picture_uri
from unifer.models.server import LocalServer, ServerOptions, serving
from unifer.places import QUICKSTART_MODEL
from unifer.prepare import corpus
from unifer.questions import read_questions
from unifer.records import Question

ROOT = Path(__file__).parents[1]
TARGET = 0.8
SERVED = "UniFER-Tiny"
WARM_UP = 24


def make_dataset(folder: Path, count: int) -> Path:
    """A dataset folder with RAF-DB's labels over `count` freshly drawn faces."""
    spec = load_dataset(ROOT / "eval_rafdb")
    prompt = read_questions(spec.samples)[0].prompt
    (folder / "data").mkdir(parents=True)
    drawn = [
        corpus.emotional_face("bench", index, emotion) for index, emotion in enumerate(corpus.balanced(count))
    ]
    paths = [folder / "data" / f"{index}.png" for index in range(count)]
    corpus.save_faces(list(zip(drawn, paths, strict=True)), workers=2)
    questions = [Question(path.name, spec.labels[0], prompt, spec.labels) for path in paths]
    files.write_rows(folder / "data/qa.json", [question.to_json() for question in questions])
    labels = json.dumps(list(spec.labels))
    (folder / "dataset.yaml").write_text(
        f"name: drawn\ntitle: Drawn\nquestions: data/qa.json\nlabels: {labels}\n"
    )
    return folder


def bodies(asked: DatasetQuestions, entry: ModelEntry) -> list[bytes]:
    """The very requests that `unifer bench` sends, made beforehand."""
    pictures = (
        picture_uri(question, asked.path.parent, None, entry.image_rule) for question in asked.questions
    )
    pairs = zip(pictures, asked.questions, strict=True)
    return [
        body(SERVED, picture, question.prompt, entry.generation.max_tokens) for picture, question in pairs
    ]


@contextlib.contextmanager
def unseen(cells: Sequence[BenchCell]) -> Iterator[None]:
    yield


def unifer_rate(asked: DatasetQuestions, entry: ModelEntry, folder: Path) -> float:
    started = time.perf_counter()
    spec = replace(asked.spec, folder=folder)
    (cell,) = make_cells([entry], [replace(asked, spec=spec)], None)
    run_bench(Bench([cell], folder / "logs"), unseen)
    seconds = time.perf_counter() - started
    assert cell.state == "done", cell
    assert not cell.failed, cell
    return len(asked.questions) / seconds


def killed_and_resumed(dataset: Path, entry: ModelEntry, folder: Path) -> dict[str, int]:
    """Kill `unifer bench` once a third of its questions are answered, run it to its end, and count what was
    sent again without need.
    """
    served = {
        "name": entry.name,
        "url": entry.url,
        "served": SERVED,
        "generation": {"max_tokens": entry.generation.max_tokens},
    }
    (folder / "models.yaml").write_text(json.dumps({"models": [served]}))
    command = [
        sys.executable,
        "-m",
        "unifer",
        "bench",
        "--models",
        str(folder / "models.yaml"),
        "--datasets",
        str(dataset),
    ]
    command += ["--log-dir", str(folder / "logs")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = dataset / "results" / f"{entry.name}.jsonl"
    total = len(files.read_json(dataset / "data/qa.json"))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    while process.poll() is None and _lines(out) < total // 3:
        time.sleep(0.05)
    process.kill()
    process.wait()
    AppendLog(out).close()
    before = {row["image_path"] for _, row in files.read_rows(out)}
    journal = folder / "logs" / NAME
    sent_before = _lines(journal)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=True)
    later = [
        line["id"].partition("/")[2]
        for _, line in list(files.read_rows(journal))[sent_before:]
        if line["event"] == "sent"
    ]
    rows = [row["image_path"] for _, row in files.read_rows(out)]
    doubled = len(rows) - len(set(rows))
    again = len([key for key in later if key in before])
    return {
        "answered_before_the_kill": len(before),
        "answered": len(set(rows)),
        "doubled": doubled,
        "asked_again": again,
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def server_seconds(server: LocalServer) -> float:
    """Processor time that the server and its workers have taken so far."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if int(fields[2]) == server.group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


class Processor:
    """Processor time a request, of this process and of the server, over the rounds of one client."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._own = self._served = 0.0
        self._requests = 0

    def of(self, requests: int, rate: Callable[[], float]) -> float:
        """What `rate` returns; the time it takes is counted."""
        own, served = time.process_time(), server_seconds(self._server)
        found = rate()
        self._own += time.process_time() - own
        self._served += server_seconds(self._server) - served
        self._requests += requests
        return found

    @property
    def milliseconds(self) -> dict[str, float]:
        """A request, averaged."""
        return {"client": 1000 * self._own / self._requests, "server": 1000 * self._served / self._requests}


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    dataset = make_dataset(folder / "drawn", args.images)
    (asked,) = read_datasets([load_dataset(dataset)], sample=False, limit=None)
    options = ServerOptions(
        str(args.model), dtype="float32", max_model_len=2048, args=("--no-enable-prefix-caching",)
    )
    with serving(options, SERVED, folder / "server.log") as server:
        settings = ReplySettings(max_tokens=args.max_tokens)
        entry = ModelEntry(
            SERVED,
            SERVED,
            url=server.url,
            served=SERVED,
            generation=settings,
            max_connections=args.connections,
        )
        requests = bodies(asked, entry)
        plain_rate(server.url, requests[:WARM_UP], args.connections)
        unifer_rate(replace(asked, questions=asked.questions[:WARM_UP]), entry, folder / "warm")
        rounds, plainly, ourselves = [], Processor(server), Processor(server)
        for number in range(args.rounds):
            plain = plainly.of(args.images, lambda: plain_rate(server.url, requests, args.connections))
            place = folder / f"round-{number}"
            rounds.append((plain, ourselves.of(args.images, partial(unifer_rate, asked, entry, place))))
            print(
                f"round {number}: plain {rounds[-1][0]:.2f}/s, unifer {rounds[-1][1]:.2f}/s",
                file=sys.stderr,
                flush=True,
            )
        resumed = killed_and_resumed(dataset, entry, folder)
    plain, ours = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    ratio = statistics.median(unifer / other for other, unifer in rounds)
    found = {
        "requests": args.images,
        "requests_per_second": {"plain": plain, "unifer": ours},
        "rounds": rounds,
    }
    times = {"plain": plainly.milliseconds, "unifer": ourselves.milliseconds}
    by_time = sum(times["plain"].values()) / sum(times["unifer"].values())
    found |= {"processor_ms_per_request": times, "unifer_over_plain_by_processor_time": by_time}
    return found | {"unifer_over_plain": ratio, "target": TARGET, "killed_and_resumed": resumed}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path(QUICKSTART_MODEL), help="checkpoint folder")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=128)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder)), indent=2))


if __name__ == "__main__":
    main()
