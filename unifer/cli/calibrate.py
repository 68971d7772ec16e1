"""`unifer calibrate`: how sure a model may be, by the votes of its runs. Needs no torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.cli.console import say
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.evaluate.trust.calibration import CalibrationResult

_ABOUT = """\
Measure what the shares of votes are worth: calibration error, Brier score, risk
against coverage. A temperature and a threshold are fitted on one half of the
answers (whole subjects, where questions name them) and judged on the other.
Several runs are datasets of one model: they get one calibration, each a sheet.
A run is a predictions file, a dataset folder (all its runs), a folder above
such folders, or the name of a run of this project, with votes: unifer infer
--votes 8. --out is what unifer predict --calibration reads.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add this command."""
    parser = commands.add_parser(
        "calibrate",
        help="how sure a model may be, by the votes of its runs",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="file, folder or name, with several votes")
    flags.add_stray_dataset(parser)
    flags.file(parser, "--out", "write temperature and threshold here, for `unifer predict --calibration`")
    flags.add_overwrite(parser)
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--coverage",
        type=flags.between(0.01, 1),
        metavar="P",
        help="threshold that leaves this share of the answers sure (default: 0.8)",
    )
    target.add_argument(
        "--accuracy",
        type=flags.between(0.01, 1),
        metavar="P",
        help="lowest threshold with this share of the sure answers right",
    )
    parser.add_argument("--seed", type=flags.whole(0), default=0, metavar="N", help="of the halves")
    flags.add_resamples(parser, least=100)
    parser.set_defaults(run=_calibrate)


def _calibrate(args: argparse.Namespace) -> int:
    from unifer.cli.outputs import wrote
    from unifer.evaluate.loading import open_run
    from unifer.evaluate.run_files import select
    from unifer.evaluate.trust.calibration import calibrate
    from unifer.evaluate.trust.fitting import SureTarget
    from unifer.evaluate.trust.voted_answers import read_voted_run

    selected = select(args.runs, Path.cwd(), args.dataset_dir)
    _check_out(args, [one.run.path for one in selected])
    runs = [read_voted_run(open_run(one.spec, one.run)) for one in selected]
    coverage = 0.8 if args.coverage is None and args.accuracy is None else args.coverage
    target = SureTarget(args.accuracy, coverage)
    result = calibrate(runs, target, seed=args.seed, resamples=args.resamples)
    return wrote(_write(result, args))


def _check_out(args: argparse.Namespace, predictions: list[Path]) -> None:
    """Raises InputError for an `--out` that must not be written."""
    if args.out is None:
        return
    if args.out.is_dir() or args.out.absolute() in [path.absolute() for path in predictions]:
        raise InputError(f"--out {args.out}: is a folder or one of the prediction files; choose another name")
    flags.refuse_existing(args.out, args.overwrite)


def _write(result: CalibrationResult, args: argparse.Namespace) -> list[Path]:
    """Print and write what came of it; the files that were written."""
    from unifer import files
    from unifer.cli.outputs import writing
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.calibration import calibration_png, calibration_text

    paths: list[Path] = []
    for run, sheet in zip(result.runs, result.sheets, strict=True):
        say(calibration_text(sheet) + "\n")
        path = sheet_path(run.loaded.file.path, "calibration")
        with writing(path):
            write_sheet(path, sheet, run.loaded.file.path)
            calibration_png(path.with_suffix(".png"), sheet)
        paths += [path, path.with_suffix(".png")]
    if args.out is not None:
        with writing(args.out):
            if args.overwrite:
                files.move_aside(args.out)
            files.write_json(args.out, result.calibration.to_json())
        paths.append(args.out)
    return paths
