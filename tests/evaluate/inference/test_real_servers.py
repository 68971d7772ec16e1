"""Two real vLLM servers of the committed base, one of them killed: every reply is the offline engine's, token
for token.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="comes with the full environment")

from tests.evaluate.asked import lines
from tests.evaluate.served import ASKED, TOKENS, Answers, answers
from tests.shared import BASE, ROOT
from unifer.cli import main
from unifer.models.server import LocalServer, ServerLost, ServerOptions, serving


@pytest.mark.slow
@pytest.mark.matrix
def test_greedy_replies_of_two_servers_one_of_them_killed_are_the_offline_engines(
    offline: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    out = tmp_path / "rows.jsonl"
    few = ["--sample", "--limit", str(ASKED), "--max-new-tokens", str(TOKENS), "--batch-size", "1"]
    with ExitStack() as stack:
        options = ServerOptions(str(BASE), max_model_len=1024)
        one, two = (
            stack.enter_context(serving(options, "tiny", tmp_path / f"{number}.log")) for number in range(2)
        )
        killer = threading.Thread(target=_kill_after, args=(one, out, 3), daemon=True)
        killer.start()
        asked = ["--dataset-dir", str(ROOT / "eval_rafdb"), "--model", str(BASE), "--out", str(out), *few]
        assert main(["infer", "--engine", "server", "--url", one.url, two.url, *asked]) == 0
        killer.join(timeout=60)
        with pytest.raises(ServerLost, match="was killed by signal 9"):
            one.alive()
    told = [record.getMessage() for record in caplog.records if "taken out" in record.getMessage()]
    assert len(told) == 1
    found = answers(out)
    assert found.keys() == offline.keys()
    for key, row in found.items():
        exact = (row.reply, row.finish_reason, row.prompt_tokens, row.completion_tokens, row.error)
        other = offline[key]
        assert exact == (
            other.reply,
            other.finish_reason,
            other.prompt_tokens,
            other.completion_tokens,
            None,
        ), key


def _kill_after(server: LocalServer, out: Path, rows: int) -> None:
    end = time.monotonic() + 300
    while lines(out) < rows and time.monotonic() < end:
        time.sleep(0.01)
    assert server.group is not None
    os.killpg(server.group, signal.SIGKILL)
