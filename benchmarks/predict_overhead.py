"""What reading photos costs beside the engine: throughput against `unifer infer`, one photo, and the
detectors.

- `predict` and `infer` take turns on one engine over the same drawn faces (detector `whole`), each with all
  it does: files in, rows and manifest out. The median round counts; rates by wall time and by processor time.
- One photo: the time of `Recognizer` around the engine's own, with `whole` and with a network of YuNet's
  interface, whose file the test of that detector writes.
- The cascade on a photo of 320 pixels, and a video of 60 s at two frames per second.

    python -m benchmarks.predict_overhead --model runs/quickstart/UniFER-Tiny --engine vllm
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.infer_throughput import draw_questions
from tests.recognition.onnx_files import write_yunet
from tests.recognition.test_video import write_video
from unifer.datasets import read_questions
from unifer.evaluate.inference import infer
from unifer.models.checkpoints import find_checkpoint
from unifer.models.engines import Engine, EngineSpec, GenerationSettings, Reply, Request
from unifer.places import QUICKSTART_MODEL
from unifer.progress import Advance
from unifer.recognition import log
from unifer.recognition.recognizer import Recognizer

ROOT = Path(__file__).parents[1]
TARGETS = {"predict_over_infer": 0.95, "one_photo_s": 0.15, "cascade_s": 0.25, "video_s": 60.0}


class TimedEngine:
    """An engine whose own seconds are counted, and which nobody closes."""

    shows_images = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seconds = 0.0

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        waited = 0.0

        def counted() -> Iterator[Request]:
            """The requests; what the engine waits for them is not its own time."""
            nonlocal waited
            source = iter(requests)
            while True:
                started = time.perf_counter()
                request = next(source, None)
                waited += time.perf_counter() - started
                if request is None:
                    return
                yield request

        replies = self._engine.stream(counted())
        while True:
            started, before = time.perf_counter(), waited
            reply = next(replies, None)
            self.seconds += time.perf_counter() - started - (waited - before)
            if reply is None:
                return
            yield reply

    def exchange(self, checkpoint: Path) -> bool:
        return False

    def close(self) -> None:
        pass


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """(wall seconds, processor seconds of this process) of `work`."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def infer_seconds(questions_file: Path, spec: EngineSpec, engine: Engine, out: Path) -> tuple[float, float]:
    def work() -> None:
        plan = infer.plan(questions_file, read_questions(questions_file), out, model={"name": "x"}, spec=spec)
        (summary,) = infer.run_inference([plan], spec, progress=silent, make_engine=lambda: engine)
        assert summary.missing == summary.failed == 0, summary

    return timed(work)


def predict_seconds(folder: Path, reader: Recognizer, out: Path) -> tuple[float, float]:
    def work() -> None:
        with log.opened(out, reader.about()) as rows:
            for result in reader.stream(folder, known=lambda photo: rows.of(photo.key)):
                rows.add(result.readings)
        assert not any(row.failed for row in log.read_log(out))

    return timed(work)


def one_photo(reader: Recognizer, engine: TimedEngine, photo: Path, detector: str, rounds: int) -> float:
    """Median seconds of one photo less those of the engine; of one face, for any bright spot is one here."""
    seconds = []
    reader(photo, detector=detector, which="largest")
    for _ in range(rounds):
        before = engine.seconds
        wall, _ = timed(lambda: reader(photo, detector=detector, which="largest"))
        seconds.append(wall - (engine.seconds - before))
    return statistics.median(seconds)


def cascade_seconds(photo: Path, rounds: int) -> tuple[float, float]:
    """Median (wall, processor) seconds of the cascade on a photo of 320 pixels."""
    from unifer.dialogue.images import decode
    from unifer.recognition.cascade import Cascade

    detector, image = Cascade(), decode(photo).resize((320, 320))
    detector.detect(image)
    walls, processors = zip(*(timed(lambda: detector.detect(image)) for _ in range(rounds)), strict=True)
    return statistics.median(walls), statistics.median(processors)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    photos = folder / "photos"
    photos.mkdir()
    questions_file = draw_questions(photos, args.images)
    question = read_questions(questions_file)[0]
    questions_file = questions_file.rename(folder / "questions.json")
    rows = json.loads(questions_file.read_text())
    questions_file.write_text(
        json.dumps([row | {"image_path": f"photos/{row['image_path']}"} for row in rows])
    )
    checkpoint = find_checkpoint(args.model, ROOT)
    spec = EngineSpec(args.engine, checkpoint.path, GenerationSettings(max_new_tokens=128))
    engine = TimedEngine(spec.open())
    net = write_yunet(folder / "yunet.onnx")
    asked: dict[str, Any] = {"prompt": question.prompt, "labels": question.candidate_labels}
    reader = Recognizer(spec=spec, make_engine=lambda: engine, detector="whole", yunet=net, **asked)
    reader(sorted(photos.glob("*.png"))[:32])
    rounds = []
    for number in range(args.rounds):
        ours = predict_seconds(photos, reader, folder / f"predict-{number}.jsonl")
        theirs = infer_seconds(questions_file, spec, engine, folder / f"infer-{number}.jsonl")
        rounds.append(
            (theirs[0] / ours[0], theirs[1] / ours[1], args.images / ours[0], args.images / theirs[0])
        )
    photo = photos / "0.png"
    film = write_video(folder / "film.mp4", seconds=60.0)
    video = timed(lambda: reader(film, every=0.5))[0]
    cascade = cascade_seconds(photo, args.rounds * 3)
    wall, processor, ours_rate, infer_rate = (statistics.median(each) for each in zip(*rounds, strict=True))
    return {
        "images": args.images,
        "images_per_second": {"predict": ours_rate, "infer": infer_rate},
        "predict_over_infer": {"wall": wall, "processor": processor},
        "one_photo_s": {name: one_photo(reader, engine, photo, name, 9) for name in ("whole", "yunet")},
        "cascade_s": {"wall": cascade[0], "processor": cascade[1]},
        "video_s": video,
        "targets": TARGETS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=QUICKSTART_MODEL)
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder)), indent=2))


if __name__ == "__main__":
    main()
