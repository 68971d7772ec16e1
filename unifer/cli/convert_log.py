"""`unifer convert-log`: logs of inspect_ai and our predictions, each from the other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.evaluate.harness.conversion import ConversionSummary

_EPILOG = """\
The endings say what is meant: a log (.eval, or .json) becomes predictions
(.jsonl with their manifest), predictions (.jsonl or published results) become
a log (.eval) with our scores in it. Replies keep their think blocks, failures
their reasons. `inspect view` shows a log, `unifer eval` scores either.
docs/inspect.md says more.
"""
_LOG, _ROWS = ".eval", ".jsonl"


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer convert-log`."""
    parser = commands.add_parser(
        "convert-log",
        help="inspect_ai logs into predictions and back",
        description="Convert a log of inspect_ai into predictions, or predictions into a log.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "source", type=Path, metavar="IN", help="a log (.eval, .json) or predictions (.jsonl, *_results.json)"
    )
    flags.file(parser, "--out", "predictions (.jsonl) or a log (.eval)", required=True)
    flags.add_stray_dataset(parser)
    flags.switch(parser, "--images", "put the pictures into the log too (about 0.1 MB each at 224 pixels)")
    flags.add_image_root(parser, "with --images")
    flags.add_overwrite(parser)
    parser.set_defaults(run=_convert)


def _convert(args: argparse.Namespace) -> int:
    from unifer.evaluate.loading import is_log

    source, out = args.source, args.out
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    wanted = _ROWS if is_log(source) else _LOG
    if out.suffix != wanted:
        what = "a log becomes predictions" if wanted == _ROWS else "predictions become a log"
        raise InputError(f"--out {out}: {what}, so name it *{wanted}")
    if out.exists() and not args.overwrite:
        raise InputError(
            f"--out {out}: is there already; choose another name, or give --overwrite to move it aside"
        )
    if args.image_root is not None and not args.image_root.is_dir():
        raise InputError(f"--image-root {args.image_root}: no such folder")
    made = _converted(args)
    _say(made)
    return 1 if made.missing else 0


def _converted(args: argparse.Namespace) -> ConversionSummary:
    from unifer.evaluate.harness import conversion
    from unifer.evaluate.run_files import select

    if args.out.suffix == _LOG:
        (chosen,) = select([str(args.source)], Path.cwd(), args.dataset_dir)
        return conversion.to_log(
            chosen.run, chosen.spec, args.out, images=args.images, image_root=args.image_root
        )
    if args.images:
        raise InputError("--images is for logs; predictions name their pictures by image_path and hold none")
    return conversion.to_predictions(args.source, args.out)


def _say(made: ConversionSummary) -> None:
    from unifer.report.layout import notes_text, plain

    text = f"{made.rows:,} of {made.total:,} questions have a row"
    text += f", {made.failed:,} of them failed" if made.failed else ""
    print("\n".join(console.wrapped(text)))
    if made.notes:
        print(notes_text(made.notes))
    print(f"wrote {plain(str(made.out), 4096)}")
