"""`unifer counterfactual`: does the reasoning carry the answer? Draw families of faces, ask, score."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unifer.cli import flags
from unifer.cli.console import note, progress, say
from unifer.cli.outputs import local, wrote
from unifer.datasets import load_dataset
from unifer.errors import InputError

_EPILOG = """\
Further flags are those of `unifer infer`: --model, --engine, --url, --overwrite
and so on. Stopped or killed, the same command goes on where it stopped.
--out is a dataset folder like any other: `unifer bench --datasets DIR` asks
models behind APIs, and --predictions scores what they answered.
docs/trust.md says what each rate counts.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer counterfactual`."""
    parser = commands.add_parser(
        "counterfactual",
        help="faces that differ in one thing: does the reasoning carry the answer?",
        description="Draw families of faces that differ in one thing each (an AU, the person, the light, "
        "...), ask a model about them, and score whether its answers follow what it claims to see.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.folder(parser, "--out", "dataset folder for the faces, drawn where it is not there", required=True)
    flags.add_values(
        parser,
        ("--families", flags.positive, 210, "N", "families of 12 faces (default: 210)"),
        ("--seed", str, "0", "S", "names the families; the same seed draws the same faces"),
        ("--workers", flags.positive, os.cpu_count() or 1, "N", "drawing processes (default: all cores)"),
    )
    flags.switch(parser, "--draw-only", "draw, and ask nothing")
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="score these predictions on the folder's questions, and ask nothing",
    )
    parser.set_defaults(run=_counterfactual, passes_flags_on=True)


def _counterfactual(args: argparse.Namespace) -> int:
    from unifer.cli import infer

    if args.predictions is not None:
        if args.rest or args.draw_only:
            raise InputError(
                f"{(args.rest or ['--draw-only'])[0]}: --predictions asks nothing; leave one of them away"
            )
        return _score(args.out, args.predictions)
    asking = ["--dataset-dir", str(args.out), *args.rest]
    infer.parsed(asking)  # a flag that does not exist is said before anything is drawn
    _draw(args)
    if args.draw_only:
        return 0
    summaries = infer.ask(asking)
    if any(summary.missing for summary in summaries):
        raise InputError("some faces have no reply yet, so nothing is scored; run the same command again")
    return _score(args.out, [summary.out for summary in summaries])


def _draw(args: argparse.Namespace) -> None:
    from unifer.counterfactuals import SIZE
    from unifer.prepare.counterfactuals.writing import draw_families

    with progress("drawing faces", args.families * SIZE, unit="faces") as advance:
        drawn = draw_families(args.out, args.families, args.seed, args.workers, advance)
    note(
        f"{args.families} families of {SIZE} synthetic faces: {args.out}{'' if drawn else ' (drawn before)'}"
    )


def _score(folder: Path, predictions: list[Path]) -> int:
    from unifer.counterfactuals import FAMILIES, read_families
    from unifer.evaluate.loading import read_rows, run_name
    from unifer.evaluate.trust.faithfulness import compare_pairs, faithfulness_sheet
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.faithfulness import faithfulness_text

    spec = load_dataset(folder)
    path = spec.questions.parent / FAMILIES
    if not path.is_file():
        raise InputError(f"{path}: the families are not there; draw them with --out {folder} --draw-only")
    families = read_families(path)
    paths = []
    for file in predictions:
        comparison = compare_pairs(families, read_rows(file), file)
        sheet = faithfulness_sheet(run_name(file, spec), spec.name, comparison)
        paths.append(sheet_path(file, "faithfulness"))
        write_sheet(paths[-1], sheet)
        say(faithfulness_text(sheet))
    return wrote([Path(local(path)) for path in paths])
