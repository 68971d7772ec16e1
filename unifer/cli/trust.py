"""`unifer trust`: the trust card of one model, from its predictions and the sheets beside them.

Needs no model and no torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unifer.cli import flags
from unifer.cli.console import progress, say
from unifer.errors import InputError

_NAME = "trust_card"
_EPILOG = """\
A RUN is a predictions file, a dataset folder, a folder above dataset folders,
or the name of a run: all of one model. The card holds accuracy and the
headline of every trust sheet beside the predictions, with interval and n; what
was not measured is named with the command that measures it. docs/trust.md says
what each rate means.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer trust`."""
    parser = commands.add_parser(
        "trust",
        help="the trust card of one model: HTML, SVG, PNG",
        description="Write one page on a model: accuracy, faithfulness, robustness, calibration, fairness.",
        epilog=_EPILOG,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="runs of one model")
    flags.folder(parser, "--out", "folder to write to (default: trust/MODEL)")
    flags.file(parser, "--sheets", "trust sheets of the model that lie elsewhere", nargs="+", default=[])
    flags.add_stray_dataset(parser)
    flags.add_resamples(parser)
    parser.set_defaults(run=_trust)


def _trust(args: argparse.Namespace) -> int:
    if not args.runs and not args.sheets:
        raise InputError(
            "no RUN given; give prediction files, dataset folders (eval_rafdb) or the name of a run, all of "
            "one model"
        )
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: is a file; the card goes into a folder")
    from unifer import files
    from unifer.evaluate.run_files import select
    from unifer.evaluate.scoring import score_all
    from unifer.evaluate.trust.sheets import read_sheet
    from unifer.report.figures import save_png, svg_text
    from unifer.report.layout import plain
    from unifer.report.trust.card import make_card
    from unifer.report.trust.card_figure import card_figure
    from unifer.report.trust.card_html import card_html
    from unifer.report.trust.card_text import card_text

    stray = [read_sheet(path) for path in args.sheets]
    chosen = select(args.runs, Path.cwd(), args.dataset_dir)
    with progress("scoring", len(chosen), unit="runs") as advance:
        results = score_all(chosen, args.resamples, advance)
    card = make_card(results, stray)
    out = args.out or Path("trust") / card.model
    figure = card_figure(card)
    files.write_text(out / f"{_NAME}.html", card_html(card))
    files.write_text(out / f"{_NAME}.svg", svg_text(figure, "white"))
    save_png(figure, out / f"{_NAME}.png")
    say(card_text(card))
    say(f"\nwrote {plain(str(out / _NAME), 4096)}.html, .svg and .png")
    return 0
