"""`unifer data check FILE --runs A B C --audit OUT`: labels that votes or all runs speak against."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.cli import flags
from unifer.cli.console import say
from unifer.cli.outputs import writing, wrote
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.ballots import Votes
    from unifer.datasets import DatasetSpec
    from unifer.evaluate.scoring import DatasetScores
    from unifer.records import Question

_ENDINGS = (".jsonl", ".json", ".csv")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """`--runs` and `--audit`."""
    parser.add_argument(
        "--runs",
        nargs="+",
        metavar="RUN",
        help="with --audit: predictions of the question file; labels that all of them contradict are listed",
    )
    flags.file(
        parser,
        "--audit",
        "list the doubtful labels there, for a person to look at (.jsonl or .csv): not the top vote "
        "(--vote-file), contradicted by all --runs",
    )


def check(args: argparse.Namespace) -> None:
    """Raises InputError for flags that lack another one, and for a list of another format."""
    if args.runs and args.audit is None:
        raise InputError(f"--runs {' '.join(args.runs)}: where to list the labels? add --audit FILE")
    if args.audit is None:
        return
    if args.audit.suffix not in _ENDINGS:
        raise InputError(f"--audit {args.audit}: name it {' or '.join('*' + ending for ending in _ENDINGS)}")
    if len(args.files) > 1:
        raise InputError(f"--audit: {len(args.files)} files were given; audit one question file at a time")
    flags.refuse_existing(args.audit, overwrite=False)


def audit(args: argparse.Namespace, specs: list[DatasetSpec]) -> int:
    """Make, show and write the list, and the scores with and without its rows beside it."""
    from unifer import files
    from unifer.evaluate.trust.label_audit import audit_labels, scores_without
    from unifer.questions import read_questions
    from unifer.report.label_audit import label_audit_text

    path: Path = args.files[0]
    questions = read_questions(path)
    runs = _runs(args, path, questions, specs)
    doubtful = audit_labels(questions, _ballots(path, questions, args.vote_file), runs)
    scores = scores_without(runs, doubtful)
    say(f"\n{label_audit_text(doubtful, scores)}")
    written = [args.audit]
    with writing(args.audit):
        if args.audit.suffix == ".csv":
            files.write_text(args.audit, _table([row.to_cells() for row in doubtful]))
        else:
            files.write_rows(args.audit, [row.to_json() for row in doubtful])
        if scores:
            written.append(args.audit.with_suffix(".scores.json"))
            files.write_json(written[1], scores)
    return wrote(written)


def _ballots(path: Path, questions: list[Question], table: Path | None) -> dict[str, Votes]:
    """Key -> votes, of the table or of the rows; raises InputError where only some questions have votes."""
    from unifer.ballots import votes_of
    from unifer.prepare.builders.fer2013 import read_votes

    if table is None:
        found = {row.key: votes_of(row.votes) for row in questions if row.votes}
    else:
        known = read_votes(table)
        names = {row.key: row.image_path.rpartition("/")[2] for row in questions}
        found = {key: tuple(known[name]) for key, name in names.items() if name in known}
    lacking = [row.key for row in questions if row.key not in found]
    if lacking and (found or table is not None):
        where = "" if table is None else f" in {table}"
        raise InputError(
            f"{path}: {len(lacking):,} of {len(questions):,} questions have no votes{where}, the first is "
            f"{lacking[0]!r}; give the fer2013new.csv that belongs to them"
        )
    return found


def _runs(
    args: argparse.Namespace, path: Path, questions: list[Question], specs: list[DatasetSpec]
) -> dict[str, DatasetScores]:
    """The runs, each over the dataset whose labels the questions offer; names must differ."""
    from unifer.evaluate.run_files import select
    from unifer.evaluate.scoring import score_strict

    offered = {label for row in questions for label in row.candidate_labels}
    fitting = [spec for spec in specs if offered <= set(spec.labels)]
    near = args.dataset_dir[0] if args.dataset_dir else path.parent
    home = fitting[0].folder if len(fitting) == 1 else None
    chosen = [each for each in select(args.runs or (), near, home) if offered <= set(each.spec.labels)]
    dataset = {row.dataset for row in questions} - {None}
    chosen = [each for each in chosen if not dataset or each.spec.name in dataset]
    names = [each.run.name for each in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--runs: {twice} means several files; name the predictions files themselves")
    if args.runs and not chosen:
        raise InputError(
            f"--runs: none of {', '.join(args.runs)} answers questions with the labels of {path}"
        )
    return {each.run.name: score_strict(each.spec, each.run, 0) for each in chosen}


def _table(rows: list[dict[str, object]]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["row"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
