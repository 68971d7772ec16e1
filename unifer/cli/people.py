"""`unifer eval` against people: `--vote-file` and `--group`, and the sheets that they write."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.cli.console import say
from unifer.cli.outputs import writing
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.evaluate.scoring import DatasetScores

OWN = Path()
"""`--vote-file` without a file: the votes that the rows carry."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    people = parser.add_argument_group("people (strict only; docs/trust.md)")
    people.add_argument(
        "--vote-file",
        type=Path,
        nargs="?",
        const=OWN,
        metavar="FILE",
        help="score against human votes too: FERPlus's fer2013new.csv; without FILE the rows' own votes",
    )


def check(args: argparse.Namespace) -> None:
    """Raises InputError for a protocol that these flags do not go with, and for a vote file that is none."""
    if args.vote_file is not None and args.protocol != "strict":
        raise InputError(f"--vote-file reads strict verdicts; leave it or --protocol {args.protocol} out")


def write_sheets(result: DatasetScores, args: argparse.Namespace) -> list[Path]:
    """Make, show and write what was asked for; the files written."""
    return [] if args.vote_file is None else _votes(result, args.vote_file, args.resamples)


def _votes(result: DatasetScores, table: Path, resamples: int) -> list[Path]:
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.evaluate.trust.votes import match_votes, votes_sheet
    from unifer.prepare.builders.fer2013 import read_votes
    from unifer.report.votes import votes_png, votes_text

    given = None if table == OWN else table
    faces = match_votes(result, None if given is None else read_votes(given), given)
    sheet = votes_sheet(result, faces, resamples)
    say(f"\n{votes_text(sheet)}")
    path = sheet_path(result.run.path, "votes")
    figure = path.with_suffix(".png")
    with writing(path):
        write_sheet(path, sheet)
        votes_png(figure, sheet)
    return [path, figure]
