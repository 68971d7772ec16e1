"""`unifer compare`: two runs or more on the same questions. Needs no torch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from unifer.cli import flags
from unifer.cli.console import say
from unifer.errors import InputError

_ABOUT = """\
Compare runs on the same questions: scores with intervals, every pair's
difference with a paired interval and an exact test, p values adjusted for many
pairs (Holm). A run is a predictions file, a dataset folder (all its runs), a
folder above such folders, or the name of a run of this project.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add this command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "compare", help="compare runs on the same questions", description=_ABOUT, formatter_class=raw
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="file, folder or name; two runs or more in all"
    )
    flags.add_stray_dataset(parser)
    parser.add_argument(
        "--measure",
        choices=("war", "uar", "macro_f1", "au_f1"),
        help="score of the differences (default: war; au_f1, F1 of a face's AUs, where no dataset has "
        "labels)",
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="hold all other runs against this one, not every pair"
    )
    flags.switch(parser, "--common", "compare over the questions and datasets that all runs have, and say so")
    flags.add_resamples(parser, least=100)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all figures here too, as JSON")
    parser.set_defaults(run=_compare)


def _compare(args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.cli.outputs import local, writing
    from unifer.evaluate.run_files import select
    from unifer.evaluate.statistics.comparison import compare
    from unifer.report.comparisons import comparison_text

    selected = select(args.runs, Path.cwd(), args.dataset_dir)
    if args.out is not None and (
        args.out.is_dir() or any(args.out.absolute() == one.run.path.absolute() for one in selected)
    ):
        raise InputError(f"--out {args.out}: is a folder or one of the prediction files; choose another name")
    print(f"scoring {len(selected)} prediction files", file=sys.stderr, flush=True)
    found = compare(
        selected, measure=args.measure, baseline=args.baseline, common=args.common, resamples=args.resamples
    )
    say(comparison_text(found))
    if args.out is not None:
        with writing(args.out):
            files.write_json(args.out, found.to_json())
        say(f"\nwrote {local(args.out)}")
    return 0
