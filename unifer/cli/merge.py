"""`unifer merge`: prediction files of one model and dataset into one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.evaluate.merging import Merged

_EPILOG = """\
Parts are answers to parts of a question file, shards from several machines, or
a second try at what failed: an answer wins over a failure. Refused by name:
parts of another model, prompt, image rule, sampling or question file, rows
with another truth, and two different answers to one question. --allow accepts
what it names and writes it into the merged manifest, beside a list of the
parts with their SHA-256. Parts that `unifer infer --part K/N` answered must be
of one split, each given once; one that is missing is named, and its questions
count as missing. The merged file is a run like any other: eval, compare,
leaderboard, report and export read it, and without
--allow `unifer infer` can go on with it.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer merge`."""
    parser = commands.add_parser(
        "merge",
        help="join prediction files of one model and dataset",
        description="Join prediction files into one.",
        epilog=_EPILOG,
    )
    flags.file(parser, "parts", "predictions (.jsonl) or published results (.json), two or more", nargs="+")
    flags.file(parser, "--out", "the merged predictions, .jsonl", required=True)
    flags.file(
        parser,
        "--questions",
        "the whole question file: rows are checked against it, the rest counts as missing",
    )
    parser.add_argument(
        "--allow",
        nargs="+",
        default=[],
        metavar="KEY",
        help="differences to accept: keys of the manifest (model, dtype, generation.seed, questions "
        "...), `manifest` or `answers`",
    )
    flags.add_overwrite(parser)
    parser.set_defaults(run=_merge)


def _merge(args: argparse.Namespace) -> int:
    from unifer import files, runs
    from unifer.evaluate.merging import merge
    from unifer.evaluate.parts import is_part
    from unifer.locks import locked

    out: Path = args.out
    if len(args.parts) < 2 and not is_part(args.parts[0]):
        raise InputError(f"one file, {args.parts[0]}, is nothing to merge; name two or more")
    if out.suffix != ".jsonl":
        raise InputError(
            f"--out {out}: merged predictions are one row a line; name it *.jsonl (`unifer export` "
            "writes the published format)"
        )
    if any(out.absolute() == part.absolute() for part in args.parts):
        raise InputError(
            f"--out {out}: is one of the parts, which merging never overwrites; choose another name"
        )
    if out.exists() and not args.overwrite:
        raise InputError(
            f"--out {out}: is there already; choose another name, or give --overwrite to move it aside"
        )
    merged = merge(args.parts, allow=args.allow, questions=args.questions)
    with locked(out):
        files.move_aside(out, runs.manifest_path(out))
        merged.write(out)
    _say(merged, args.parts, out)
    return 1 if merged.counts["missing"] else 0


def _say(merged: Merged, parts: list[Path], out: Path) -> None:
    from unifer.report.layout import notes_text, plain

    counts = merged.counts
    asked = "" if counts["asked"] is None else f" of {counts['asked']:,}"
    text = (
        f"{len(parts)} files merged: {len(merged.predictions):,}{asked} questions, "
        f"{counts['answered']:,} answered"
    )
    text += f", {counts['failed']:,} failed" if counts["failed"] else ""
    text += f", {counts['missing']:,} missing" if counts["missing"] else ""
    print("\n".join(console.wrapped(text)))
    if merged.notes:
        print(notes_text(merged.notes))
    print(f"wrote {plain(str(out), 4096)}")
