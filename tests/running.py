"""Which tests run, in which order, and which of them share a process.

Two processes run the suite on two cores. Importing torch, TRL and vLLM costs a process some twenty seconds,
so the tests that need them in their own process share one of the two; the other starts the commands, longest
first, so that neither is left with them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

STACK = "the training stack in this process"

IN_ONE_PROCESS = (
    "tests/train/test_sft.py",
    "tests/train/test_sft_ranks.py",
    "tests/test_end_to_end.py",
    "tests/train/test_rollouts.py",
    "tests/train/test_shared_groups.py",
    "tests/train/test_family_stack.py",
    "tests/train/test_family_runs.py",
    "tests/models/test_engines.py",
    "tests/prepare/curation/test_curation_with_a_model.py",
    "tests/evaluate/harness/test_real_server.py",
    "tests/evaluate/bench/test_bench_with_a_server.py",
    "tests/train/test_server.py",
    "tests/train/test_settings.py",
    "tests/train/test_memory.py",
    "tests/scripts/test_launchers.py",
    "tests/cli/test_doctor.py",
)
FIRST = (
    *IN_ONE_PROCESS,
    "tests/cli/test_synthesis_real.py",
    "tests/train/test_grpo.py",
    "tests/cli/quickstart/test_quickstart.py",
    "tests/evaluate/inference/test_infer.py",
    "tests/evaluate/inference/test_infer_processes.py",
    "tests/evaluate/inference/test_infer_kills.py",
    "tests/train/test_weight_names.py",
    "tests/train/test_tiny_base.py",
    "tests/train/test_launching.py",
)
"""Long ones; everything else follows in its usual order."""


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def in_order(items: list[pytest.Item]) -> None:
    """Put the long files first."""
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(file_of(item.nodeid), len(place)))


def without_matrix(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """What runs by default, and what is left to `--all`."""
    left = [item for item in items if item.get_closest_marker("matrix")]
    return [item for item in items if not item.get_closest_marker("matrix")], left


def scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's `--dist loadfile`, in our order, with the files of `IN_ONE_PROCESS` as one."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return STACK if file_of(nodeid) in IN_ONE_PROCESS else file_of(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def say_what_was_left(reporter: Any, left: Sequence[str]) -> None:
    """List the tests that only `--all` runs."""
    if left:
        reporter.section("left to: bash scripts/test.sh --all")
        for nodeid in left:
            reporter.line(nodeid)
