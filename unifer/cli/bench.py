"""`unifer bench`: many models on many datasets, within one budget."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import say
from unifer.dialogue.damage.kinds import parse_damages
from unifer.errors import InputError
from unifer.places import FERBENCH

if TYPE_CHECKING:
    from unifer.datasets import DatasetSpec
    from unifer.evaluate.bench.cells import BenchCell
    from unifer.evaluate.bench.entries import ModelEntry
    from unifer.evaluate.bench.running import Bench

_MODELS = "eval_more/models.yaml"
_EPILOG = """\
Predictions are appended to <dataset>/results/<model>.jsonl as they come, each
file with its manifest, so `unifer eval`, `compare`, `report` and `leaderboard`
read them; logs for `inspect view --log-dir LOG_DIR` are made of them. What is
done is skipped; stopped or killed, the same command goes on, and no question
with an answer on disk is asked again. A model that cannot be asked (no key,
not served, its server dies) ends alone, with its reason in the last table; the
exit status is then 1. Models behind APIs run side by side, those with `vllm:`
one after another. Keys come from the environment: OPENAI_API_KEY and so on,
UNIFER_BENCH_API_KEY for a URL. See docs/bench.md.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer bench`."""
    parser = commands.add_parser(
        "bench",
        help="ask many models the questions of many datasets, and score them",
        description="Ask every model of a models file the questions of every dataset, and score them.",
        epilog=_EPILOG,
    )
    flags.file(parser, "--models", f"models file (default: {_MODELS}); its head explains it")
    parser.add_argument("--models-only", nargs="+", metavar="NAME", help="only these entries of it")
    flags.folder(parser, "--datasets", f"dataset folders (default: {' '.join(FERBENCH)})", nargs="+")
    flags.switch(parser, "--sample", "ask each dataset's committed sample questions (synthetic faces)")
    parser.add_argument(
        "--limit", type=flags.positive, metavar="N", help="ask the first N questions of each dataset only"
    )
    flags.add_votes(parser)
    parser.add_argument(
        "--temperature",
        type=flags.between(0, 10),
        metavar="T",
        help="of the votes (default: each entry's, 0.7 for 0)",
    )
    flags.add_damage(parser)
    flags.add_image_root(parser, "default: data/images")
    flags.folder(parser, "--log-dir", "logs, and what was spent (default: runs/bench)")
    flags.switch(parser, "--retry-failed", "ask the questions again whose row is a failure")
    parser.add_argument(
        "--retries", type=int, default=4, metavar="N", help="how often a request is sent again (default 4)"
    )
    flags.switch(parser, "--dry-run", "say what would be asked, and what it can cost; send nothing")
    budget = parser.add_argument_group("budget, over all runs into the same log folder, retries counted")
    budget.add_argument("--max-requests", type=int, metavar="N", help="never send more")
    budget.add_argument(
        "--max-cost", type=float, metavar="USD", help="never spend more; needs prices in the models file"
    )
    parser.set_defaults(run=_bench)


def _bench(args: argparse.Namespace) -> int:
    from unifer.cli.bench_display import watching
    from unifer.evaluate.bench.running import check_prices, run_bench
    from unifer.report.bench import plan_text

    bench = _plan(args)
    if args.dry_run:
        print(plan_text(bench.cells))
        check_prices(bench)
        return 0
    spent = run_bench(bench, watching)
    say(_results(bench.cells))
    say(
        f"\n{spent.requests:,} requests"
        + (f", {spent.cost:.4f} USD" if spent.cost else "")
        + f", all runs into {bench.log_dir} together"
    )
    say(f"look into them: inspect view --log-dir {bench.log_dir}")
    return 0 if all(cell.state == "done" for cell in bench.cells) else 1


def _plan(args: argparse.Namespace) -> Bench:
    from unifer.evaluate.bench.asking import BenchLimits
    from unifer.evaluate.bench.cells import make_cells, read_datasets
    from unifer.evaluate.bench.entries import read_models
    from unifer.evaluate.bench.running import Bench
    from unifer.places import current_project, renamed

    flags.existing_image_root(args.image_root)
    for name in ("retries", "max_requests", "max_cost"):
        if (getattr(args, name) or 0) < 0:
            raise InputError(f"--{name.replace('_', '-')} {getattr(args, name)} must not be negative")
    root = current_project()
    entries = read_models(renamed(args.models) if args.models else root / _MODELS, args.models_only)
    entries = tuple(_voting(entry, args.votes, args.temperature) for entry in entries)
    datasets = read_datasets(_datasets(args.datasets, root), sample=args.sample, limit=args.limit)
    cells = make_cells(entries, datasets, args.image_root, parse_damages(args.damage), args.votes)
    limits = BenchLimits(args.max_requests, args.max_cost, args.retries)
    return Bench(cells, args.log_dir or root / "runs" / "bench", limits, args.retry_failed)


def _voting(entry: ModelEntry, votes: int, temperature: float | None) -> ModelEntry:
    """`entry` as votes ask it: at `temperature`, else at its own, but never greedily.

    None stays with the provider.

    Raises InputError for a temperature without votes, and for votes that would be alike.
    """
    if votes == 1 and temperature is not None:
        raise InputError(
            f"--temperature {temperature:g} goes with --votes; of single replies the models file sets it"
        )
    own = entry.generation.temperature
    if votes == 1 or (temperature is None and (own is None or own > 0)):
        return entry
    meant = flags.voting_temperature(votes, temperature)
    return replace(entry, generation=replace(entry.generation, temperature=meant))


def _datasets(given: list[Path] | None, root: Path) -> list[DatasetSpec]:
    from unifer.datasets import load_dataset

    return [load_dataset(folder) for folder in given or [root / name for name in FERBENCH]]


def _results(cells: Sequence[BenchCell]) -> str:
    """The last table; a file that cannot be scored says so in its reason."""
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.scoring import score_strict
    from unifer.report.bench import result_text

    scored = {}
    for position, cell in enumerate(cells):
        if cell.done:
            try:
                scored[position] = score_strict(
                    cell.dataset.spec, PredictionFile(cell.plan.out.stem, cell.plan.out)
                )
            except InputError as error:
                cell.reason = cell.reason or str(error)
    return result_text(cells, scored)
