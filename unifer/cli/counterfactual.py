"""`unifer counterfactual`: does the reasoning carry the answer? Draw families of faces, ask, score."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import note, progress, say
from unifer.cli.outputs import wrote
from unifer.datasets import load_dataset
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.counterfactuals import FaceFamily
    from unifer.datasets import DatasetSpec
    from unifer.evaluate.trust.sheets import Sheet

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
    parser.add_argument(
        "--continue",
        dest="continue_replies",
        action="store_true",
        help="also edit one AU in each of the model's replies to base faces, let it go on from there, and "
        "count the answers that follow",
    )
    flags.file(parser, "--real", "predictions on annotated faces: their claimed AUs become a rate as well")
    parser.set_defaults(run=_counterfactual, passes_flags_on=True)


def _counterfactual(args: argparse.Namespace) -> int:
    from unifer.cli import infer

    if args.predictions is not None:
        if args.rest or args.draw_only:
            raise InputError(
                f"{(args.rest or ['--draw-only'])[0]}: --predictions asks nothing; leave one of them away"
            )
        return _score(args, args.predictions)
    asking = ["--dataset-dir", str(args.out), *args.rest]
    # Here already, so that a flag that does not exist is said before anything is drawn.
    models = infer.parsed(asking)[1].model or []
    if args.continue_replies and (len(models) > 1 or "--then" in args.rest):
        raise InputError("--continue: one model goes on with its own replies; run the command once per model")
    _draw(args)
    if args.draw_only:
        return 0
    outs = _answers(asking)
    if args.continue_replies:
        spec, run = load_dataset(args.out), outs[0].stem
        _answers(["--dataset-dir", str(_write_continuations(args.out, spec, run, outs[0])), *args.rest])
    return _score(args, outs)


def _answers(asking: list[str]) -> list[Path]:
    from unifer.cli import infer

    summaries = infer.ask(asking)
    if any(summary.missing for summary in summaries):
        raise InputError("some questions have no reply yet, so nothing is scored; run the same command again")
    return [summary.out for summary in summaries]


def _draw(args: argparse.Namespace) -> None:
    from unifer.counterfactuals import SIZE
    from unifer.prepare.counterfactuals.writing import draw_families

    with progress("drawing faces", args.families * SIZE, unit="faces") as advance:
        drawn = draw_families(args.out, args.families, args.seed, args.workers, advance)
    before = "" if drawn else " (drawn before)"
    note(f"{args.families} families of {SIZE} synthetic faces: {args.out}{before}")


def _write_continuations(folder: Path, spec: DatasetSpec, run: str, predictions: Path) -> Path:
    from unifer.evaluate.loading import read_rows
    from unifer.evaluate.trust.continuations import continuation_questions, write_continuations

    bases = [family.base.id for family in _families(spec)]
    questions = continuation_questions(read_rows(predictions), bases)
    note(f"{len(questions):,} edited replies of {run} to go on with")
    return write_continuations(spec, run, questions)


def _families(spec: DatasetSpec) -> list[FaceFamily]:
    from unifer.counterfactuals import FAMILIES, read_families

    path = spec.questions.parent / FAMILIES
    if not path.is_file():
        raise InputError(
            f"{path}: the families are not there; draw them with `unifer counterfactual --out {spec.folder} "
            "--draw-only`"
        )
    return read_families(path)


def _score(args: argparse.Namespace, predictions: list[Path]) -> int:
    from unifer.evaluate.loading import read_rows, run_name
    from unifer.evaluate.trust.claims import claim_rate
    from unifer.evaluate.trust.faithfulness import compare_pairs, faithfulness_sheet
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.faithfulness import faithfulness_text

    spec = load_dataset(args.out)
    families = _families(spec)
    sheets = {}
    real = None if args.real is None else claim_rate(read_rows(args.real), args.real)
    for file in predictions:
        run = run_name(file, spec)
        sheet = faithfulness_sheet(run, spec.name, compare_pairs(families, read_rows(file), file))
        if real is not None:
            sheet = replace(sheet, rates=(*sheet.rates, real[0]), notes=(*sheet.notes, real[1]))
        sheets[file] = _with_continuations(sheet, args, spec, run, file)
    for file, sheet in sheets.items():
        write_sheet(sheet_path(file, "faithfulness"), sheet, file)
        say(faithfulness_text(sheet))
    return wrote([sheet_path(file, "faithfulness") for file in sheets])


def _with_continuations(
    sheet: Sheet, args: argparse.Namespace, spec: DatasetSpec, run: str, predictions: Path
) -> Sheet:
    """The sheet with what the run's continued replies say, where they lie beside it."""
    from unifer.evaluate.loading import read_rows
    from unifer.evaluate.trust.continuations import continued_folder, read_continued, with_continuations

    path = continued_folder(spec, run) / "results" / f"{run}.jsonl"
    if path.is_file():
        return with_continuations(sheet, *read_continued(read_rows(path), path))
    if args.continue_replies:
        folder = _write_continuations(args.out, spec, run, predictions)
        note(
            f"{folder}: the edited replies; ask them under the same name with `unifer infer --dataset-dir` "
            "or `unifer bench --datasets`, then run this again"
        )
    return sheet
