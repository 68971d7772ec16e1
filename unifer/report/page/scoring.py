"""Scores of several runs at once, each run in one of several processes. Knows no page; what a score is stands
in `evaluate/scoring`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.prepare.parallel import in_chunks


def score_all(
    selected: Sequence[Selected],
    resamples: int,
    advance: Callable[[int], None] | None = None,
    workers: int | None = None,
) -> list[DatasetScores]:
    """What `score_strict` gives for each of `selected`, in order. Raises InputError as it does; `advance`
    hears of runs done.
    """
    work = partial(_scored, resamples=resamples)
    # The largest first, so that no process is left alone with it at the end.
    order = sorted(range(len(selected)), key=lambda at: -selected[at].run.path.stat().st_size)
    chunks = in_chunks(work, [selected[at] for at in order], workers or os.cpu_count() or 1, advance, size=1)
    made = dict(zip(order, (each for chunk in chunks for each in chunk), strict=True))
    return [made[at] for at in range(len(selected))]


def _scored(selected: Sequence[Selected], resamples: int) -> list[DatasetScores]:
    return [score_strict(one.spec, one.run, resamples) for one in selected]
