"""Flags of `unifer data build` that only some sets know, and what they ask of a builder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.cli import flags
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.prepare.builders.source import Builder, Options

_FLAGS = {
    name: f"--{name.replace('_', '-')}"
    for name in ("vote_rule", "au_threshold", "frame_step", "fold", "folds", "test_list", "labels", "table")
}
_COLUMNS = ("image", "label", "au", "split", "subject")
_PARTING = {
    "fold": "--fold 1/3 takes the subjects of one fold for the test rows, all others for the training rows",
    "test_list": "--test-list FILE names the test images: a name on each line, or FEA-20K's test rows of "
    "RAF-AU",
}
"""What tells the splits of a set that has none of its own -> how."""


def add_flags(build: argparse.ArgumentParser) -> None:
    """Add those flags."""
    vote_rule = build.add_argument(
        "--vote-rule",
        choices=("published", "majority"),
        help="ferplus: the rule by which votes become a label (default: published for test)",
    )
    flags.add_former_name(build, "--votes", vote_rule)
    flags.add_values(
        build,
        ("--au-threshold", int, None, "N", "disfa: intensity from which an AU is present (default 2)"),
        ("--frame-step", int, None, "N", "disfa, bp4d: every Nth frame (default 1)"),
        (
            *("--fold", str, None, "K/N"),
            "disfa, bp4d: test rows are those of the subjects of fold K of N, training rows those of "
            "all others",
        ),
        (
            *("--folds", Path, None, "FILE"),
            "disfa, bp4d: a published assignment, subject -> fold (YAML, JSON or CSV); default: own folds",
        ),
        (
            *("--test-list", Path, None, "FILE"),
            "rafau: the test images, a name on each line, or rows with 'image' such as FEA-20K's",
        ),
        (
            *("--labels", str, None, "A,B,..."),
            "folder, table: the labels in order; number i in a table is the i-th from 0",
        ),
        ("--table", Path, None, "FILE", "table: the file (default: the only .csv or .tsv of --root)"),
    )
    for column in _COLUMNS:
        build.add_argument(f"--{column}-column", metavar="NAME", help=f"table: header of the {column} column")


def read_options(args: argparse.Namespace, builder: Builder, as_questions: bool) -> Options:
    """What the flags ask of the builder.

    Raises InputError: a flag that means nothing for the set, a value that makes no sense.
    """
    from unifer.prepare.builders.folds import Fold
    from unifer.prepare.builders.source import Options

    _check_kind(args, builder)
    columns = {
        "aus" if name == "au" else name: value
        for name in _COLUMNS
        if (value := getattr(args, f"{name}_column"))
    }
    chosen = {name: value for name in _FLAGS if (value := getattr(args, name)) is not None} | (
        {"columns": columns} if columns else {}
    )
    for name in chosen:
        if name not in builder.flags:
            flag = _FLAGS.get(name, f"--{next(iter(columns), '')}-column")
            raise InputError(f"{flag} means nothing for {builder.name}; leave it out")
    if args.no_images and (args.image_root or args.allow_missing):
        raise InputError(
            "--no-images does not look for images, so it cannot go with --image-root or --allow-missing"
        )
    if not 1 <= chosen.get("au_threshold", 2) <= 5:
        raise InputError(f"--au-threshold {args.au_threshold}: intensities are 1 (trace) to 5 (maximum)")
    if chosen.get("frame_step", 1) < 1:
        raise InputError(f"--frame-step {args.frame_step}: 1 takes every frame, 10 every tenth")
    if args.fold is not None:
        chosen["fold"] = Fold.parse(args.fold)
    _check_split(args, builder)
    if args.labels is not None:
        chosen["labels"] = _labels(args.labels)
    if args.ask_like is not None:
        from unifer.prepare.builders.rows import read_words

        chosen["words"] = read_words(args.ask_like)
    template = args.template or (
        "expression" if args.ask_like or (as_questions and builder.eval_folder) else None
    )
    images = not args.no_images and (args.image_root is not None or not builder.images_on_request)
    return Options(args.root, args.split or builder.splits[0], images, args.allow_missing, template, **chosen)


def _check_kind(args: argparse.Namespace, builder: Builder) -> None:
    """Refuse what the set cannot give, before it is read."""
    if builder.eval_folder or builder.labels or "labels" in builder.flags:
        return
    wanted = {"--ask-like": args.ask_like}
    if args.template != "action-units":
        wanted = {"--template": args.template} | wanted
    for flag, value in wanted.items():
        if value:
            raise InputError(
                f"{flag} {value}: asks for a label, and {builder.title} has none; leave {flag} out"
            )


def _check_split(args: argparse.Namespace, builder: Builder) -> None:
    """A split of a set that has none of its own needs to be told; and what tells it needs a split."""
    parted = args.split in ("train", "test")
    for name, needed in _PARTING.items():
        if name not in builder.flags:
            continue
        value = getattr(args, name)
        if value is not None and not parted:
            raise InputError(
                f"{_FLAGS[name]} {value}: takes --split test or --split train, not {args.split or 'all'}"
            )
        if value is None and parted:
            raise InputError(
                f"--split {args.split}: {builder.title} has no splits of its own that are known here; "
                f"{needed}"
            )


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(","))
    if len(labels) < 2 or not all(labels) or len({label.lower() for label in labels}) < len(labels):
        raise InputError(
            f"--labels {text!r}: two or more different labels, separated by commas, are expected"
        )
    return labels
