"""`unifer data rlvr`: builder outputs -> one file of reward rows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import wrapped
from unifer.cli.data.check import add_image_flags, check_image_root, known_specs, look
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.prepare.rlvr.building import RewardFileResult


_FILES: dict[str, Any] = {"type": Path, "metavar": "FILE"}


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data rlvr`."""
    rlvr = commands.add_parser(
        "rlvr",
        help="make one file of reward rows from builder outputs",
        description="Join reward rows (and CoT rows, for their labels) into one file to train on with GRPO: "
        "one row a picture, nothing that a test file shows, in the shares you choose. What is "
        "left out is listed in OUT.dropped.jsonl, counts are in the manifest.",
        epilog="The composition of the published RLVR-360K is not known. docs/data_checks.md explains "
        "the reasons.",
    )
    rlvr.add_argument(
        "files", **_FILES, nargs="+", help="reward or CoT rows, such as `unifer data build` writes"
    )
    rlvr.add_argument("--out", **_FILES, required=True, help="the reward file to write (.json or .jsonl)")
    rlvr.add_argument(
        "--test",
        **_FILES,
        nargs="+",
        default=[],
        help="test files besides the project's eval_*/data/*_qa.json",
    )
    _add_shares(rlvr)
    flags.add_overwrite_once_force(rlvr, "move an existing OUT aside (OUT.1) instead of refusing")
    add_image_flags(rlvr)
    rlvr.set_defaults(run=_rlvr)


def _add_shares(rlvr: argparse.ArgumentParser) -> None:
    rlvr.add_argument(
        "--balance",
        choices=("none", "classes", "weights"),
        default="none",
        help="classes: as many rows of each (with --count: as evenly as that allows); weights: keep "
        "all rows, each with provenance.weight",
    )
    flags.add_values(
        rlvr,
        ("--count", int, None, "N", "rows to write at most (default: as many as the other flags allow)"),
        ("--seed", str, "0", "S", "which rows are drawn; the same seed draws the same"),
    )
    rlvr.add_argument(
        "--mix",
        nargs="+",
        default=[],
        metavar="NAME=SHARE",
        help="share of each dataset, such as rafdb=1 affectnet=2",
    )


def _rlvr(args: argparse.Namespace) -> int:
    from unifer.prepare.rlvr import building
    from unifer.prepare.rlvr.shares import Shares

    shares = Shares(args.balance, args.count, _mix(args.mix), args.seed)
    out: Path = args.out
    if out.suffix not in (".json", ".jsonl"):
        raise InputError(f"--out {out}: the name of a row file ends in .json or .jsonl")
    if out.resolve() in [path.resolve() for path in (*args.files, *args.test)]:
        raise InputError(f"--out {out}: is one of the inputs; choose another name")
    flags.refuse_existing(out, args.overwrite)
    tests = _tests(args)
    tables = building.read(args.files, tests, check_image_root(args), known_specs(None))
    outcome = building.write(tables, *look(tables, args), shares, out)
    _show(outcome, out, len(tests))
    return 0


def _mix(texts: list[str]) -> dict[str, float]:
    mix: dict[str, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=")
        try:
            number = float(share)
        except ValueError:
            name = ""
        if not name or name in mix:
            raise InputError(
                f"--mix {text}: NAME=SHARE is expected, each name once, such as rafdb=1 affectnet=2"
            )
        mix[name] = number
    return mix


def _tests(args: argparse.Namespace) -> list[Path]:
    """The files of `--test`, and the project's question files."""
    from unifer.places import current_project

    of_project = {path.resolve(): path for path in sorted(current_project().glob("eval_*/data/*_qa.json"))}
    given = {path.resolve(): path for path in args.test}
    twice = [path for path in args.files if path.resolve() in of_project | given]
    if twice:
        raise InputError(f"{twice[0]}: is a test file; it cannot be trained on")
    return list((of_project | given).values())


def _show(outcome: RewardFileResult, out: Path, tests: int) -> None:
    from unifer.prepare.rlvr.selection import REASONS

    print(f"{'dataset':<16}{'class':<16}{'read':>10}{'written':>10}")
    for group in sorted(outcome.read):
        dataset, label = group
        counts = f"{outcome.read[group]:>10,}{outcome.written[group]:>10,}"
        print(f"{dataset[:15] or '-':<16}{label[:15] or '(AUs)':<16}{counts}")
    print(f"{'all':<32}{outcome.read.total():>10,}{outcome.written.total():>10,}\n")
    for reason, count in outcome.dropped.items():
        print(f"dropped {count:>10,}  {REASONS[reason]}  [{reason}]")
    if outcome.unseen:
        listed = ", ".join(f"{count:,} of {name}" for name, count in outcome.unseen.items())
        text = (
            f"test images not opened: {listed}. Copies of those were looked for by path alone; name "
            "their folder with --image-root."
        )
        print("\n".join(wrapped(text)))
    print(
        "\n".join(
            wrapped(f"{outcome.written.total():,} reward rows: {out} (compared with {tests} test files)")
        )
    )
