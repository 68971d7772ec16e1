"""`unifer eval` against people: `--vote-file` and `--group`, and the sheets that they write."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.cli import flags
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
    people.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="COLUMN",
        help="score by group of people: a column of the questions, such as gender, or two: gender+race; "
        "may be repeated",
    )
    flags.file(people, "--group-file", "questions, JSONL or CSV that have the columns by id or image_path")
    people.add_argument(
        "--group-least",
        type=flags.whole(2),
        metavar="N",
        help="faces that a group needs to be worst or best (default: 30)",
    )


def check(args: argparse.Namespace) -> None:
    """Raises InputError for a protocol that these flags do not go with, and for flags without `--group`."""
    for name, given in (("--vote-file", args.vote_file is not None), ("--group", bool(args.group))):
        if given and args.protocol != "strict":
            raise InputError(f"{name} reads strict verdicts; leave it or --protocol {args.protocol} out")
    for name, value in (("--group-file", args.group_file), ("--group-least", args.group_least)):
        if value is not None and not args.group:
            raise InputError(f"{name} {value}: of which groups? name a column with --group COLUMN")


def write_sheets(result: DatasetScores, args: argparse.Namespace) -> list[Path]:
    """Make, show and write what was asked for; the files written."""
    written = [] if args.vote_file is None else _votes(result, args.vote_file, args.resamples)
    return written + (_groups(result, args) if args.group else [])


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


def _groups(result: DatasetScores, args: argparse.Namespace) -> list[Path]:
    from unifer.evaluate.trust.fairness import fairness_sheet
    from unifer.evaluate.trust.group_study import LEAST, answered
    from unifer.evaluate.trust.groups import PeopleTable
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.fairness import fairness_text

    people = PeopleTable(result.loaded, args.group_file)
    questions = [row.question for row in answered(result)]
    columns = {name: people.groups(questions, name) for name in args.group}
    least = LEAST if args.group_least is None else args.group_least
    sheet = fairness_sheet(result, columns, least=least, resamples=args.resamples)
    say(f"\n{fairness_text(sheet)}")
    path = sheet_path(result.run.path, "fairness")
    with writing(path):
        write_sheet(path, sheet)
    return [path]
