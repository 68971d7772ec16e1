"""`unifer synthesize review`: a person judges synthesised test rows on a page."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files, runs
from unifer.cli import flags
from unifer.cli.console import progress
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.prepare.synthesis.review import ReviewRow

_ABOUT = (
    "Write one HTML page about the test rows of a synthesis run (round_N/data/review.jsonl): "
    "picture, question, gold, reply and faults of each, accepted or rejected by keyboard. The page "
    "saves the verdicts; --verdicts reads them back and writes the accepted rows."
)


def parser() -> argparse.ArgumentParser:
    """The flags of `unifer synthesize review`."""
    made = argparse.ArgumentParser(prog="unifer synthesize review", description=_ABOUT, allow_abbrev=False)
    made.add_argument("file", type=Path, metavar="FILE", help="review.jsonl of a round")
    made.add_argument(
        "--verdicts",
        type=Path,
        metavar="JSON",
        help="what the page saved: write the accepted rows instead of a page",
    )
    flags.switch(made, "--partial", "with --verdicts: rows without a verdict are left out, not refused")
    flags.add_image_root(made)
    flags.file(made, "--out", "default: beside FILE, .html for the page, .accepted.json for the rows")
    return made


def review(argv: Sequence[str]) -> int:
    """Run `unifer synthesize review ARGV`."""
    from unifer.prepare.synthesis.review import read_review

    args = parser().parse_args(argv)
    if args.partial and args.verdicts is None:
        raise InputError(
            "--partial is for reading verdicts back; give --verdicts FILE with it, or leave it away"
        )
    rows = read_review(args.file)
    if args.verdicts is None:
        _write_page(args, rows)
    else:
        _write_accepted(args, rows)
    return 0


def _write_page(args: argparse.Namespace, rows: list[ReviewRow]) -> None:
    from unifer.report.page.review import write_page

    out = _out(args, ".html")
    shown = write_page(rows, args.file, out, args.image_root, lambda total: progress("images", total))
    print(f"wrote {os.path.relpath(out)}: {len(rows):,} rows to review, {shown:,} with their picture")
    print(
        "open it in a browser, save the verdicts, then: unifer synthesize review "
        f"{args.file} --verdicts {args.file.stem}.verdicts.json"
    )


def _write_accepted(args: argparse.Namespace, rows: list[ReviewRow]) -> None:
    from unifer.prepare.synthesis.review import read_verdicts

    found = read_verdicts(args.verdicts, args.file, rows, partial=args.partial)
    out = _out(args, ".accepted.json")
    identity = {"reviewed": runs.describe_file(args.file), "verdicts": runs.describe_file(args.verdicts)}
    files.write_rows(out, [row.to_json() for row in found.rows()])
    files.write_json(
        runs.manifest_path(out), runs.manifest("synthesize review", identity, rows=found.counts())
    )
    counts = ", ".join(f"{count:,} {name}" for name, count in found.counts().items())
    print(f"{len(rows):,} rows: {counts}\nwrote {os.path.relpath(out)}")


def _out(args: argparse.Namespace, suffix: str) -> Path:
    """Where the result goes. Raises InputError where that is one of the files it is made from."""
    out: Path = args.out or args.file.with_suffix(suffix)
    taken = [
        path for path in (args.file, args.verdicts) if path is not None and out.resolve() == path.resolve()
    ]
    if taken:
        raise InputError(f"--out {out}: is what is read; give another file")
    return out
