"""`unifer synthesize`: a model writes its own training data, is trained on it, and must prove a gain.

`unifer synthesize review` (`synthesis_review`) has people look at the test rows. Each stage of a round
(`synthesis_rounds`) is the command a user would type. Run again, it skips what is done and goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer import files, runs
from unifer.cli import flags
from unifer.cli.stages import Stages, command, unifer
from unifer.cli.synthesis_review import review
from unifer.errors import InputError
from unifer.locks import locked
from unifer.records import Json
from unifer.releases import hint

if TYPE_CHECKING:
    from unifer.cli.synthesis_rounds import Start
    from unifer.models.checkpoints import Checkpoint
    from unifer.prepare.synthesis.mixing import RowImage
    from unifer.prepare.synthesis.pool import Pool
    from unifer.prepare.synthesis.settings import Synthesis

_REMEDY = "give another --out, or --fresh, which moves the earlier run aside"
_EPILOG = """\
A round: the model answers faces of the pool several times; the filter of
`unifer data cot` keeps what is worth learning from; rows are chosen by
difficulty, class and Action Units; SFT and GRPO train on them; the held-out
questions decide by a paired interval whether it helped. With --loop facial-r1
it is shown label and AUs instead, and asked again with its faults until it
names exactly them. `unifer synthesize review FILE` is the page for people to
judge the test rows of that loop. Every key of the config is a flag after it
(--rounds 2 --samples 8 --sft.learning_rate 1e-5); --keys lists them.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer synthesize`."""
    parser = commands.add_parser(
        "synthesize",
        help="rounds of self-synthesis: the trained model writes CoT rows, is filtered, trained "
        "again, and scored",
        usage="unifer synthesize --config FILE [--fresh] [--KEY VALUE ...] | --keys | review FILE ...",
        description="Iterative self-synthesis, by our loop or that of Facial-R1. Run it through "
        "train_unifer/src/scripts/run_synthesis.sh.",
        epilog=_EPILOG,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help, or that of review")
    flags.file(parser, "--config", "YAML of the run, such as train_unifer/configs/synthesis_tiny.yaml")
    flags.switch(parser, "--fresh", "start over; an earlier run in the same folder is moved aside")
    parser.add_argument("--keys", action="store_true", help="list every key of a config with its default")
    parser.set_defaults(run=partial(_synthesize, parser), passes_flags_on=True)


def _synthesize(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.rest[:1] == ["review"]:
        if args.config is not None or args.fresh or args.keys:
            raise InputError(
                "--config, --fresh and --keys are for a run; leave them away with `unifer synthesize "
                "review FILE`"
            )
        return review([*args.rest[1:], *(["--help"] * args.help)])
    if args.help:
        parser.print_help()
        return 0
    from unifer import reading
    from unifer.prepare.synthesis.settings import Synthesis

    if args.keys:
        print("\n".join(f"{key}: {default}" for key, default in reading.keys(Synthesis)))
        return 0
    if args.config is None:
        raise InputError("say which run with --config FILE, such as train_unifer/configs/synthesis_tiny.yaml")
    config = reading.read(Synthesis, args.config, args.rest)
    with locked(config.out):
        if args.fresh and (aside := files.move_aside(config.out)):
            print(f"the earlier run is now in {os.path.relpath(aside)}")
        _rounds(config)
    return 0


def _rounds(config: Synthesis) -> None:
    """Round after round, until one does not help or all are done."""
    from unifer.cli import synthesis_results as results
    from unifer.cli.synthesis_rounds import Round
    from unifer.prepare.synthesis.pool import read_pool

    if config.loop == "facial-r1":
        print(
            "loop facial-r1: generation.samples and guidance, and of selection all but rows and "
            "faces, have no meaning in it"
        )
    start = _claim(config)
    stages = Stages(config.out / "stages.json", {"out": config.out.name}, _REMEDY)
    if config.faces is not None:
        stages.run("faces", "draw synthetic faces for the pool", lambda: _draw(config))
    pool = read_pool(config.pool_files, of_units_alone=config.loop == "facial-r1")
    stages.run(
        "leaks", "look for held-out faces among those to train on", lambda: _refuse_leaks(config, pool)
    )
    done: list[Json] = []
    model = start.model
    for number in range(1, config.rounds + 1):
        this = Round(config, pool, number, model, start)
        done.append(this.run())
        results.write_summary(config, start, done)
        if not done[-1]["helped"]:
            break
        model = this.checkpoint()
    results.show(config, done)


def _claim(config: Synthesis) -> Start:
    """The checkpoints that the run starts from; its folder is claimed.

    Raises InputError: what it needs is not there, or another run is.
    """
    from unifer.cli.synthesis_rounds import Start
    from unifer.datasets import load_dataset
    from unifer.models.checkpoints import find_checkpoint

    held_out = load_dataset(config.heldout)
    for name, path in (
        ("pool", config.pool),
        ("cot", (config.cot,)),
        ("sft.config", (config.sft.config,)),
        ("grpo.config", (config.grpo.config,)),
    ):
        for each in path:
            if not each.is_file():
                raise InputError(f"{name}: {each}: no such file{hint(each.name)}")
    flags.existing_image_root(config.image_root, "image_root: ")
    model = find_checkpoint(config.model, config.heldout, flag="model:")
    base = (
        None
        if config.sft.base is None
        else find_checkpoint(config.sft.base, config.heldout, flag="sft.base:")
    )
    manifest_at = config.out / "manifest.json"
    identity = _identity(config, model, base, held_out.questions)
    old = runs.refuse_other_run(manifest_at, identity, _REMEDY)
    if old is None:
        files.write_json(manifest_at, runs.manifest("synthesize", identity))
    return Start(model, base, held_out)


def _identity(config: Synthesis, model: Checkpoint, base: Checkpoint | None, questions: Path) -> Json:
    """What a resumed run must share; every path is recorded as what lies there."""
    from unifer.dialogue import prompts
    from unifer.prepare.synthesis.correcting import ACCEPTANCE, CORRECTION
    from unifer.prepare.synthesis.pool import GUIDANCE

    return {
        "model": model.describe(),
        "base": None if base is None else base.describe(),
        "pool": [runs.describe_file(path) for path in config.pool],
        "cot": runs.describe_file(config.cot),
        "heldout": runs.describe_file(questions),
        "configs": {
            name: _described(part.config) for name, part in (("sft", config.sft), ("grpo", config.grpo))
        },
        "prompt": prompts.VERSION,
        "guidance": None if config.loop == "blind" and config.generation.guidance == "none" else GUIDANCE,
        **({} if config.loop == "blind" else {"acceptance": ACCEPTANCE, "correction": CORRECTION}),
        "settings": config.identity(),
    }


def _described(config: Path) -> Json:
    """Name and digest of a training config and of its base: a change of either changes the run."""
    from unifer.configs import files_of

    own, *bases = files_of(config)
    return runs.describe_file(own) | ({"base": runs.describe_file(bases[0])} if bases else {})


def _draw(config: Synthesis) -> None:
    faces = config.faces
    assert faces is not None
    series = ["--count", str(faces.count), "--seed", faces.seed, "--shares", faces.shares]
    command(unifer("data", "faces", *series, "--out", str(config.drawn)))


def _refuse_leaks(config: Synthesis, pool: Pool) -> None:
    from unifer.datasets import load_dataset
    from unifer.prepare.synthesis.mixing import picture, refuse_held_out
    from unifer.questions import read_questions
    from unifer.records import CoTRow

    held_out = load_dataset(config.heldout)
    root = config.image_root

    def trained() -> Iterator[RowImage]:
        for face in pool.faces:
            yield picture(face.source, face.row.id, face.row.image_path, root)
        for row in files.read_records(config.cot, CoTRow.from_json):
            yield picture(config.cot, row.id, row.image_path, root)

    questions = read_questions(held_out.questions, held_out)
    held = [picture(held_out.questions, each.id, each.image_path, root) for each in questions]
    found = refuse_held_out(trained(), held)
    there = "all there" if not found.missing else f"{found.missing:,} of them missing"
    print(f"{found.trained:,} pictures to train on ({there}): none is among the {found.held_out:,} held out")
    if pool.unlabelled:
        print(f"{pool.unlabelled:,} rows of the pool have no label and are left out")
