"""`unifer data cot`: a teacher model writes the reasoning behind known labels, and a filter chooses."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.cli.console import note
from unifer.errors import InputError
from unifer.progress import Advance

if TYPE_CHECKING:
    from unifer.prepare.curation.outcome import CurationSummary
    from unifer.prepare.curation.plan import CurationLimits, CurationPlan

_EPILOG = """\
The teacher is told the label and the Action Units of a row (--blind: not) and writes a think block and an
answer, as if it had seen the face alone. A row is kept if the reply is well-formed, names the known label and
AUs, neither betrays that it was told nor wavers, and is no near-copy of another. Everything asked goes into
OUT.log.jsonl: stopped or killed, the same command goes on and asks no kept row again. Beside OUT:
.rejected.jsonl with reasons, .report.json, .report.md, .manifest.json. Keys come from the environment
(OPENAI_API_KEY and so on; UNIFER_TEACHER_API_KEY for a URL). Exit status 1: rows are still open, by failures
or by the budget.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data cot`."""
    parser = commands.add_parser(
        "cot",
        help="have a teacher model write reasoning for labelled rows, and filter it",
        description="Ask a teacher model for the reasoning behind known labels; keep the rows that pass the "
        "filter.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "rows", type=Path, metavar="ROWS", help="reward rows (JSON or JSONL) with known labels"
    )
    parser.add_argument(
        "--teacher",
        required=True,
        metavar="MODEL",
        help="openai/gpt-4o-mini, anthropic/..., http://127.0.0.1:8000/v1, or a checkpoint folder",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="kept rows, in the published CoT schema"
    )
    flags.add_values(
        parser,
        ("--model", str, None, "NAME", "with a URL: the name that the server serves the model under"),
        ("--image-root", Path, None, "DIR", "folder that image paths are relative to"),
        ("--limit", int, None, "N", "take the first N rows only"),
        (
            *("--template", str, None, "NAME"),
            "question of the kept rows (default: each row's own; see `unifer data prompts`)",
        ),
    )
    _guidance(parser.add_mutually_exclusive_group())
    _asking(parser.add_argument_group("asking"))
    _budget(parser.add_argument_group("budget, over all runs into the same file"))
    _filter(parser.add_argument_group("filter"))
    parser.set_defaults(run=_cot)


def _guidance(group: argparse._MutuallyExclusiveGroup) -> None:
    group.add_argument(
        "--guided",
        dest="guided",
        action="store_true",
        default=True,
        help="tell the teacher label and AUs (default)",
    )
    group.add_argument(
        "--blind", dest="guided", action="store_false", help="tell it nothing; keep what it finds by itself"
    )


def _asking(group: argparse._ArgumentGroup) -> None:
    flags.add_values(
        group,
        ("--attempts", int, 3, "N", "replies per row before it is given up (default 3)"),
        ("--temperature", float, 0.7, "T", "of the first attempt (default 0.7)"),
        ("--temperature-step", float, 0.15, "T", "more at each further one (default 0.15)"),
        ("--max-tokens", int, 1024, "N", "of one reply (default 1024)"),
        ("--max-connections", int, 32, "N", "requests in flight (default 32)"),
        ("--retries", int, 4, "N", "times a failed request is sent again (default 4)"),
        ("--timeout", float, 120.0, "S", "seconds that one request may take (default 120)"),
    )
    size = group.add_argument(
        "--image-size",
        type=int,
        default=768,
        metavar="PIXELS",
        help="longest side sent to an API (default 768)",
    )
    flags.add_former_name(group, "--image-side", size)
    group.add_argument(
        "--cache", action="store_true", help="let inspect_ai keep and reuse replies in its cache"
    )


def _budget(group: argparse._ArgumentGroup) -> None:
    flags.add_values(
        group,
        ("--max-requests", int, None, "N", "never send more"),
        ("--max-cost", float, None, "USD", "never spend more; needs both prices"),
        ("--price-in", float, None, "USD", "of a million tokens sent"),
        ("--price-out", float, None, "USD", "of a million tokens received"),
    )


def _filter(group: argparse._ArgumentGroup) -> None:
    for bound, words in (("min", 15), ("max", 400)):
        text = f"of the reasoning (default {words})"
        flag = group.add_argument(f"--{bound}-words", type=int, default=words, metavar="WORDS", help=text)
        flags.add_former_name(group, f"--{bound}-length", flag)
    flags.add_values(
        group,
        ("--min-au-f1", float, 0.6, "F1", "AUs against the known ones; 1: exactly (default 0.6)"),
        ("--similarity", float, 0.85, "J", "Jaccard of word 3-grams: near-copies (default 0.85)"),
        ("--repeats", int, 3, "N", "near-copies kept over different faces; 0: any (default 3)"),
    )


def _cot(args: argparse.Namespace) -> int:
    from unifer.prepare.curation.curate import curate

    plan, limits = _plan(args)
    note(
        f"{plan.teacher.name}: {len(plan.rows):,} rows, {'told the labels' if plan.guided else 'asked blind'}"
    )
    summary = curate(plan, limits, _progress)
    _report(summary)
    return 1 if summary.failed or summary.open else 0


def _plan(args: argparse.Namespace) -> tuple[CurationPlan, CurationLimits]:
    from unifer.models.api.budget import Prices
    from unifer.prepare.curation.filter import FilterSettings
    from unifer.prepare.curation.plan import CurationLimits, CurationPlan, read_plan_rows
    from unifer.prepare.curation.teachers import find_teacher

    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit {args.limit}: at least one row is needed")
    if (args.price_in is None) != (args.price_out is None):
        raise InputError(
            "--price-in and --price-out belong together: US dollars per million tokens, as the "
            "provider lists them"
        )
    flags.existing_image_root(args.image_root)
    if args.out.suffix not in (".json", ".jsonl"):
        raise InputError(f"--out {args.out}: must end in .json or .jsonl")
    settings = ("max_tokens", "timeout", "max_connections", "image_size", "cache")
    teacher = find_teacher(args.teacher, args.model, **{name: getattr(args, name) for name in settings})
    repeats = args.repeats or None
    try:
        prices = None if args.price_in is None else Prices(args.price_in, args.price_out)
        limits = CurationLimits(args.max_requests, args.max_cost, prices, args.retries)
        plan = CurationPlan(
            args.rows,
            read_plan_rows(args.rows, args.limit, args.template),
            args.out,
            teacher,
            FilterSettings(
                args.min_words, args.max_words, args.min_au_f1, similarity=args.similarity, repeats=repeats
            ),
            args.image_root,
            args.template,
            args.guided,
            args.attempts,
            args.temperature,
            args.temperature_step,
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    return plan, limits


def _progress(total: int, done: int) -> AbstractContextManager[Advance]:
    return console.progress("curating", total, done, unit="rows")


def _report(summary: CurationSummary) -> None:
    share = f" ({summary.accepted / summary.rows:.0%})" if summary.rows else ""
    note(f"{summary.out}: {summary.accepted:,} of {summary.rows:,} rows kept{share}")
    if summary.exhausted:
        note(f"  {summary.exhausted:,} given up: every reply was rejected")
    if summary.reasons:
        note(
            "  rejected replies: "
            + ", ".join(f"{reason} {count:,}" for reason, count in summary.reasons.most_common(4))
        )
    if summary.failed:
        note(f"  {summary.failed:,} failed; the same command asks them again. The first:")
        note(f"    {summary.first_error}")
    if summary.open:
        note(f"  {summary.open:,} still open: the budget is spent; a larger one goes on from here")
    tokens = f"{summary.tokens_in:,} tokens in, {summary.tokens_out:,} out"
    note(f"  {summary.requests:,} requests, {tokens}" + (f", {summary.cost:.4f} USD" if summary.cost else ""))
    note(f"  {summary.out.with_suffix('.report.md')} says more")
