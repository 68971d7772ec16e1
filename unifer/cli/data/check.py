"""`unifer data check`: what is wrong with row files and their images."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import progress, wrapped
from unifer.cli.data import label_audit
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.datasets import DatasetSpec
    from unifer.prepare.checks.duplicates import Copies
    from unifer.prepare.checks.pictures import Fingerprints
    from unifer.prepare.checks.report import CheckReport, FileSummary
    from unifer.prepare.checks.tables import Tables

_EXAMPLES = 3
_BAR = 30


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data check`."""
    check = commands.add_parser(
        "check",
        help="look for faults in row files and their images",
        description="Look through question, CoT and reward files (JSON or JSONL, told apart by their fields) "
        "and the images they name: schema, labels, AUs, replies that the grader refuses, missing "
        "and broken images, copies, class balance. A copy of a test picture in a training file "
        "is an error, renamed, re-encoded, slightly cut or mirrored alike.",
        epilog="Exit status 1 if there is an error. docs/data_checks.md explains each finding.",
    )
    check.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="row files; question files count as test files"
    )
    check.add_argument(
        "--test",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="further files whose pictures must not be trained on",
    )
    add_image_flags(check)
    check.add_argument(
        "--dataset-dir",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="folders with a dataset.yaml (default: FERBench's four)",
    )
    votes = check.add_argument(
        "--vote-file",
        type=Path,
        metavar="FILE",
        help="FERPlus's fer2013new.csv: name questions whose label is not the vote's",
    )
    flags.add_former_name(check, "--votes", votes)
    label_audit.add_flags(check)
    check.add_argument("--json", type=Path, metavar="FILE", help="write every finding there")
    check.set_defaults(run=_check)


def add_image_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of commands that look at the images of rows."""
    parser.add_argument(
        "--image-root", type=Path, metavar="DIR", help="folder that all image paths lie below"
    )
    parser.add_argument(
        "--no-images", action="store_true", help="do not open images: copies are then found by path alone"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="decoding processes (default: all cores)",
    )


def _check(args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.prepare.checks.report import conclude
    from unifer.prepare.checks.tables import Tables

    label_audit.check(args)
    given = [path.resolve() for path in (*args.files, *args.test)]
    twice = next((path for path in given if given.count(path) > 1), None)
    if twice is not None:
        raise InputError(
            f"{twice}: is named twice; name each file once, test files of other rows with --test"
        )
    tables = Tables(check_image_root(args), known_specs(args.dataset_dir))
    with progress("reading", len(given), unit="files") as advance:
        for path in (*args.files, *args.test):
            tables.read(path, test=path in args.test)
            advance()
    report = conclude(tables, *look(tables, args))
    if args.vote_file is not None:
        from unifer.prepare.checks.votes import outvoted

        report.findings.extend(
            finding for path in (*args.files, *args.test) for finding in outvoted(path, args.vote_file)
        )
    _show(report)
    if args.json:
        files.write_json(args.json, report.to_json())
    if args.audit is not None:
        label_audit.audit(args, known_specs(args.dataset_dir))
    return 1 if report.errors else 0


def check_image_root(args: argparse.Namespace) -> Path | None:
    """`--image-root`. Raises InputError where it is no folder."""
    if args.workers < 1:
        raise InputError(f"--workers {args.workers}: at least one process is needed")
    return flags.existing_image_root(args.image_root)


def known_specs(folders: list[Path] | None) -> list[DatasetSpec]:
    """The specs of `folders`, else of the FERBench folders that the project has."""
    from unifer.datasets import load_dataset
    from unifer.places import FERBENCH, current_project

    root = current_project()
    chosen = folders or [root / name for name in FERBENCH if (root / name / "dataset.yaml").is_file()]
    return [load_dataset(folder) for folder in chosen]


def look(tables: Tables, args: argparse.Namespace) -> tuple[Fingerprints | None, Copies]:
    """Decode the pictures of `tables` and find copies, unless `--no-images`."""
    from unifer.prepare.checks import duplicates, pictures

    paths = tables.pictures
    if args.no_images:
        return None, duplicates.Copies.none(len(paths))
    with progress("decoding", len(paths)) as advance:
        prints = pictures.fingerprints(paths, args.workers, advance)
    with progress("comparing", len(paths)) as advance:
        return prints, duplicates.copies(prints, advance)


def _show(report: CheckReport) -> None:
    for summary in report.files:
        print("\n".join(_balance(summary)))
        print()
    for line in _findings(report):
        print(line)
    errors, warnings = report.errors, len(report.findings) - report.errors
    looked = f"{report.pictures:,} pictures" + ("" if report.decoded else " (not opened)")
    rows = sum(summary.rows for summary in report.files)
    verdict = "unfit for use" if errors else "fit for use"
    print(f"{verdict}: {_count(errors, 'error')}, {_count(warnings, 'warning')} in {rows:,} rows, {looked}")


def _balance(summary: FileSummary) -> list[str]:
    kinds = ", ".join(f"{count:,} {_NAMES[kind]}" for kind, count in summary.kinds.items()) or "no rows"
    lines = wrapped(f"{summary.name}: {kinds}{' (test)' if summary.test else ''}")
    modes = ", ".join(f"{count:,} {_MODES.get(mode, mode)}" for mode, count in summary.images.items())
    if modes:
        lines += wrapped(f"images: {modes}", "  ")
    pooled = summary.pooled
    most, total = max(pooled.values(), default=0), sum(pooled.values())
    for label, count in pooled.most_common():
        if most:
            lines.append(
                f"  {label[:14]:<14} {count:>9,} {100 * count / total:>5.1f} %  "
                f"{'#' * round(_BAR * count / most)}".rstrip()
            )
    if summary.ratio is not None:
        lines.append(f"  largest class to smallest: {summary.ratio:.1f}")
    return lines


_NAMES = {"Question": "questions", "CoTRow": "CoT rows", "RewardRow": "reward rows"}
_MODES = {
    "RGB": "colour",
    "L": "gray",
    "1": "black and white",
    "P": "palette",
    "RGBA": "with alpha",
    "LA": "gray with alpha",
}


def _findings(report: CheckReport) -> list[str]:
    from unifer.prepare.checks.findings import ERRORS, KINDS

    lines = []
    for kind, count in report.counts.items():
        lines.append(f"{'error' if kind in ERRORS else 'warning':<8}{count:>8,}  {KINDS[kind]}  [{kind}]")
        of_kind = [finding for finding in report.findings if finding.kind == kind]
        for finding in of_kind[:_EXAMPLES]:
            lines += wrapped(f"{finding.place}: {finding.message}", "    ")
        if count > _EXAMPLES:
            lines.append(f"    ... and {count - _EXAMPLES:,} more (--json FILE lists all)")
        lines.append("")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
