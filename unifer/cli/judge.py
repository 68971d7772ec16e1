"""`unifer judge`: another model grades how well reasoning agrees with reference descriptions."""

from __future__ import annotations

import argparse
import base64
import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.errors import InputError
from unifer.progress import Advance

if TYPE_CHECKING:
    from unifer.datasets import DatasetSpec
    from unifer.evaluate.grading import Graded
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.reasoning.judge import JudgeSummary, Picture
    from unifer.models.api.client import ApiSpec

_EPILOG = """\
The judge compares the reasoning of each reply with the question's reference
(its `description`, as in FEA-20K) by the rubric judge-1 and gives 1 to
10, at temperature 0. Scores are appended to RUN.judged.jsonl beside the
predictions as they come, with a manifest; stopped or killed, the same command
goes on and asks nothing twice. After three attempts without a score it is
null, with the reason, and never enters a mean; the same command asks again
where no reply came, --retry-failed also where the judge's reply was no score.
`unifer eval` reports the mean. Keys come from the environment (OPENAI_API_KEY
and so on; UNIFER_JUDGE_API_KEY for a URL). Exit status 1: some have no score.
"""
_SIDE = 768
"""Longest side in pixels of the picture that a judge is sent."""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer judge`."""
    parser = commands.add_parser(
        "judge",
        help="have another model grade the reasoning of a run",
        description="Grade the reasoning of a run against reference descriptions.",
        epilog=_EPILOG,
    )
    flags.folder(parser, "--dataset-dir", "folder with dataset.yaml; default: the one above --predictions")
    flags.file(parser, "--predictions", "predictions to judge; default: the newest in DIR/results")
    parser.add_argument(
        "--run", dest="run_name", metavar="NAME", help="run in DIR/results to judge, instead of --predictions"
    )
    judge = parser.add_argument_group("judge")
    judge.add_argument("--judge", metavar="MODEL", help="provider and model, such as openai/gpt-4o-mini")
    judge.add_argument(
        "--url", metavar="URL", help="an OpenAI-compatible server instead, such as http://127.0.0.1:8000/v1"
    )
    judge.add_argument("--model", metavar="NAME", help="the model's name at --url")
    judge.add_argument(
        "--max-connections",
        type=flags.positive,
        default=16,
        metavar="N",
        help="requests at a time (default: 16)",
    )
    judge.add_argument(
        "--timeout",
        type=flags.positive,
        default=120,
        metavar="S",
        help="seconds that one request may take (default: 120)",
    )
    judge.add_argument("--images", action="store_true", help="show the judge each face as well")
    flags.add_image_root(judge, "with --images")
    flags.switch(parser, "--retry-failed", "ask again where the judge's reply was no score")
    flags.add_overwrite(parser, "existing scores")
    parser.set_defaults(run=_judge)


def _judge(args: argparse.Namespace) -> int:
    from unifer.evaluate.grading import Graded
    from unifer.evaluate.loading import open_run
    from unifer.evaluate.reasoning.judge import Task, judge
    from unifer.evaluate.scoring import grade_prediction
    from unifer.report.layout import plain

    spec, run = _run(args)
    who = _who(args)
    loaded = open_run(spec, run)
    graded = tuple(Graded(row, grade_prediction(row), spec.action_units) for row in loaded.predictions)
    for note in loaded.notes:
        console.note(f"! {plain(note, 400)}")
    console.note(f"{plain(who.model)} judges {plain(run.name)} on {plain(spec.title)}")
    task = Task(run.path, graded, who, _picture(spec, args.image_root) if args.images else None)
    summary = judge(task, _progress, overwrite=args.overwrite, retry_failed=args.retry_failed)
    return _report(summary, run, graded)


def _run(args: argparse.Namespace) -> tuple[DatasetSpec, PredictionFile]:
    """The run that is meant, and its dataset."""
    from unifer.datasets import load_dataset
    from unifer.evaluate.run_files import common_run, newest_run, select

    if args.predictions is not None:
        if args.run_name is not None:
            raise InputError(
                f"--run {args.run_name}: --predictions {args.predictions} names the run already; leave "
                "one out"
            )
        if not args.predictions.is_file():
            raise InputError(
                f"--predictions {args.predictions}: no such file; `unifer infer` writes "
                "DIR/results/NAME.jsonl"
            )
        (chosen,) = select([str(args.predictions)], Path.cwd(), args.dataset_dir)
        return chosen.spec, chosen.run
    if args.dataset_dir is None:
        raise InputError(
            "say what to judge: --predictions FILE, or --dataset-dir DIR for the newest run in its "
            "results (or --run NAME)"
        )
    spec = load_dataset(args.dataset_dir)
    return spec, newest_run(spec)[0] if args.run_name is None else common_run([spec], args.run_name)[0]


def _who(args: argparse.Namespace) -> ApiSpec:
    """The judge that is meant."""
    from unifer.evaluate.reasoning.judge import KEY_VARIABLE, MAX_TOKENS
    from unifer.models.api.client import ApiSpec, without_secrets

    common = {
        "max_tokens": MAX_TOKENS,
        "timeout": float(args.timeout),
        "max_connections": args.max_connections,
    }
    if args.url is not None:
        if args.judge is not None or args.model is None:
            raise InputError(
                f"--url {args.url}: goes with --model NAME, the name that the server has for the model, "
                "and without --judge"
            )
        url = without_secrets(args.url, "--url", KEY_VARIABLE)
        return ApiSpec(args.model, url, KEY_VARIABLE, remedy="check --model and the URL's /v1", **common)
    if args.judge is None or args.model is not None:
        raise InputError(
            "say who judges: --judge openai/gpt-4o-mini, or --url http://host/v1 with --model NAME"
        )
    if "/" not in args.judge:
        raise InputError(
            f"--judge {args.judge}: is no provider/model, such as openai/gpt-4o-mini; a server of yours "
            "goes with --url"
        )
    return ApiSpec(args.judge, flag="--judge", remedy="check the model's name in --judge", **common)


def _picture(spec: DatasetSpec, root: Path | None) -> Picture:
    """How the face of a row becomes a data URI."""
    from unifer.dialogue import images

    if root is not None and not root.is_dir():
        raise InputError(
            f"--image-root {root}: no such folder; give the folder that image paths such as "
            "/RAF-DB/1.jpg are below"
        )

    def picture(row: Graded) -> str:
        name = row.prediction.question.image_path
        image = images.preview(images.resolve(name, root, spec.questions.parent), _SIDE, name)
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=95)
        return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"

    return picture


def _report(summary: JudgeSummary, run: PredictionFile, graded: tuple[Graded, ...]) -> int:
    from unifer.evaluate.reasoning.marks import read_judged, score_judged
    from unifer.evaluate.reasoning.shares import Draws
    from unifer.report.layout import plain

    before = f", {summary.before:,} of them before" if summary.before else ""
    console.note(f"{summary.out}: {summary.judged:,} of {summary.to_judge:,} judged{before}")
    if summary.failed:
        console.note(
            f"  {summary.failed:,} have no score; the first: {plain(summary.first_error or '', 200)}"
        )
    judged = read_judged(run.path)
    if judged is not None:
        found = score_judged(judged, [row.prediction.question for row in graded], graded, Draws(None, 0, 0))
        if found.mean.value is not None:
            silent = f" and {found.silent:,} without reasoning, which are 1" if found.silent else ""
            print(
                f"mean {found.mean.value:.2f} of 10 over {found.judged:,} judged{silent}; `unifer eval` "
                "adds the interval",
                flush=True,
            )
    return 1 if summary.judged < summary.to_judge else 0


def _progress(total: int, done: int) -> AbstractContextManager[Advance]:
    return console.progress("judging", total, done, unit="replies")
