"""`unifer leaderboard`: every model's scores in one table, as Markdown, CSV and HTML."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.dialogue.answers import PROTOCOLS
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.datasets import DatasetSpec
    from unifer.report.leaderboard.lines import Leaderboard
    from unifer.report.leaderboard.published import PublishedResult

_FORMATS = ("md", "csv", "html")
_EPILOG = """\
A RUN is a predictions file, a dataset folder (all of its runs), a folder above
such folders, or the name of a run. Without any, all runs of the project's
dataset folders (eval_*, eval_more/*) stand in it. Runs over other question
files, samples say, get tables of their own. Models whose difference may be
noise share a rank. Published results are lines of their own, with protocol and
source, and have no rank.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer leaderboard`."""
    parser = commands.add_parser(
        "leaderboard",
        help="all models in one table: Markdown, CSV, HTML",
        description="Score runs side by side.",
        epilog=_EPILOG,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="runs to show; default: all of the project")
    flags.folder(parser, "--out", "folder to write to (default: leaderboard)", default=Path("leaderboard"))
    parser.add_argument(
        "--format",
        default=",".join(_FORMATS),
        metavar="LIST",
        help="of md, csv and html, joined by commas (default: all)",
    )
    flags.add_stray_dataset(parser)
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="strict",
        help="strict (default), or the published rules unifer, facial-r1",
    )
    parser.add_argument(
        "--au-set",
        metavar="NAME",
        help="AUs that scores run over, where a dataset has that AU set: all, emola, facial-r1",
    )
    parser.add_argument(
        "--sort",
        metavar="BY",
        help="order of lines: name, or METRIC or METRIC:DATASET, such as uar or war:rafdb",
    )
    _add_trust(parser)
    parser.add_argument("--no-published", action="store_true", help="leave published results out")
    flags.file(parser, "--published", "published results (default: eval_more/published.yaml)")
    flags.add_resamples(parser)
    parser.set_defaults(run=_leaderboard)


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        nargs="?",
        const="",
        metavar="RATE",
        help="rank by trust sheets instead: a kind (faithfulness, votes, damage, calibration, fairness), a "
        "rate, or kind:rate; without RATE, the headline of each kind. Name runs before it",
    )


def _leaderboard(args: argparse.Namespace) -> int:
    from unifer.evaluate.run_files import project_datasets
    from unifer.evaluate.statistics.provenance import differing, differing_words
    from unifer.report.leaderboard.boards import arrange
    from unifer.report.leaderboard.entries import collect
    from unifer.report.leaderboard.published import beside

    formats = _formats(args.format)
    _check_sort(args.sort)
    near = Path.cwd()
    if args.trust is not None:
        return _by_trust(args, formats, near)
    published = _published(args, near)
    known = {spec.name: spec for spec in project_datasets(near)}
    selected = _selected(args, near)
    chosen = _au_set(args, [*known.values(), *(each.spec for each in selected)])
    known = {name: _scored_over(spec, chosen) for name, spec in known.items()}
    selected = [replace(each, spec=_scored_over(each.spec, chosen)) for each in selected]
    if not selected and not published:
        raise InputError(
            "there is nothing to show: no dataset folder holds predictions; make some with `unifer "
            "infer` or `unifer bench`"
        )
    with console.progress("scoring", len(selected), unit="runs") as advance:
        entries, specs = collect(selected, protocol=args.protocol, resamples=args.resamples, advance=advance)
    known |= specs
    shown, left_out = beside(published, known)
    boards = arrange(entries, known, shown, protocol=args.protocol, resamples=args.resamples, sort=args.sort)
    asked = [
        (entry.model, known[name].title, cell.wording)
        for entry in entries
        for name, cell in entry.cells.items()
    ]
    notes = (f"{title}: {note}" for title, note in _notes(boards))
    warnings = [*differing_words(asked), *differing(selected), *left_out, *notes]
    texts = {kind: _text(kind, boards, warnings, published, args.protocol) for kind in formats}
    return _say(boards, warnings, _write(args.out, texts))


def _by_trust(args: argparse.Namespace, formats: list[str], near: Path) -> int:
    given = [name for name in ("sort", "au_set", "published") if getattr(args, name) is not None]
    given += ["protocol"] if args.protocol != "strict" else []
    if given:
        raise InputError(
            f"--{given[0].replace('_', '-')} has no say in ranks by trust sheets, which hold their rates "
            "already; leave it out, or --trust"
        )
    from unifer.report.leaderboard import trust_boards
    from unifer.report.leaderboard.html import html
    from unifer.report.leaderboard.text import markdown
    from unifer.report.leaderboard.trust_rates import rank_by_trust

    rankings = rank_by_trust(_selected(args, near), args.trust)
    boards, notes = trust_boards.trust_boards(rankings), trust_boards.lacking_notes(rankings)
    texts = {
        "md": markdown(boards, notes, trust_boards.EXPLAINED),
        "csv": trust_boards.trust_csv(rankings),
        "html": html(boards, notes, trust_boards.EXPLAINED),
    }
    return _say(boards, notes, _write(args.out, {kind: texts[kind] for kind in formats}))


def _formats(text: str) -> list[str]:
    chosen = list(dict.fromkeys(part.strip() for part in text.split(",")))
    unknown = [name for name in chosen if name not in _FORMATS]
    if unknown:
        raise InputError(f"--format {text}: {unknown[0]!r} is none of {', '.join(_FORMATS)}")
    return chosen


def _check_sort(sort: str | None) -> None:
    from unifer.report.leaderboard.cells import METRICS

    if sort is not None and sort.partition(":")[0] not in ("name", *METRICS):
        raise InputError(
            f"--sort {sort}: name or a metric is expected, of {', '.join(METRICS)}, with a dataset after "
            "a colon if wanted"
        )


def _published(args: argparse.Namespace, near: Path) -> list[PublishedResult]:
    from unifer.places import MORE, project_root
    from unifer.report.leaderboard.published import FILE, read_published

    if args.no_published:
        return []
    path = args.published or project_root(near) / MORE / FILE
    return read_published(path) if args.published or path.is_file() else []


def _selected(args: argparse.Namespace, near: Path) -> list[Any]:
    from unifer.evaluate.run_files import Selected, find_runs, project_datasets, select

    if args.runs:
        return list(select(args.runs, near, args.dataset_dir))
    return [Selected(spec, run) for spec in project_datasets(near) for run in find_runs(spec)]


def _au_set(args: argparse.Namespace, specs: list[DatasetSpec]) -> str | None:
    """The AU set that the flags mean; by protocol `facial-r1` Facial-R1's.

    Raises InputError where no dataset has it.
    """
    from unifer.datasets import ALL

    if args.au_set is None:
        return "facial-r1" if args.protocol == "facial-r1" else None
    there = dict.fromkeys((ALL, *(name for spec in specs for name in spec.au_sets)))
    if args.au_set not in there:
        raise InputError(
            f"--au-set {args.au_set}: no dataset has such an AU set; allowed are {', '.join(there)}"
        )
    return str(args.au_set)


def _scored_over(spec: DatasetSpec, au_set: str | None) -> DatasetSpec:
    """The dataset over that AU set, or over its own where it has none of that name."""
    return spec.with_au_set(au_set if au_set == "all" or au_set in spec.au_sets else None)


def _notes(boards: list[Leaderboard]) -> list[tuple[str, str]]:
    """(model on dataset, what is odd about its run), each once."""
    found: dict[tuple[str, str], None] = {}
    for board in boards:
        titles = dict(board.datasets)
        for entry in board.entries:
            for name, cell in entry.cells.items():
                found |= dict.fromkeys((f"{entry.model} on {titles[name]}", note) for note in cell.notes)
    return list(found)


def _write(out: Path, texts: dict[str, str]) -> list[Path]:
    """Write each text as `leaderboard.FORMAT` below `out`."""
    from unifer import files

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; a folder is expected")
    for kind, text in texts.items():
        files.write_text(out / f"leaderboard.{kind}", text)
    return [out / f"leaderboard.{kind}" for kind in texts]


def _text(
    kind: str, boards: list[Leaderboard], warnings: list[str], published: list[PublishedResult], protocol: str
) -> str:
    if kind == "csv":
        from unifer.report.leaderboard.csv_rows import csv

        return csv(boards, published, protocol)
    if kind == "md":
        from unifer.report.leaderboard.text import markdown

        return markdown(boards, warnings)
    from unifer.report.leaderboard.html import html

    return html(boards, warnings)


def _say(boards: list[Leaderboard], warnings: list[str], written: list[Path]) -> int:
    from unifer.report.layout import notes_text, plain
    from unifer.report.leaderboard.text import terminal

    print(terminal(boards))
    if warnings:
        print(notes_text(warnings))
    print("\nwrote " + "\n      ".join(plain(str(path), 4096) for path in written))
    return 0
