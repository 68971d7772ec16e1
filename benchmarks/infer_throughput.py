"""Images per second of our vLLM inference, against a plain `generate` loop and against vLLM called directly.

All three answer the same questions about the same drawn faces with the same model, greedily, in one run:

- `loop`: one image at a time, float32 `generate`, pictures already decoded (the published way); on a part of
  the images;
- `direct`: `vllm.LLM.generate` on all prepared prompts and decoded pictures at once;
- `unifer`: `run_inference`, question file and image files in, predictions and manifest out.

Loading is counted nowhere. `direct` and `unifer` take turns on one engine, the first of a round in turn too;
ratios are medians over the rounds, by the clock and by processor time (which other work disturbs less).

    python benchmarks/infer_throughput.py --model runs/quickstart/UniFER-Tiny --images 128 --rounds 7
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from unifer import files
from unifer.datasets import load_dataset
from unifer.dialogue import images
from unifer.dialogue.images import ImageRule
from unifer.evaluate.inference import infer
from unifer.models.checkpoints import find_checkpoint
from unifer.models.engines import EngineSpec, GenerationSettings
from unifer.places import QUICKSTART_MODEL
from unifer.prepare import corpus
from unifer.progress import Advance
from unifer.questions import read_questions
from unifer.records import Question

ROOT = Path(__file__).parents[1]
TARGETS = {"unifer_over_loop": 6.0, "unifer_over_direct": 0.95}


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def draw_questions(folder: Path, count: int) -> Path:
    """A RAF-DB question file over `count` freshly drawn faces."""
    spec = load_dataset(ROOT / "eval_rafdb")
    prompt = read_questions(spec.samples)[0].prompt
    drawn = [
        corpus.emotional_face("throughput", index, emotion)
        for index, emotion in enumerate(corpus.balanced(count))
    ]
    paths = [folder / f"{index}.png" for index in range(count)]
    corpus.save_faces(list(zip(drawn, paths, strict=True)), workers=2)
    questions = [Question(path.name, spec.labels[0], prompt, spec.labels) for path in paths]
    files.write_rows(folder / "questions.json", [question.to_json() for question in questions])
    return folder / "questions.json"


def loop_rate(model_path: Path, prompt: str, pictures: list[Any], settings: GenerationSettings) -> float:
    """The published way: float32 weights, one image at a time."""
    import torch

    from unifer.models.loading import load_model, load_processor, render_prompt

    processor, model = load_processor(model_path), load_model(model_path, "float32")
    text = render_prompt(processor, prompt)

    def ask(picture: Any) -> None:
        inputs = processor(text=[text], images=[picture], return_tensors="pt").to(model.device)
        with torch.no_grad():
            model.generate(**inputs, max_new_tokens=settings.max_new_tokens, do_sample=False)

    ask(pictures[0])
    started = time.perf_counter()
    for picture in pictures:
        ask(picture)
    return len(pictures) / (time.perf_counter() - started)


class Spent(NamedTuple):
    """Seconds that one turn took."""

    wall: float
    processor: float


def spent(work: Callable[[], None]) -> Spent:
    started, busy = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - started, time.process_time() - busy)


def direct(llm: Any, prompts: list[dict[str, Any]], settings: GenerationSettings) -> None:
    from unifer.models.engines.vllm_engine import sampling_params

    params = sampling_params(settings, "")
    params.detokenize = True
    llm.generate(prompts, params, use_tqdm=False)


def unifer(questions_file: Path, spec: EngineSpec, engine: Any, out: Path) -> None:
    questions = read_questions(questions_file)
    plan = infer.plan(questions_file, questions, out, model={"name": "benchmark"}, spec=spec)
    (summary,) = infer.run_inference([plan], spec, progress=silent, make_engine=lambda: engine)
    assert summary.answered == len(questions), summary


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from unifer.models.loading import render_prompt

    settings, rule = GenerationSettings(max_new_tokens=args.max_new_tokens), ImageRule()
    checkpoint = find_checkpoint(args.model, ROOT)
    questions_file = draw_questions(folder, args.images)
    prompt = read_questions(questions_file)[0].prompt
    pictures = [images.load(folder / f"{index}.png", rule) for index in range(args.images)]
    # First, for vLLM binds the threads of the process that it is loaded into.
    loop = loop_rate(checkpoint.path, prompt, pictures[: args.loop_images], settings)
    spec = EngineSpec("vllm", checkpoint.path, settings, rule, dtype=args.dtype)
    engine: Any = spec.open()
    text = render_prompt(engine.processor, prompt)
    prepared = [{"prompt": text, "multi_modal_data": {"image": picture}} for picture in pictures]
    direct(engine.llm, prepared[:32], settings)
    turns: dict[str, Callable[[int], None]] = {
        "direct": lambda _: direct(engine.llm, prepared, settings),
        "unifer": lambda number: unifer(questions_file, spec, engine, folder / f"round-{number}.jsonl"),
    }
    rounds: list[dict[str, Spent]] = []
    for number in range(args.rounds):
        names = list(turns) if number % 2 else list(reversed(turns))
        rounds.append({name: spent(partial(turns[name], number)) for name in names})
    return _summary(loop, rounds, args.images)


def _summary(loop: float, rounds: list[dict[str, Spent]], images: int) -> dict[str, Any]:
    walls = {name: statistics.median(each[name].wall for each in rounds) for name in ("direct", "unifer")}
    ratios = [
        [each["direct"][kind] / each["unifer"][kind] for each in rounds] for kind in range(len(Spent._fields))
    ]
    return {
        "images": images,
        "images_per_second": {"loop": loop} | {name: images / wall for name, wall in walls.items()},
        "rounds": [{name: taken._asdict() for name, taken in each.items()} for each in rounds],
        "unifer_over_loop": images / walls["unifer"] / loop,
        "unifer_over_direct": statistics.median(ratios[0]),
        "unifer_over_direct_by_processor_time": statistics.median(ratios[1]),
        "targets": TARGETS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=QUICKSTART_MODEL)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--loop-images", type=int, default=64, help="images for the slow loop")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--dtype", default="auto")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder)), indent=2))


if __name__ == "__main__":
    main()
