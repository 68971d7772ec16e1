"""`unifer infer`: ask one model after another every question of one or more dataset folders."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import engine_flags, flags
from unifer.cli.console import note
from unifer.cli.infer_jobs import make_job
from unifer.cli.profiles import DEFAULT, PROFILES
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.evaluate.inference.infer import InferenceSummary, Job

_EPILOG = """\
Predictions are appended to RESULTS/<model>.jsonl in the dataset folder as they
come, with a manifest beside them. Stopped or killed, the same command goes on
where it stopped. Several models, after --model or --then, share one engine
start where they differ in nothing but their weights. A question whose image
cannot be read, or that the engine fails on, becomes a row with "error": true
and counts as wrong; the exit status stays 0, the last lines say so, and
--retry-failed asks those again.
--engine server --url URL ... asks vLLM servers that run already, here or
elsewhere, in place of an engine of this process.
On a cluster each job of an array answers one part, --part 3/8, into
RESULTS/<model>.part-3-of-8.jsonl; `unifer merge` joins them.
--votes 8 samples eight replies to each question into RESULTS/<model>.votes.jsonl;
the first vote for the commonest label stands for the row, and `unifer calibrate`
says how much the shares of the votes are worth.
--damage defocus:3 asks about damaged pictures, --damage all about the whole
grid, by one engine start, each cell into RESULTS/<model>.damage-defocus-3.jsonl;
`unifer damage` says how the model bears them.
"""
_THEN = (
    "then ask by these flags, those not given again staying as they are: --model A --dataset-dir X "
    "--then --model B --limit 200"
)
_PROFILE = (
    "published: as the UniFER scripts ask (transformers, float32, one at a time, the checkpoint's "
    "own generation_config)"
)
_OF_THE_RUN = ("out", "part", "shards", "overwrite", "retry_failed")
"""Flags that mean every model of a command."""
_MANY = 12
"""More results files than this are reported in one line, but for those with failures."""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer infer`."""
    parser = commands.add_parser(
        "infer",
        help="ask a model the questions of a dataset folder",
        description="Ask a model every question of a dataset.",
        epilog=_EPILOG,
    )
    _add_questions(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="predictions file, .jsonl (one dataset only)"
    )
    parser.add_argument("--limit", type=flags.positive, metavar="N", help="ask the first N questions only")
    parser.add_argument(
        "--part",
        metavar="K/N",
        help="ask the K-th of N parts of each question file, such as 3/8, for `unifer merge`",
    )
    flags.add_damage(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="move existing predictions aside (.1) and start anew"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="ask the questions again whose row is a failure"
    )
    parser.add_argument(
        "--shards",
        type=flags.positive,
        metavar="N",
        help="processes, one engine each (default: one a GPU, 1 on CPU)",
    )
    generation = engine_flags.add_generation(parser)
    flags.add_votes(generation)
    generation.add_argument("--profile", choices=tuple(PROFILES), default=DEFAULT, help=_PROFILE)
    engine_flags.add_engine(parser)
    parser.add_argument("--then", nargs=argparse.REMAINDER, metavar="FLAGS", help=_THEN)
    parser.set_defaults(run=partial(_infer, parser))


def _add_questions(parser: argparse.ArgumentParser) -> None:
    """What is asked, and of which models."""
    parser.add_argument(
        "--dataset-dir", type=Path, nargs="+", default=[], metavar="DIR", help="folders with a dataset.yaml"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        metavar="DIR",
        help="checkpoint folders or hub ids, asked one after the other (default: model/UniFER-7B)",
    )
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="question file, as typed or in the dataset folder; alone with --out",
    )
    parser.add_argument(
        "--sample", action="store_true", help="ask each folder's committed sample questions (synthetic faces)"
    )
    parser.add_argument(
        "--image-root", type=Path, metavar="DIR", help="folder that image paths are relative to"
    )


def _infer(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    return 1 if any(summary.missing for summary in _summaries(parser, args)) else 0


def _summaries(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[InferenceSummary]:
    from unifer.evaluate.inference import infer
    from unifer.evaluate.inference.shards import default_shards

    calls = _calls(parser, args)
    models = [(call, model) for call in calls for model in call.model or [None]]
    if args.out and len(models) > 1:
        raise InputError(
            f"--out names one file, but {len(models)} models are to be asked; leave --out away, or ask "
            "them one by one"
        )
    jobs = [make_job(call, model, alone=len(models) == 1) for call, model in models]
    shards = args.shards or min(default_shards(job.spec) for job in jobs)
    for job in jobs:
        processes = f"{shards} processes" if shards > 1 else None
        votes = f"{job.plans[0].votes} votes" if job.plans[0].votes > 1 else None
        parts = (_name(job), f"{job.spec.name} engine", job.spec.precision, votes, processes, _wording(job))
        note(", ".join(filter(None, parts)))
    summaries = infer.run_jobs(jobs, shards=shards, overwrite=args.overwrite, retry_failed=args.retry_failed)
    for summary in summaries:
        if len(summaries) <= _MANY or summary.failed or summary.missing:
            _report(summary)
    if len(summaries) > _MANY:
        rows = sum(summary.answered for summary in summaries)
        note(f"{len(summaries)} files: {rows:,} answered, {sum(each.resumed for each in summaries):,} before")
    if args.part:
        _say_how_to_merge([summary.out for summary in summaries])
    return summaries


def parsed(argv: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """The parser of `unifer infer`, and what it makes of ARGV.

    Raises SystemExit, its message printed, for flags that do not exist.
    """
    parser = argparse.ArgumentParser(prog="unifer")
    commands = parser.add_subparsers()
    register(commands)
    return commands.choices["infer"], parser.parse_args(["infer", *argv])


def ask(argv: Sequence[str]) -> list[InferenceSummary]:
    """`unifer infer ARGV` in this process: what each of its results files holds.

    Raises InputError as it does; SystemExit, its message printed, for flags that do not exist.
    """
    return _summaries(*parsed(argv))


def refuse(argv: Sequence[str]) -> None:
    """Refuse what `unifer infer ARGV` would refuse before its engine starts.

    For a command that asks after days of training.

    Raises InputError; SystemExit, its message printed, for flags that do not exist.
    """
    from unifer.evaluate.inference.infer import check_some_image

    _, args = parsed(argv)
    for plan in make_job(args, args.model[0], alone=True).plans:
        check_some_image(plan)


def _calls(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[argparse.Namespace]:
    """The flags before `--then`, and after each; a flag that is not given again means what it meant before.

    Raises InputError for a flag that no single call could obey.
    """
    calls = [args]
    while calls[-1].then is not None:
        inherited = argparse.Namespace(**vars(calls[-1]) | {"then": None, "url": tuple(calls[-1].url)})
        calls.append(parser.parse_args(calls[-1].then, inherited))
    for call in calls[1:]:
        for flag in _OF_THE_RUN:
            if getattr(call, flag) != getattr(args, flag):
                raise InputError(
                    f"--{flag.replace('_', '-')} is meant for the whole command; give it before the "
                    "first --then"
                )
    return calls


def _wording(job: Job) -> str:
    """In whose words its questions ask: `published prompt of rafdb`."""
    from unifer.dialogue.wordings import wording_of

    return " / ".join(dict.fromkeys(wording_of(plan.questions).text for plan in job.plans))


def _name(job: Job) -> str:
    return str(job.plans[0].identity["model"]["name"])


def _report(summary: InferenceSummary) -> None:
    before = f", {summary.resumed} of them before" if summary.resumed else ""
    note(f"{summary.out}: {summary.answered} of {summary.total} answered{before}")
    if summary.failed:
        note(f"  {summary.failed} failed and will count as wrong; --retry-failed asks them again. The first:")
        for line in summary.first_failures:
            note(f"    {line}")
    if summary.missing:
        note(f"  {summary.missing} have no answer yet: run the same command again")


def _say_how_to_merge(answered: list[Path]) -> None:
    from unifer.evaluate.parts import all_parts, whole_name

    note("when all parts are there:")
    for path in answered:
        note(f"  unifer merge {path.with_name(all_parts(path))} --out {path.with_name(whole_name(path))}")
