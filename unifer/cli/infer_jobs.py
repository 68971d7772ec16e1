"""The flags of one `unifer infer` call -> what one model is asked, by which engine, into which files.

Refuses flags that do not go together, before anything is loaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.cli import console, engine_flags, flags
from unifer.cli.profiles import DEFAULT, applied, own_generation
from unifer.datasets import DatasetSpec, load_dataset
from unifer.dialogue.damage.kinds import parse_damages
from unifer.errors import InputError
from unifer.questions import find_questions, read_questions

if TYPE_CHECKING:
    from unifer.evaluate.inference.infer import Job
    from unifer.models.engines import EngineSpec
    from unifer.records import Json, Question


def make_job(args: argparse.Namespace, named: str | None, *, alone: bool) -> Job:
    """What one model is asked by the flags of one call.

    Raises InputError for flags that do not go together.
    """
    from unifer.evaluate.inference import infer
    from unifer.evaluate.inference.outputs import out_name
    from unifer.evaluate.parts import QuestionPart

    args = applied(_voting(args))
    part = None if args.part is None else QuestionPart.parse(args.part)
    folders = [load_dataset(folder) for folder in args.dataset_dir]
    _refuse_unclear(args, folders)
    damages = parse_damages(args.damage)
    asked = [_asked(folder, args) for folder in folders] or [
        (args.questions, read_questions(args.questions)[: args.limit])
    ]
    spec, model = _engine(args, named)
    plans = tuple(
        infer.plan(
            path,
            questions,
            args.out or folders[index].results / out_name(model["name"], path, folders[index], args.votes),
            model=model,
            spec=spec,
            image_root=flags.existing_image_root(args.image_root),
            part=part,
            damage=damage,
            profile=args.profile,
            votes=args.votes,
        )
        for index, (path, questions) in enumerate(asked)
        for damage in damages
    )
    return infer.Job(plans, spec, partial(console.progress, "answering" if alone else model["name"]))


def _refuse_unclear(args: argparse.Namespace, folders: Sequence[DatasetSpec]) -> None:
    """Raises InputError where the flags leave open which questions are asked, or where replies go."""
    if not folders and not (args.questions and args.out and not args.sample):
        raise InputError(
            "say what to ask: --dataset-dir DIR ..., or --questions FILE with --out FILE for "
            "questions of no dataset"
        )
    if args.out and len(folders) > 1:
        raise InputError(
            "--out names one file, but --dataset-dir names "
            f"{len(folders)} folders; leave --out away, or run them one by one"
        )
    if args.sample and args.questions:
        raise InputError(
            f"--sample names the questions already; leave it or --questions {args.questions} away"
        )


def _voting(args: argparse.Namespace) -> argparse.Namespace:
    """`args` with the temperature that votes mean.

    Raises InputError for votes that would be alike, and by a profile that asks once.
    """
    if args.votes > 1 and args.profile != DEFAULT:
        raise InputError(
            f"--votes {args.votes} contradicts --profile {args.profile}, which asks once, greedily; leave "
            "one of them away"
        )
    temperature = flags.voting_temperature(args.votes, args.temperature)
    return argparse.Namespace(**vars(args) | {"temperature": temperature})


def _asked(spec: DatasetSpec, args: argparse.Namespace) -> tuple[Path, list[Question]]:
    """The question file of a dataset folder that is meant, and its questions."""
    path = spec.samples if args.sample else find_questions(spec, args.questions)
    return path, read_questions(path, spec)[: args.limit]


def _engine(args: argparse.Namespace, model: str | None) -> tuple[EngineSpec, Json]:
    """The engine asked for, and what identifies its model.

    Raises InputError: no such model, settings out of range.
    """
    from unifer import runs
    from unifer.models.checkpoints import find_checkpoint
    from unifer.models.engines import default_engine

    name = args.engine or default_engine()
    make = partial(engine_flags.spec, args, name, urls=engine_flags.urls(args, name))
    if name == "scripted":
        replies = engine_flags.replies_file(args)
        return make(replies), runs.describe_file(replies) | {"name": Path(model or "scripted").name}
    checkpoint = find_checkpoint(model, next(iter(args.dataset_dir), Path()))
    return make(checkpoint.path, **own_generation(args, checkpoint.path)), checkpoint.describe()
