"""What tests of evaluation share: a dataset folder for every test, and what the committed base replies
without a server.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate import asked, served


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return asked.make_dataset(tmp_path / "eval_toy")


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> served.Answers:
    """The replies of the committed base to the first sample questions of RAF-DB, by vLLM in this process."""
    pytest.importorskip("vllm", reason="comes with the full environment")
    return served.ask_base(tmp_path_factory.mktemp("offline") / "rows.jsonl")
