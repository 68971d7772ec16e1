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
    from unifer.evaluate.trust.sheets import Sheet

OWN = Path()
"""`--vote-file` without a file: the votes that the rows carry."""


FLAGS = ("vote_file", "group", "group_file", "group_least", "twin")
"""Names of what `add_flags` adds; without any of them nobody's face is looked up."""


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
    people.add_argument(
        "--twin",
        metavar="COLUMN",
        help="count answers that change with the person: a column of 'provenance' that names the row of the "
        "same expression on somebody else",
    )


def check(args: argparse.Namespace) -> None:
    """Raises InputError for a protocol that these flags do not go with, and for flags without `--group`."""
    flags_given = {"--vote-file": args.vote_file, "--group": args.group or None, "--twin": args.twin}
    for name, given in flags_given.items():
        if given is not None and args.protocol != "strict":
            raise InputError(f"{name} reads strict verdicts; leave it or --protocol {args.protocol} out")
    for name, value in (("--group-file", args.group_file), ("--group-least", args.group_least)):
        if value is not None and not args.group:
            raise InputError(f"{name} {value}: of which groups? name a column with --group COLUMN")


def make_sheets(result: DatasetScores, args: argparse.Namespace) -> list[Sheet]:
    """The sheets that were asked for; raises InputError before anything is written."""
    sheets = [] if args.vote_file is None else [_votes(result, args.vote_file, args.resamples)]
    return sheets + ([_groups(result, args)] if args.group or args.twin else [])


def write_sheets(sheets: list[Sheet], predictions: Path) -> list[Path]:
    """Show each and write it beside the predictions; the files written."""
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.fairness import fairness_text
    from unifer.report.votes import votes_png, votes_text

    written = []
    for sheet in sheets:
        path = sheet_path(predictions, sheet.kind)
        say(f"\n{votes_text(sheet) if sheet.kind == 'votes' else fairness_text(sheet)}")
        written.append(path)
        with writing(path):
            write_sheet(path, sheet, predictions)
            if sheet.kind == "votes":
                written.append(path.with_suffix(".png"))
                votes_png(written[-1], sheet)
    return written


def _votes(result: DatasetScores, table: Path, resamples: int) -> Sheet:
    from unifer.evaluate.trust.votes import match_votes, votes_sheet
    from unifer.prepare.builders.fer2013 import read_votes

    given = None if table == OWN else table
    faces = match_votes(result, None if given is None else read_votes(given), given)
    return votes_sheet(result, faces, resamples)


def _groups(result: DatasetScores, args: argparse.Namespace) -> Sheet:
    from unifer.evaluate.trust.fairness import fairness_sheet
    from unifer.evaluate.trust.group_study import LEAST, answered
    from unifer.evaluate.trust.groups import PeopleTable

    people = PeopleTable(result.loaded, args.group_file)
    questions = [row.question for row in answered(result)]
    columns = {name: people.groups(questions, name) for name in args.group}
    least = LEAST if args.group_least is None else args.group_least
    return fairness_sheet(result, columns, twin=args.twin, least=least, resamples=args.resamples)
