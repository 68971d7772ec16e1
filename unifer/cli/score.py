"""Commands of the scoring side: `eval`, `eval-total`, `export`. None needs torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags, people
from unifer.cli.console import say
from unifer.cli.outputs import figure_of, local, writing, wrote
from unifer.dialogue.answers import PROTOCOLS
from unifer.errors import InputError
from unifer.places import FERBENCH

if TYPE_CHECKING:
    from unifer.datasets import DatasetSpec
    from unifer.evaluate.folds import FoldScores
    from unifer.evaluate.loading import PredictionFile


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add this group's commands."""
    one = commands.add_parser(
        "eval",
        help="score one dataset's predictions",
        description="Score the predictions of one dataset folder.",
    )
    flags.folder(one, "--dataset-dir", "folder with dataset.yaml, such as eval_rafdb", required=True)
    flags.file(one, "--predictions", "predictions or published results; default: the newest in results/")
    one.add_argument(
        "--au-set",
        metavar="NAME",
        help="the AUs that scores run over: all, or one of 'au_sets' in dataset.yaml, such as emola",
    )
    flags.file(one, "--graded", "also write every row with its verdict here (strict only)")
    people.add_flags(one)
    _add_common(one)
    one.set_defaults(run=_eval)

    total = commands.add_parser(
        "eval-total", help="score all datasets together", description="Score one run on several datasets."
    )
    flags.folder(total, "--root", "folder that holds the dataset folders; default: this project")
    total.add_argument(
        "--run",
        dest="run_name",
        metavar="NAME",
        help="run to score; default: the newest that all datasets have",
    )
    total.add_argument(
        "--datasets", nargs="+", default=FERBENCH, metavar="DIR", help=f"default: {' '.join(FERBENCH)}"
    )
    _add_common(total)
    total.set_defaults(run=_eval_total)

    _register_export(commands)


def _register_export(commands: argparse._SubParsersAction[Any]) -> None:
    export = commands.add_parser(
        "export",
        help="write predictions in the published format",
        description="Predictions as a results file.",
    )
    export.add_argument("--predictions", type=Path, required=True, metavar="FILE")
    flags.file(export, "--out", "JSON array, such as rafdb_mymodel_results.json", required=True)
    export.set_defaults(run=_export)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="strict",
        help="strict: one answer, one listed label, every question counts (default); unifer, "
        "facial-r1: the published rules of that name",
    )
    flags.file(parser, "--out", "metrics JSON; the figure goes beside it; default: beside the predictions")
    flags.add_resamples(parser)


def _eval(args: argparse.Namespace) -> int:
    from unifer.datasets import load_dataset
    from unifer.evaluate.loading import PredictionFile, run_name
    from unifer.evaluate.run_files import newest_run

    spec = _with_au_set(load_dataset(args.dataset_dir), args.au_set, args.protocol)
    if args.predictions is None:
        run, count = newest_run(spec)
        choice = f" (newest of {count}; choose with --predictions)" if count > 1 else ""
        say(f"scoring {local(run.path)}{choice}\n")
    else:
        run = PredictionFile(run_name(args.predictions, spec), args.predictions)
    if _about_people(args):
        people.check(args)
    if args.protocol == "strict":
        return _eval_strict(spec, run, args)
    if args.graded is not None:
        raise InputError(f"--graded writes strict verdicts; leave it or --protocol {args.protocol} out")
    return (
        _eval_published(spec, run, args.out)
        if args.protocol == "unifer"
        else _eval_facial_r1(spec, run, args)
    )


def _with_au_set(spec: DatasetSpec, chosen: str | None, protocol: str) -> DatasetSpec:
    """The dataset over the AUs that `--au-set` names.

    Without it, protocol `facial-r1` scores over the AU set of that name, where the dataset has one.
    """
    if chosen is None and protocol in spec.au_sets:
        return spec.with_au_set(protocol)
    return spec.with_au_set(chosen)


def _eval_strict(spec: DatasetSpec, run: PredictionFile, args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.evaluate.scoring import score_strict
    from unifer.report.scores import dataset_text

    out = _output(args.out, run.path.with_name(f"{_stem(run)}.metrics.json"), run.path)
    result = score_strict(spec, run, args.resamples)
    sheets = people.make_sheets(result, args) if _about_people(args) else []
    say(dataset_text(result))
    _say_folds(result.folds)
    written = [out]
    with writing(out):
        files.write_json(out, result.to_json())
        if result.scores is not None:
            written.append(figure_of(out))
            _draw(written[1], result.scores.to_json()["confusion"], f"{spec.title} · {run.name}")
    if args.graded is not None:
        graded = _output(args.graded, args.graded, run.path)
        with writing(graded):
            files.write_rows(graded, [row.to_json() for row in result.graded])
        written.append(graded)
    return wrote([*written, *(people.write_sheets(sheets, run.path) if sheets else [])])


def _about_people(args: argparse.Namespace) -> bool:
    """Whether any flag asks about votes or groups."""
    return any(getattr(args, name) for name in people.FLAGS)


def _eval_published(spec: DatasetSpec, run: PredictionFile, chosen: Path | None) -> int:
    from unifer import files
    from unifer.evaluate.published import score_published
    from unifer.report.scores import published_text

    stem = _stem(run) if run.path.suffix == ".json" else f"{spec.name}_{run.name}"
    out = _output(chosen, run.path.with_name(f"{stem}_metrics.json"), run.path)
    result = score_published(spec, run)
    say(published_text(f"{spec.title} · {run.name}", [result]))
    with writing(out):
        files.write_json(out, result.metrics)
        _draw_published(figure_of(out), result.metrics, f"{spec.title} · {run.name} · unifer")
    return wrote([out, figure_of(out)])


def _eval_facial_r1(spec: DatasetSpec, run: PredictionFile, args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.evaluate.facial_r1 import score_facial_r1
    from unifer.report.au_scores import facial_r1_text

    out = _output(args.out, run.path.with_name(f"{_stem(run)}.facial-r1.metrics.json"), run.path)
    result = score_facial_r1(spec, run, args.resamples)
    say(facial_r1_text(result))
    _say_folds(result.folds)
    with writing(out):
        files.write_json(out, result.to_json())
    return wrote([out])


def _say_folds(folds: FoldScores | None) -> None:
    from unifer.report.scores import folds_text

    if folds is not None:
        say(f"\n{folds_text(folds)}")


def _eval_total(args: argparse.Namespace) -> int:
    from unifer.datasets import load_dataset
    from unifer.evaluate.run_files import common_run
    from unifer.places import project_root
    from unifer.report.layout import plain

    if args.protocol == "facial-r1":
        raise InputError(
            "--protocol facial-r1 has no pooled score; score each dataset by it with `unifer eval`"
        )
    root = args.root or project_root(Path.cwd())
    specs = [load_dataset(root / name) for name in dict.fromkeys(args.datasets)]
    if len({spec.name for spec in specs}) < len(specs):
        raise InputError(
            f"--datasets: two folders name the same dataset: {', '.join(spec.name for spec in specs)}"
        )
    runs = common_run(specs, args.run_name)
    say(f"scoring run {plain(runs[0].name)} in {', '.join(local(spec.folder) for spec in specs)}\n")
    results = root / "eval_total" / "results"
    score = _total_published if args.protocol == "unifer" else _total_strict
    return score(specs, runs, results, args)


def _total_strict(
    specs: list[DatasetSpec], runs: list[PredictionFile], results: Path, args: argparse.Namespace
) -> int:
    from unifer import files
    from unifer.evaluate.overall import overall
    from unifer.evaluate.scoring import score_strict
    from unifer.report.scores import overall_text

    out = _output(args.out, results / f"{runs[0].name}.metrics.json", *(run.path for run in runs))
    result = overall(
        [score_strict(spec, run, args.resamples) for spec, run in zip(specs, runs, strict=True)],
        args.resamples,
    )
    say(overall_text(result))
    with writing(out):
        files.write_json(out, result.to_json())
        _draw(
            figure_of(out),
            result.pooled.to_json()["confusion"],
            f"{len(specs)} datasets pooled · {runs[0].name}",
        )
    return wrote([out, figure_of(out)])


def _total_published(
    specs: list[DatasetSpec], runs: list[PredictionFile], results: Path, args: argparse.Namespace
) -> int:
    from unifer import files
    from unifer.evaluate.published import pool_published, score_published
    from unifer.report.scores import published_text

    out = _output(args.out, results / f"{runs[0].name}_metrics.json", *(run.path for run in runs))
    # The published pooled script reads every dataset's answers with the one-line expression, SFEW's too.
    parts = [score_published(spec, run, "one_line") for spec, run in zip(specs, runs, strict=True)]
    pooled = pool_published(parts)
    say(published_text(runs[0].name, parts, pooled))
    with writing(out):
        files.write_json(out, pooled)
        _draw_published(figure_of(out), pooled, f"{len(specs)} datasets pooled · {runs[0].name} · unifer")
    return wrote([out, figure_of(out)])


def _export(args: argparse.Namespace) -> int:
    from unifer import files
    from unifer.records import Prediction

    out = _output(args.out, args.out, args.predictions)
    if out.suffix != ".json":
        raise InputError(f"--out {out}: the published results format is one JSON array; name it *.json")
    rows = []
    for prediction in files.read_records(
        args.predictions, Prediction.from_json, key=lambda prediction: prediction.question.key
    ):
        row = prediction.question.to_json() | {"model_response": prediction.reply}
        rows.append(
            row | {"model_response": f"ERROR: {prediction.error}", "error": True}
            if prediction.failed
            else row
        )
    with writing(out):
        files.write_rows(out, rows)
    return wrote([out])


def _stem(run: PredictionFile) -> str:
    """`UniFER-7B.jsonl` -> `UniFER-7B`; `rafdb_unifer_7b_results.json` -> `rafdb_unifer_7b`."""
    return run.path.stem.removesuffix("_results")


def _output(chosen: Path | None, default: Path, *inputs: Path) -> Path:
    """Where scores are written. Raises InputError for a folder, and for one of the files `inputs`."""
    out = chosen or default
    if out.is_dir():
        raise InputError(f"{out}: is a folder; give a file name")
    if any(out.absolute() == path.absolute() for path in inputs):
        raise InputError(
            f"{out}: is one of the prediction files, which scoring never overwrites; choose another name"
        )
    return out


def _draw(path: Path, confusion: dict[str, Any], title: str) -> None:
    from unifer.report.figures import confusion_png

    confusion_png(path, confusion["counts"], confusion["truth"], confusion["outcome"], title)


def _draw_published(path: Path, found: dict[str, Any], title: str) -> None:
    labels = [row["emotion"] for row in found["per_class"]]
    _draw(path, {"counts": found["confusion_matrix"], "truth": labels, "outcome": labels}, title)
