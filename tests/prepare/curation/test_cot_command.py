"""`unifer data cot` against a server that misbehaves.

Exit status, what is printed, and a key that shows up nowhere.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.api_server import ApiServer, Body, Reaction, completion, prompt_of, refusal, serving
from tests.prepare.curation.curated import good_reply, lines_of, make_rows
from unifer.cli import main
from unifer.errors import INTERRUPTED
from unifer.models.api import asking
from unifer.prepare.curation.teachers import KEY_VARIABLE

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr(asking, "_FIRST_WAIT", 0.001)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return make_rows(tmp_path)


def good(number: int, body: Body) -> Reaction:
    """A reply that fits whatever the prompt tells, in words of its own."""
    happy = "answer is happiness" in prompt_of(body)
    return completion(good_reply(f"r{2 * number + happy}").text)


def cot(rows: Path, server: ApiServer, *more: str) -> int:
    flags = [
        "--teacher",
        server.url,
        "--model",
        "small-vlm",
        "--out",
        str(rows.with_name("cot.json")),
        "--min-words",
        "5",
        "--repeats",
        "0",
    ]
    return main(["data", "cot", str(rows), *flags, *more])


def nowhere(secret: str, folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_a_whole_run_over_faults_that_pass(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = {
        2: refusal(429, "slow down", {"Retry-After": "0"}),
        3: refusal(429, f"slow down, {KEY}"),
        5: refusal(500, f"boom {KEY}"),
        7: Reaction(body="<html>", content_type="text/html"),
        8: Reaction(body=completion("x").body[:40], promised=99),
        9: Reaction(),
    }
    with serving(lambda number, body: faults.get(number) or good(number, body)) as server:
        assert cot(rows, server) == 0
        assert len(server.requests) == 10 + len(faults)
    assert len(json.loads(rows.with_name("cot.json").read_text())) == 10
    said = capsys.readouterr().err
    assert "10 of 10 rows kept (100%)" in said
    assert "16 requests" in said
    assert all(len(line) <= 80 for line in said.splitlines() if str(rows.parent) not in line)
    failed = [
        line["fault"] for line in lines_of(rows.with_name("cot.log.jsonl")) if line["event"] == "failed"
    ]
    assert sorted(failed) == ["cut", "invalid", "invalid", "rate_limit", "rate_limit", "server"]
    nowhere(KEY, rows.parent)


@pytest.mark.parametrize(
    ("reaction", "says"),
    [
        (
            refusal(401, f"Incorrect API key provided: {KEY}"),
            f"refused the key (HTTP 401); check the key in {KEY_VARIABLE}",
        ),
        (refusal(403, f"{KEY} has no access"), "refused the key (HTTP 403)"),
        (refusal(404, "no such model"), "does not serve 'small-vlm'"),
        (refusal(429, "quota", code="insufficient_quota"), "quota is spent"),
    ],
)
def test_what_no_retry_mends_stops_at_once_and_names_the_server(
    rows: Path, reaction: Reaction, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, body: reaction) as server:
        assert cot(rows, server, "--max-connections", "1") == 2
        said = capsys.readouterr().err
        assert says in said
        assert server.url in said
        assert len(server.requests) <= 5
    assert KEY not in said
    nowhere(KEY, rows.parent)


def test_a_server_that_is_not_there_is_said_at_once(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(good) as server:
        pass
    assert cot(rows, server) == 2
    said = capsys.readouterr().err
    assert server.url in said
    assert "Is the teacher running" in said


def test_a_reply_that_never_comes_is_a_failed_row_and_exit_status_1(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hangs_on_one(number: int, body: Body) -> Reaction:
        return Reaction(hangs=True) if number == 3 else good(number, body)

    with serving(hangs_on_one) as server:
        assert cot(rows, server, "--timeout", "4", "--retries", "0", "--limit", "4") == 1
        said = capsys.readouterr().err
        assert "1 failed; the same command asks them again" in said
        assert "no reply in time" in said
        assert cot(rows, server, "--limit", "4") == 0
    assert len(json.loads(rows.with_name("cot.json").read_text())) == 4


def test_an_empty_reply_is_rejected_and_asked_anew(rows: Path) -> None:
    with serving(lambda number, body: completion("") if number <= 2 else good(number, body)) as server:
        assert cot(rows, server, "--limit", "3") == 0
    rejected = lines_of(rows.with_name("cot.rejected.jsonl"))
    assert [line["reasons"][0] for line in rejected] == ["no_answer", "no_answer"]


def test_ctrl_c_ends_with_130_and_what_was_under_way_stays_counted(rows: Path) -> None:
    arrived = threading.Event()

    def hangs(number: int, body: Body) -> Reaction:
        arrived.set()
        return Reaction(hangs=True)

    with serving(hangs) as server:
        command = [
            sys.executable,
            "-m",
            "unifer",
            "data",
            "cot",
            str(rows),
            "--teacher",
            server.url,
            "--model",
            "small-vlm",
        ]
        process = subprocess.Popen(
            [*command, "--out", str(rows.with_name("cot.json"))], stderr=subprocess.PIPE, text=True
        )
        assert arrived.wait(120)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED
    assert "0 rows are kept so far. The same command goes on from there" in said
    assert "Traceback" not in said
    assert {line["event"] for line in lines_of(rows.with_name("cot.log.jsonl"))} == {"sent"}


def test_no_more_requests_are_in_flight_than_connections(rows: Path) -> None:
    with serving(good) as server:
        assert cot(rows, server, "--max-connections", "2") == 0
    assert server.most_at_once <= 2


def test_a_budget_is_not_overrun_by_concurrency(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(good) as server:
        assert cot(rows, server, "--max-requests", "6", "--max-connections", "8") == 1
        assert len(server.requests) == 6
    assert "4 still open: the budget is spent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--max-cost", "1"], "--price-in and --price-out"),
        (["--price-in", "1"], "belong together"),
        (["--limit", "0"], "--limit 0"),
        (["--min-au-f1", "2"], "min_au_f1"),
        (["--template", "joynt"], "did you mean 'joint'"),
        (["--template", "action-unit-list"], "asks for no think and answer blocks"),
        (["--image-root", "nowhere"], "no such folder"),
        (["--attempts", "0"], "attempts 0"),
        (["--temperature", "3"], "temperature 3"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_sent(
    rows: Path, flags: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(good) as server:
        assert cot(rows, server, *flags) == 2
        assert not server.requests
    assert says in capsys.readouterr().err
