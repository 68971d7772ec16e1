"""`unifer ablate`: a table of variants, each trained, asked, and compared with one of them.

Reads the table; the trainings that follow from it are `ablation_plan`, doing them `ablation_study`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer import files
from unifer.cli import flags
from unifer.errors import InputError
from unifer.locks import locked

if TYPE_CHECKING:
    from unifer.cli.ablation_plan import Ablations

_EPILOG = """\
A variant is a name with the keys that differ: settings of SFT or GRPO, another
`config`, fewer `stages`, another `model`. Trainings that variants share are
done once. A changed key trains what depends on it anew and leaves the rest as
it is.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer ablate`."""
    parser = commands.add_parser(
        "ablate",
        help="train, ask and compare variants of SFT and GRPO",
        description="Train the variants of a table, ask each the held-out questions, and compare them with "
        "its reference.",
        epilog=_EPILOG,
    )
    flags.file(parser, "config", "the table, such as train_unifer/configs/ablations.yaml")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these variants and the reference alone")
    flags.switch(parser, "--list", "list the variants with what differs, and do nothing")
    flags.switch(parser, "--fresh", "start over; an earlier run in the same folder is moved aside")
    parser.set_defaults(run=_ablate)


def _ablate(args: argparse.Namespace) -> int:
    from unifer.cli.ablation_plan import Ablations
    from unifer.cli.ablation_study import study
    from unifer.reading import read

    run = read(Ablations, args.config)
    if args.list:
        _list(run)
        return 0
    names = _chosen(run, args.config, args.only)
    with locked(run.out, f"name another `out` in {args.config}"):
        if args.fresh and (aside := files.move_aside(run.out)):
            print(f"the earlier run is now in {os.path.relpath(aside)}")
        study(run, args.config, names)
    return 0


def _list(run: Ablations) -> None:
    from unifer.cli.console import say, wrapped
    from unifer.report.layout import plain

    for name, variant in run.variants.items():
        mark = " (the reference)" if name == run.reference else ""
        say("\n".join(wrapped(plain(f"{name}{mark}: {variant.changes()}", 1000))))


def _chosen(run: Ablations, config: Path, only: list[str] | None) -> list[str]:
    """The variants to run, the reference first.

    Every other one is compared with it as soon as it has answered.
    """
    try:
        for name in only or ():
            run.check_name(name, "--only")
    except ValueError as error:
        raise InputError(f"{config}: {error}") from None
    return [
        run.reference,
        *(name for name in run.variants if name != run.reference and (only is None or name in only)),
    ]
