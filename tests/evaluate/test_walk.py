"""How far a reader must go to follow one score: the files that calls enter from `unifer eval` to WAR."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tests.evaluate.scored import dataset, write
from unifer.cli import main
from unifer.evaluate import metrics

PACKAGE = Path(metrics.__file__).parents[1]
ROW = {"prompt": "Which?", "candidate_labels": ["happy", "sad"], "model_response": "<answer>happy</answer>"}


def test_from_the_command_to_war_calls_enter_twelve_files(tmp_path: Path) -> None:
    """They entered 49. Counted from the command's own function: parsing flags is the console's."""
    spec = dataset(tmp_path, "toy")
    path = write(spec.results / "m.jsonl", [{"image_path": "a.png", "true_label": "happy", **ROW}])
    command = ["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), "--resamples", "0"]
    assert main(command) == 0, "everything is imported and drawn once"
    entered: set[str] = set()
    walking = False

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal walking
        code = frame.f_code
        walking = walking or code.co_name == "_eval"
        if walking and Path(code.co_filename).is_relative_to(PACKAGE):
            entered.add(Path(code.co_filename).relative_to(PACKAGE).as_posix())
        walking = walking and code is not metrics.headline_of.__code__

    sys.settrace(trace)
    try:
        assert main(command) == 0
    finally:
        sys.settrace(None)
    assert "evaluate/metrics.py" in entered
    assert len(entered) <= 12, sorted(entered)
