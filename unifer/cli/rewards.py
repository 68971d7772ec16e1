"""`unifer rewards`: what the rewards pay for replies on disk, and why one does not move. Needs no torch."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.train.reward_dry_run import DryRun, RewardSpread

WIDTH = 80
_HEAD = ("reward", "n", "none", "mean", "std", "min", "max", "zero var")


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add this group's commands."""
    dry = commands.add_parser(
        "rewards",
        help="dry-run the rewards on replies",
        description="What each reward pays for replies on disk: mean, spread, and the share of groups "
        "without any. Replies to the same row form a group. Exit status 1 if the total cannot "
        "move a policy.",
    )
    flags.file(dry, "--rows", "reward rows (rlvr.json) or a question file (*_qa.json)", required=True)
    flags.file(
        dry,
        "--replies",
        "predictions, a GRPO run's folder, or rows with id or image_path and reply",
        required=True,
    )
    dry.add_argument(
        "--rewards", metavar="A,B,...", help="names, comma-separated (default: accuracy,format,au_f1)"
    )
    dry.add_argument(
        "--weights", metavar="X,Y,...", help="one number a reward, comma-separated (default: 1 each)"
    )
    dry.add_argument(
        "--completion-limit",
        type=int,
        metavar="N",
        help="most tokens of a completion, which the reward length needs",
    )
    dry.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers here")
    dry.set_defaults(run=_rewards)


def _rewards(args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.train.reward_dry_run import dry_run
    from unifer.train.rewards import DEFAULT, choose

    names = DEFAULT if args.rewards is None else _listed(args.rewards)
    chosen = choose(
        names, None if args.weights is None else [_number(text) for text in _listed(args.weights)]
    )
    limit = args.completion_limit
    if limit is not None and limit < 1:
        raise InputError(f"--completion-limit {limit}: a number of tokens from 1 is expected")
    if "length" in names and limit is None:
        raise InputError(
            "the reward 'length' needs --completion-limit, the most tokens of a completion in training"
        )
    if args.json is not None and args.json.absolute() in (args.rows.absolute(), args.replies.absolute()):
        raise InputError(f"--json {args.json}: is an input, which is never overwritten; choose another name")
    result = dry_run(args.rows, args.replies, chosen, limit)
    print(_text(result))
    if args.json is not None:
        files.write_json(args.json, result.to_json())
    return 1 if result.stuck else 0


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--weights: {text!r} is no number; give one a reward, such as 1,0.5,1") from None


def _text(result: DryRun) -> str:
    """The table, what the grader found, and a note on whatever cannot move; at most 80 columns."""
    counts = result.outcomes
    failed = f", {_counted(result.failed, 'failed row', 'failed rows')} left out" if result.failed else ""
    lines = [
        f"{_counted(result.replies, 'reply', 'replies')} to {_counted(result.rows, 'row', 'rows')}{failed}",
        f"  {counts['answered']:,} answered · {counts['off_list']:,} off list · {counts['no_answer']:,} "
        f"no answer · {counts['well_formed']:,} of exact form",
        "",
        _line(_HEAD),
        "─" * WIDTH,
        *(_line(_cells(name, spread)) for name, spread in result.spreads.items()),
        "─" * WIDTH,
        _line(_cells("total", result.total)),
        "",
        *_explained(result),
    ]
    lines += [
        textwrap.fill(problem, WIDTH, initial_indent="! ", subsequent_indent="  ")
        for problem in result.problems
    ]
    return "\n".join(lines)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _cells(name: str, spread: RewardSpread) -> tuple[str, ...]:
    values = (
        "–" if value is None else f"{value:.3f}"
        for value in (spread.mean, spread.std, spread.low, spread.high)
    )
    share = "–" if spread.zero_variance is None else f"{100 * spread.zero_variance:.0f} %"
    return name, f"{spread.n:,}", f"{spread.none:,}", *values, share


def _line(cells: tuple[str, ...]) -> str:
    name, *rest = cells
    return f"{name:<18}" + "".join(
        f"{cell:>{width}}" for cell, width in zip(rest, (9, 9, 9, 8, 8, 8, 11), strict=True)
    )


def _explained(result: DryRun) -> list[str]:
    weights = " + ".join(
        f"{weight:g} {name}" for name, weight in zip(result.chosen.names, result.chosen.weights, strict=True)
    )
    if result.total.zero_variance is None:
        groups = "needs several replies a row, sampled; here every row has one"
    else:
        groups = "share of groups (the replies to one row) with all rewards equal"
    notes = (f"total = {weights}; none counts as 0", f"zero var: {groups}")
    return [textwrap.fill(note, WIDTH, subsequent_indent="  ") for note in notes]
