"""`unifer data convert`: row files from and to the formats of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unifer.cli import flags
from unifer.cli.console import progress

_FORMATS = ("cot", "rlvr", "questions", "facial-r1", "sharegpt", "swift", "datasets")


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data convert`."""
    convert = commands.add_parser(
        "convert",
        help="convert rows between our files, Facial-R1, LLaMA-Factory, ms-swift, Parquet",
        description="Convert a row file to another format. What the format has no field for is kept beside "
        "each row, so that converting back loses nothing. Formats: "
        f"{', '.join(_FORMATS)} (docs/formats.md).",
    )
    convert.add_argument(
        "source", type=Path, metavar="IN", help="row file (.json, .jsonl), or a folder of Parquet shards"
    )
    convert.add_argument("--to", required=True, metavar="FORMAT", help="format to write")
    convert.add_argument(
        "--out", required=True, type=Path, metavar="PATH", help="file to write; a folder for datasets"
    )
    convert.add_argument(
        "--from", dest="read_as", metavar="FORMAT", help="format of IN (default: told by its first row)"
    )
    convert.add_argument(
        "--image-root",
        type=Path,
        metavar="DIR",
        help="folder that all image paths lie below; sharegpt and swift name it",
    )
    convert.add_argument(
        "--embed", action="store_true", help="with --to datasets: put the pictures into the shards"
    )
    flags.add_overwrite_once_force(convert, "replace what is at --out")
    convert.set_defaults(run=_convert)


def _convert(args: argparse.Namespace) -> int:
    from unifer.prepare.formats import conversion
    from unifer.runs import manifest_path

    to = conversion.named(args.to)
    read_as = conversion.named(args.read_as) if args.read_as else conversion.detect(args.source)
    planned = conversion.Conversion(args.source, args.out, read_as, to, args.image_root, args.embed)
    rows = conversion.plan(planned, args.overwrite)
    with progress("converting", rows, unit="rows") as advance:
        outcome = conversion.run(planned, advance)
    print(
        f"{outcome.rows:,} rows, {read_as.name} -> {to.name}: {args.out} (manifest: "
        f"{manifest_path(args.out).name})"
    )
    if outcome.carried:
        fields = ", ".join(f"{name} ({count:,})" for name, count in sorted(outcome.carried.items()))
        print(f"kept beside the rows under 'unifer', as {to.name} has no field for it: {fields}")
    if outcome.unpacked:
        print(f"{outcome.unpacked:,} pictures taken out of the shards")
    return 0
