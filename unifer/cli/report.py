"""`unifer report`: one self-contained HTML page about runs.

Needs no model and no torch: prediction files and, if there are any, images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import progress, say, wrapped
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.report.page.building import ReportSummary

_ABOUT = (
    "Write one HTML page about runs: scores with intervals, confusions, differences between models, "
    "training curves, provenance, and a browser of every reply. The page is a single file, fetches "
    "nothing, and can be sent to anybody who may see the images in it."
)


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer report`."""
    parser = commands.add_parser("report", help="write an HTML page about runs", description=_ABOUT)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a predictions file, a dataset folder (all its runs), a folder above dataset folders, or "
        "the name of a run in this project",
    )
    flags.folder(parser, "--out", "folder for the page, index.html, and its figures (required)")
    flags.add_stray_dataset(parser)
    parser.add_argument("--title", default=None, help="heading of the page")
    parser.add_argument(
        "--images",
        choices=("thumbnails", "none"),
        default="thumbnails",
        help="none: no face leaves this machine",
    )
    flags.add_image_root(parser)
    parser.add_argument(
        "--baseline", metavar="NAME", help="hold all other runs against this one, not every pair"
    )
    flags.folder(parser, "--training", "checkpoint folders whose curves to show too", nargs="+", default=[])
    parser.add_argument(
        "--max-mb",
        type=flags.between(1, 500),
        default=15.0,
        metavar="N",
        help="size that images fit into (default: 15)",
    )
    flags.add_resamples(parser)
    parser.set_defaults(run=_report)


def _report(args: argparse.Namespace) -> int:
    if not args.runs:
        raise InputError(
            "no RUN given; give prediction files, dataset folders (eval_rafdb), a folder above them, "
            "or the name of a run"
        )
    if args.out is None:
        raise InputError("no --out DIR given; the page is written there as index.html")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: is a file; the page goes into a folder, as index.html")
    from unifer.evaluate.run_files import select
    from unifer.evaluate.scoring import score_all
    from unifer.report.page.building import ReportSettings, write_report

    chosen = select(args.runs, Path.cwd(), args.dataset_dir)
    with progress("scoring", len(chosen), unit="runs") as advance:
        results = score_all(chosen, args.resamples, advance)
    settings = ReportSettings(
        images=args.images == "thumbnails",
        image_root=args.image_root,
        training=tuple(args.training),
        resamples=args.resamples,
        budget=int(args.max_mb * 1_000_000),
        baseline=args.baseline,
    )
    if args.title is not None:
        settings = ReportSettings(**{**vars(settings), "title": args.title})
    tell(write_report(results, args.out, settings, images_bar))
    return 0


def images_bar(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress of a page's images."""
    return progress("images", total)


def tell(written: ReportSummary) -> None:
    """What was written, how large, and how to open it; warnings first."""
    from unifer.report.layout import notes_text, plain

    shown = plain(str(written.path), 4096)
    lines = [notes_text(written.warnings), ""] if written.warnings else []
    lines += [f"wrote {shown} ({written.bytes / 1e6:.1f} MB, {written.questions:,} questions)"]
    lines += wrapped(written.images, "      ")
    lines += ["      open it in any browser; it needs no network and no other file"]
    lines += (
        wrapped(f"beside it: {', '.join(path.name for path in written.figures)}", "      ")
        if written.figures
        else []
    )
    lines += [f"      trust/: {written.svgs} figures for a paper, SVG"] if written.svgs else []
    lines += wrapped(written.no_radar, "      ") if written.no_radar else []
    say("\n".join(lines))
