"""The logs of a benchmark for `inspect view`: one a cell, in its log folder, made of the predictions on disk.
Knows files alone.
"""

from __future__ import annotations

from pathlib import Path

from unifer.evaluate.bench.cells import BenchCell
from unifer.evaluate.inference.outputs import read_log


def log_path(log_dir: Path, cell: BenchCell) -> Path:
    """`runs/bench/GPT-4o_rafdb.eval`: a cell keeps its log, which each run that adds answers replaces."""
    return log_dir / f"{cell.plan.out.stem}_{cell.asked.spec.name}.eval"


def write_cell_log(log_dir: Path, cell: BenchCell) -> None:
    """Write the cell's log; nothing where it has no rows."""
    from unifer.evaluate.harness.writing import write_log

    wanted = {question.key for question in cell.plan.questions}
    predictions = [prediction for prediction in read_log(cell.plan.out) if prediction.question.key in wanted]
    if predictions:
        write_log(log_path(log_dir, cell), cell.asked.spec, predictions, cell.plan.identity, asked=cell.total)
