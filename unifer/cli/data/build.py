"""`unifer data build`: a downloaded dataset becomes question or reward rows, and an image root for them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer import files, runs
from unifer.cli import flags
from unifer.cli.console import progress
from unifer.cli.data.build_options import add_flags, read_options
from unifer.errors import InputError
from unifer.places import current_project, default_image_root
from unifer.progress import Advance
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.prepare.builders.build import Built
    from unifer.prepare.builders.source import Builder, Options


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data build`."""
    build = commands.add_parser(
        "build",
        help="turn a downloaded dataset into rows",
        description="Read one split of a dataset as its authors publish it; write question rows (test splits "
        "of the benchmark sets and of folds) or reward rows (everything else), which are also "
        "what `unifer data cot` reads. Says what was dropped and why. Exit status 1: built, but "
        "the counts are not those stated for the dataset.",
    )
    build.add_argument(
        "name", nargs="?", metavar="NAME", help="the dataset; `unifer data build --list` shows them"
    )
    build.add_argument("--list", action="store_true", help="show every dataset with the files it expects")
    flags.add_values(
        build,
        ("--root", Path, None, "DIR", "where the dataset lies"),
        (
            *("--split", str, None, "SPLIT"),
            "train, test, valid or all (default: the first that --list shows)",
        ),
        (
            *("--out", Path, None, "FILE"),
            "rows, .json or .jsonl (default: the eval folder's question file, or data/)",
        ),
    )
    flags.add_overwrite_once_force(build, "move an existing FILE aside (FILE.1) instead of refusing")
    build.add_argument(
        "--image-root",
        type=Path,
        nargs="?",
        const=True,
        metavar="DIR",
        help="lay out links there, so that the rows' image paths resolve (without DIR: "
        "UNIFER_IMAGE_ROOT, else data/images)",
    )
    _add_words(build)
    _add_missing(build)
    add_flags(build)
    build.set_defaults(run=_build)


def _add_missing(build: argparse.ArgumentParser) -> None:
    build.add_argument("--no-images", action="store_true", help="do not look for images")
    build.add_argument(
        "--allow-missing",
        action="store_true",
        help="drop rows whose image is missing, take what there is of FEA-20K, instead of refusing",
    )


def _add_words(build: argparse.ArgumentParser) -> None:
    build.add_argument(
        "--rows",
        choices=("questions", "rewards"),
        help="kind of rows (default: questions for test splits of benchmark sets and folds)",
    )
    words = build.add_mutually_exclusive_group()
    words.add_argument(
        "--template",
        choices=("expression", "joint", "action-units"),
        help="question asked (default: what the row knows)",
    )
    words.add_argument(
        "--ask-like",
        type=Path,
        metavar="FILE",
        help="ask in the words of this question file, such as a published one, its label list "
        "replaced by the set's",
    )


def _build(args: argparse.Namespace) -> int:
    from unifer.prepare.builders.build import build, dataset_name, spec_of
    from unifer.prepare.builders.folds import refuse_leak
    from unifer.prepare.builders.source import DatasetSource

    if args.list:
        return _list()
    builder = _builder(args)
    benchmark = builder.eval_folder is not None and args.split == "test"
    tested = benchmark or (args.split == "test" and (args.fold or args.test_list) is not None)
    as_questions = args.rows == "questions" or (args.rows is None and tested)
    options = read_options(args, builder, as_questions)
    project = current_project()
    spec = spec_of(builder, project)
    usual = partial(_usual, project, dataset_name(builder, options, spec), options)
    of_folder = spec is not None and benchmark and as_questions
    out = args.out or (spec.questions if spec is not None and of_folder else usual(options.split))
    if out.suffix not in (".json", ".jsonl"):
        raise InputError(f"--out {out}: rows are written as .json or .jsonl")
    flags.refuse_existing(out, args.overwrite)
    source = DatasetSource(builder, options, spec)
    with _watched("reading tables", source.megabytes, "MB", least=16) as advance:
        built = build(source, advance)
    if options.fold is not None:
        other = usual("train" if options.split == "test" else "test")
        refuse_leak({str((face.extra or {})["subject"]) for face in built.faces}, options.fold, other, out)
    image_root = default_image_root(Path.cwd()) if args.image_root is True else args.image_root
    if image_root is not None:
        _lay_out(built, image_root)
    _write(built, out, as_questions, args.ask_like)
    _summary(built, out, image_root)
    return 1 if built.report.differences() else 0


def _builder(args: argparse.Namespace) -> Builder:
    """The builder that NAME means. Raises InputError: there is none, or no --root."""
    from unifer.prepare.builders.registry import BUILDERS

    if args.name not in BUILDERS:
        raise InputError(
            f"{args.name!r} is no dataset; there are {', '.join(BUILDERS)} (`unifer data build "
            "--list` shows their files)"
        )
    if args.root is None:
        raise InputError(
            f"say where {args.name} lies with --root DIR; `unifer data build --list` shows the files "
            "expected there"
        )
    return BUILDERS[args.name]


def _usual(project: Path, name: str, options: Options, split: str) -> Path:
    """`data/rafdb_train.jsonl`, `data/disfa_test.1-of-3.jsonl`: where rows go unless --out says otherwise."""
    fold = f".{options.fold.number}-of-{options.fold.of}" if options.fold else ""
    return project / "data" / f"{name}_{split}{fold}.jsonl"


def _lay_out(built: Built, image_root: Path) -> None:
    from unifer.prepare.builders.image_root import lay_out

    with progress("laying out images", len(built.faces)) as advance:
        root = lay_out(built.faces, built.source.tree.root, image_root, built.source.pixels, advance)
    built.report.notes.append(f"image root: {root.total:,} images, {root.new:,} of them new")


def _write(built: Built, out: Path, as_questions: bool, ask_like: Path | None) -> None:
    """The rows and their manifest; what was there moves aside only now, when the new rows are certain."""
    from unifer.prepare.builders import rows

    builder, options = built.source.builder, built.source.options
    if as_questions:
        output = rows.questions(built.faces, built.facts, options.template)
    else:
        output = rows.rewards(built.faces, built.facts, options.template)
    files.move_aside(out, runs.manifest_path(out))
    with _watched("writing rows", len(built.faces), "rows", least=50_000) as advance:
        files.write_rows(out, _advancing(output, advance))
    identity: dict[str, Any] = {
        "builder": builder.name,
        "split": options.split,
        "rows": "questions" if as_questions else "rewards",
        "inputs": [runs.describe_file(path) | {"name": name} for name, path in built.source.inputs.items()],
        "labels": list(built.labels),
        "images": options.images,
        "template": options.template,
    }
    for name, key in (("vote_rule", "votes"), ("au_threshold", "au_threshold"), ("frame_step", "frame_step")):
        if name in builder.flags:
            identity[key] = getattr(options, name)
    if built.source.folds is not None:
        identity |= {
            "fold": None if options.fold is None else str(options.fold),
            "folds": built.source.folds.to_json(),
        }
    if options.test_list is not None:
        identity["test_list"] = runs.describe_file(options.test_list)
    if options.columns:
        identity["columns"] = dict(options.columns)
    if ask_like is not None:
        identity["ask_like"] = runs.describe_file(ask_like)
    context = {
        "wording": rows.wording(built.faces, built.facts, options.template).to_json(),
        "report": built.report.to_json(),
    }
    files.write_json(runs.manifest_path(out), runs.manifest("data build", identity, **context))


@contextmanager
def _watched(title: str, total: int, unit: str, least: int) -> Iterator[Advance]:
    """A progress bar, where there is enough to wait for."""
    if total < least:
        yield lambda amount=1: None
        return
    with progress(title, total, unit=unit) as advance:
        yield advance


def _advancing(rows: Iterable[Json], advance: Advance) -> Iterator[Json]:
    for number, row in enumerate(rows, 1):
        if number % 1000 == 0:
            advance(1000)
        yield row


def _summary(built: Built, out: Path, image_root: Path | None) -> None:
    from unifer.prepare.builders import rows

    report = built.report
    print(f"{built.source.builder.title}, {built.source.split}: {report.rows:,} rows of {report.read:,} read")
    for reason, dropped in sorted(report.dropped.items(), key=lambda item: -item[1].count):
        print(
            f"  dropped {dropped.count:>8,}  {reason} "
            f"({', '.join(dropped.examples)}{', ...' if dropped.count > 3 else ''})"
        )
    for note in report.notes:
        print(f"  {note}")
    for label, count in report.labels.items():
        print(f"  {label:<12} {count:>8,}")
    for difference in report.differences():
        print(f"  DIFFERS FROM THE STATED COUNT: {difference}")
    if report.expected and not report.differences():
        print("  every label has the count stated in dataset.yaml")
    if report.expected_rows is not None and not report.differences():
        print(f"  {report.expected_rows:,} rows, as its authors state")
    print(
        f"asked in the words of: {rows.wording(built.faces, built.facts, built.source.options.template).text}"
    )
    print(f"rows: {out}" + (f"\nimages: {image_root}" if image_root else ""))


def _list() -> int:
    from unifer.prepare.builders.registry import BUILDERS

    for builder in BUILDERS.values():
        print(
            f"{builder.name:<10} {builder.title}; splits: "
            f"{', '.join(builder.splits)}\n{'':<11}{builder.layout}"
        )
    return 0
