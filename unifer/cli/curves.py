"""`unifer curves`: the training curves of a run as a figure and a few lines.

The run may be in progress. Needs no torch.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unifer.cli import flags
from unifer.cli.console import say
from unifer.errors import InputError

FIGURE = "curves.png"


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer curves`."""
    parser = commands.add_parser(
        "curves",
        help="draw the training curves of a run",
        description="Draw what a training run logged: rewards, KL, entropy, completion length, "
        "sampler-trainer difference, step time; loss for supervised runs. Works while the run "
        "goes on. Several runs get a figure each.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="output_dir of a run")
    flags.file(parser, "--out", f"figure of a single run, *.png (default: RUN/{FIGURE})")
    parser.set_defaults(run=_curves)


def _curves(args: argparse.Namespace) -> int:
    if args.out is not None and len(args.runs) > 1:
        raise InputError(
            f"--out {args.out}: is one figure, and {len(args.runs)} runs are given; leave it out, each "
            f"gets RUN/{FIGURE}"
        )
    if args.out is not None and args.out.suffix != ".png":
        raise InputError(f"--out {args.out}: the figure is a PNG; name it *.png")
    if args.out is not None and args.out.is_dir():
        raise InputError(f"--out {args.out}: is a folder; give a file name")
    for index, run in enumerate(args.runs):
        if index:
            print()
        show(run, args.out)
    return 0


def show(run: Path, out: Path | None = None) -> None:
    """Draw the curves of the run in folder `run` and print its summary.

    Raises InputError: no such run, nothing logged.
    """
    from unifer.report.curves import curves_png, curves_text
    from unifer.report.layout import plain
    from unifer.report.panels import panels
    from unifer.train.history import read_metrics

    rows = read_metrics(run)
    if not panels(rows):
        raise InputError(
            f"{run}: none of its metrics has a panel: "
            f"{', '.join(sorted({name for row in rows for name in row}))}"
        )
    name, out = run.resolve().name, out or run / FIGURE
    curves_png(out, rows, f"{name} · training curves")
    text = f"{curves_text(rows, name)}\n\nwrote {plain(os.path.relpath(out), 4096)}"
    say(text)
