"""`unifer data build`: a downloaded dataset becomes question or reward rows, with an image root in which their paths resolve."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli.console import Advance, progress
from unifer.errors import InputError
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.prepare.builders.build import Built
    from unifer.prepare.builders.source import Builder, Options

_FLAGS = {"votes": "--votes", "au_threshold": "--au-threshold", "frame_step": "--frame-step", "labels": "--labels", "table": "--table"}
_COLUMNS = ("image", "label", "au", "split", "subject")


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data build`."""
    build = commands.add_parser(
        "build",
        help="turn a downloaded dataset into rows",
        description="Read one split of a dataset as its authors publish it; write question rows (test splits of the four benchmark sets) "
        "or reward rows (everything else), which are also what `unifer data cot` reads. Says what was dropped and why. "
        "Exit status 1: built, but the counts are not those stated for the dataset.",
    )
    build.add_argument("name", nargs="?", metavar="NAME", help="the dataset; `unifer data build --list` shows them")
    build.add_argument("--list", action="store_true", help="show every dataset with the files it expects")
    build.add_argument("--root", type=Path, metavar="DIR", help="where the dataset lies")
    build.add_argument("--split", metavar="SPLIT", help="train, test, valid or all (default: the first that --list shows)")
    build.add_argument(
        "--out", type=Path, metavar="FILE", help="rows, .json or .jsonl (default: the eval folder's question file, or data/)"
    )
    build.add_argument("--force", action="store_true", help="move an existing FILE aside (FILE.1) instead of refusing")
    build.add_argument(
        "--image-root",
        type=Path,
        nargs="?",
        const=True,
        metavar="DIR",
        help="lay out links there, so that the rows' image paths resolve (without DIR: UNIFER_IMAGE_ROOT, else data/images)",
    )
    _add_words(build)
    build.add_argument("--rows", choices=("questions", "rewards"), help="kind of rows (default: questions for the benchmark's test splits)")
    build.add_argument("--no-images", action="store_true", help="do not look for images")
    build.add_argument("--allow-missing", action="store_true", help="drop rows whose image is missing, instead of refusing")
    build.add_argument("--votes", choices=("published", "majority"), help="ferplus: the vote rule (default: published for test)")
    build.add_argument("--au-threshold", type=int, metavar="N", help="disfa: intensity from which an AU is present (default 2)")
    build.add_argument("--frame-step", type=int, metavar="N", help="disfa, bp4d: every Nth frame (default 1)")
    build.add_argument("--labels", metavar="A,B,...", help="folder, table: the labels in order; number i in a table is the i-th from 0")
    build.add_argument("--table", type=Path, metavar="FILE", help="table: the file (default: the only .csv or .tsv of --root)")
    for column in _COLUMNS:
        build.add_argument(f"--{column}-column", metavar="NAME", help=f"table: header of the {column} column")
    build.set_defaults(run=_build)


def _add_words(build: argparse.ArgumentParser) -> None:
    words = build.add_mutually_exclusive_group()
    words.add_argument("--template", choices=("expression", "joint", "action-units"), help="question asked (default: what the row knows)")
    words.add_argument(
        "--ask-like",
        type=Path,
        metavar="FILE",
        help="ask in the words of this question file, such as a published one, its label list replaced by the set's",
    )


def _build(args: argparse.Namespace) -> int:
    from unifer.places import current_project, default_image_root
    from unifer.prepare.builders import BUILDERS
    from unifer.prepare.builders.build import build, dataset_name, spec_of
    from unifer.prepare.builders.source import Source

    if args.list:
        return _list()
    if args.name not in BUILDERS:
        raise InputError(f"{args.name!r} is no dataset; there are {', '.join(BUILDERS)} (`unifer data build --list` shows their files)")
    if args.root is None:
        raise InputError(f"say where {args.name} lies with --root DIR; `unifer data build --list` shows the files expected there")
    builder = BUILDERS[args.name]
    benchmark = builder.eval_folder is not None and args.split == "test"
    as_questions = args.rows == "questions" or (args.rows is None and benchmark)
    options = _options(args, builder, as_questions)
    project = current_project()
    spec = spec_of(builder, project)
    usual = project / "data" / f"{dataset_name(builder, options, spec)}_{options.split}.jsonl"
    out = args.out or (spec.questions if spec is not None and benchmark and as_questions else usual)
    _check_out(out, args.force)
    source = Source(builder, options, spec)
    with _watched("reading tables", source.megabytes, "MB", least=16) as advance:
        built = build(source, advance)
    image_root = default_image_root(Path.cwd()) if args.image_root is True else args.image_root
    if image_root is not None:
        _lay_out(built, image_root)
    _write(built, out, as_questions, args.ask_like)
    _summary(built, out, image_root)
    return 1 if built.report.differences() else 0


def _options(args: argparse.Namespace, builder: Builder, as_questions: bool) -> Options:
    from unifer.prepare.builders.source import Options

    _check_kind(args, builder, as_questions)
    columns = {"aus" if name == "au" else name: value for name in _COLUMNS if (value := getattr(args, f"{name}_column"))}
    given = {name: value for name in _FLAGS if (value := getattr(args, name)) is not None} | ({"columns": columns} if columns else {})
    for name in given:
        if name not in builder.flags:
            flag = _FLAGS.get(name, f"--{next(iter(columns), '')}-column")
            raise InputError(f"{flag} means nothing for {builder.name}; leave it out")
    if args.no_images and (args.image_root or args.allow_missing):
        raise InputError("--no-images does not look for images, so it cannot go with --image-root or --allow-missing")
    if not 1 <= given.get("au_threshold", 2) <= 5:
        raise InputError(f"--au-threshold {args.au_threshold}: intensities are 1 (trace) to 5 (maximum)")
    if given.get("frame_step", 1) < 1:
        raise InputError(f"--frame-step {args.frame_step}: 1 takes every frame, 10 every tenth")
    if args.labels is not None:
        given["labels"] = _labels(args.labels)
    if args.ask_like is not None:
        from unifer.prepare.builders.words import read_words

        given["words"] = read_words(args.ask_like)
    template = args.template or ("expression" if args.ask_like or (as_questions and builder.eval_folder) else None)
    images = not args.no_images and (args.image_root is not None or not builder.images_on_request)
    return Options(args.root, args.split or builder.splits[0], images, args.allow_missing, template, **given)


def _check_kind(args: argparse.Namespace, builder: Builder, as_questions: bool) -> None:
    """Refuse what the set cannot give, before it is read."""
    labelled = builder.eval_folder or builder.labels or "labels" in builder.flags
    if not labelled and args.template not in (None, "action-units"):
        raise InputError(f"--template {args.template}: asks for a label, and {builder.title} has none; leave --template out")
    if not labelled and args.ask_like:
        raise InputError(f"--ask-like {args.ask_like}: asks for a label, and {builder.title} has none; leave --ask-like out")


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(","))
    if len(labels) < 2 or not all(labels) or len({label.lower() for label in labels}) < len(labels):
        raise InputError(f"--labels {text!r}: two or more different labels, separated by commas, are expected")
    return labels


def _check_out(out: Path, force: bool) -> None:
    if out.suffix not in (".json", ".jsonl"):
        raise InputError(f"--out {out}: rows are written as .json or .jsonl")
    if out.exists() and not force:
        raise InputError(f"{out} exists; it is not overwritten: choose another --out, or move it aside with --force")


def _lay_out(built: Built, image_root: Path) -> None:
    from unifer.prepare.builders.image_root import lay_out

    with progress("laying out images", len(built.faces)) as advance:
        laid = lay_out(built.faces, built.source.tree.root, image_root, built.source.pixels, advance)
    built.report.notes.append(f"image root: {laid.total:,} images, {laid.new:,} of them new")


def _write(built: Built, out: Path, as_questions: bool, ask_like: Path | None) -> None:
    """The rows and their manifest; what was there moves aside only now, when the new rows are certain."""
    from unifer import files, runs
    from unifer.prepare.builders import rows

    builder, options = built.source.builder, built.source.options
    if as_questions:
        made = rows.questions(built.faces, built.asked, options.template)
    else:
        made = rows.rewards(built.faces, built.asked, options.template)
    files.move_aside(out, runs.manifest_path(out))
    with _watched("writing rows", len(built.faces), "rows", least=50_000) as advance:
        files.write_rows(out, _told(made, advance))
    identity: dict[str, Any] = {
        "builder": builder.name,
        "split": options.split,
        "rows": "questions" if as_questions else "rewards",
        "inputs": [runs.describe_file(path) | {"name": name} for name, path in built.source.inputs.items()],
        "labels": list(built.labels),
        "images": options.images,
        "template": options.template,
    }
    identity |= {name: getattr(options, name) for name in ("votes", "au_threshold", "frame_step") if name in builder.flags}
    if options.columns:
        identity["columns"] = dict(options.columns)
    if ask_like is not None:
        identity["ask_like"] = runs.describe_file(ask_like)
    context = {"wording": rows.wording(built.faces, built.asked, options.template).to_json(), "report": built.report.to_json()}
    files.write_json(runs.manifest_path(out), runs.manifest("data build", identity, **context))


@contextmanager
def _watched(title: str, total: int, unit: str, least: int) -> Iterator[Advance]:
    """A progress bar, where there is enough to wait for."""
    if total < least:
        yield lambda amount=1: None
        return
    with progress(title, total, unit=unit) as advance:
        yield advance


def _told(rows: Iterable[Json], advance: Advance) -> Iterator[Json]:
    for number, row in enumerate(rows, 1):
        if number % 1000 == 0:
            advance(1000)
        yield row


def _summary(built: Built, out: Path, image_root: Path | None) -> None:
    from unifer.prepare.builders import rows

    report = built.report
    print(f"{built.source.builder.title}, {built.source.split}: {report.kept:,} rows of {report.read:,} read")
    for reason, dropped in sorted(report.dropped.items(), key=lambda item: -item[1].count):
        print(f"  dropped {dropped.count:>8,}  {reason} ({', '.join(dropped.examples)}{', ...' if dropped.count > 3 else ''})")
    for note in report.notes:
        print(f"  {note}")
    for label, count in report.labels.items():
        print(f"  {label:<12} {count:>8,}")
    for difference in report.differences():
        print(f"  DIFFERS FROM THE STATED COUNT: {difference}")
    if report.stated and not report.differences():
        print("  every label has the count stated in dataset.yaml")
    if report.stated_rows is not None and not report.differences():
        print(f"  {report.stated_rows:,} rows, as its authors state")
    print(f"asked in the words of: {rows.wording(built.faces, built.asked, built.source.options.template).text}")
    print(f"rows: {out}" + (f"\nimages: {image_root}" if image_root else ""))


def _list() -> int:
    from unifer.prepare.builders import BUILDERS

    for builder in BUILDERS.values():
        print(f"{builder.name:<10} {builder.title}; splits: {', '.join(builder.splits)}\n{'':<11}{builder.layout}")
    return 0
