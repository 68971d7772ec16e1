"""One request until it is answered.

What is sent again and when, what ends the run, and a budget that no race overruns.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.errors import InputError
from unifer.models.api.asking import HOPELESS, Asker, Sent
from unifer.models.api.budget import FREE, PICTURE_TOKENS, Budget, BudgetSpent, Prices, read_log
from unifer.models.api.requests import Answer, Ask, NoReply
from unifer.prepare.curation.curate import CurationLedger
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.near_duplicates import NearDuplicates

GOOD = Answer("yes", "stop", 100, 10)


class Scripted:
    """A teacher that answers or fails by a list, its last item for ever."""

    name = "scripted"

    def __init__(self, *script: Answer | NoReply) -> None:
        self.script = list(script)
        self.asked: list[str] = []

    def picture(self, path: Path, name: str) -> object:
        return None

    async def ask(self, ask: Ask) -> Answer:
        self.asked.append(ask.key)
        found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        await asyncio.sleep(0)
        if isinstance(found, NoReply):
            raise found
        return found

    async def close(self) -> None: ...


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def make(
    path: Path, teacher: Scripted, budget: Budget, retries: int = 2, prices: Prices = FREE
) -> tuple[Asker, CurationLedger, Clock]:
    clock = Clock()
    ledger = CurationLedger(path, NearDuplicates(FilterSettings()), {})
    return (
        Asker(
            teacher,
            budget,
            ledger,
            max_tokens=100,
            retries=retries,
            prices=prices,
            sleep=clock.sleep,
            clock=clock,
        ),
        ledger,
        clock,
    )


def run(
    path: Path, teacher: Scripted, rows: int = 1, budget: Budget | None = None, prices: Prices = FREE
) -> tuple[list[Sent | NoReply], Clock, CurationLedger]:
    async def go() -> tuple[list[Sent | NoReply], Clock, CurationLedger]:
        asker, ledger, clock = make(path, teacher, budget or Budget(None, None), prices=prices)
        found = [await asker.ask(f"row{number}", 1, "prompt", None, 0.0) for number in range(rows)]
        ledger.close()
        return found, clock, ledger

    return asyncio.run(go())


def test_a_transient_fault_is_waited_out_with_growing_waits(tmp_path: Path) -> None:
    teacher = Scripted(NoReply("server", "boom"), NoReply("timeout", "late"), GOOD)
    (found,), clock, _ = run(tmp_path / "log.jsonl", teacher)
    assert isinstance(found, Sent)
    assert found.number == 3
    assert teacher.asked == ["row0#1"] * 3
    assert 0.7 < clock.sleeps[0] < 1.3 < clock.sleeps[1] < 2.6


def test_the_wait_that_the_teacher_asks_for_holds_for_every_request(tmp_path: Path) -> None:
    async def go() -> None:
        teacher = Scripted(NoReply("rate_limit", "slow down", retry_after=30.0), GOOD)
        asker, ledger, clock = make(tmp_path / "log.jsonl", teacher, Budget(None, None))
        await asker.ask("a", 1, "prompt", None, 0.0)
        assert clock.now == 30.0
        await asker.ask("b", 1, "prompt", None, 0.0)
        assert clock.now == 30.0
        ledger.close()

    asyncio.run(go())


def test_a_rate_limit_without_a_time_backs_off(tmp_path: Path) -> None:
    teacher = Scripted(NoReply("rate_limit", "slow down"), GOOD)
    (found,), clock, _ = run(tmp_path / "log.jsonl", teacher)
    assert isinstance(found, Sent)
    assert clock.now > 0.7


def test_an_absurd_retry_after_is_cut(tmp_path: Path) -> None:
    _, clock, _ = run(tmp_path / "log.jsonl", Scripted(NoReply("rate_limit", "slow", retry_after=1e9), GOOD))
    assert clock.now == 600.0


def test_a_refused_request_is_recorded_and_not_sent_again(tmp_path: Path) -> None:
    teacher = Scripted(NoReply("bad_request", "too large"), GOOD)
    found, _, ledger = run(tmp_path / "log.jsonl", teacher, rows=2)
    assert isinstance(found[0], NoReply)
    assert isinstance(found[1], Sent)
    assert teacher.asked == ["row0#1", "row1#1"]
    assert ledger.state("row0").failed == "too large"


@pytest.mark.parametrize("fault", ["key", "no_model", "quota"])
def test_what_every_request_would_meet_ends_the_run_at_once(tmp_path: Path, fault: str) -> None:
    teacher = Scripted(NoReply(fault, "no"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no\. Nothing more was sent"):
        run(tmp_path / "log.jsonl", teacher, rows=5)
    assert len(teacher.asked) == 1


def test_no_connection_from_the_start_ends_the_run_and_one_lost_later_does_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Is the teacher running"):
        run(tmp_path / "never.jsonl", Scripted(NoReply("refused", "no connection")))
    found, _, _ = run(
        tmp_path / "later.jsonl", Scripted(GOOD, NoReply("refused", "no connection"), GOOD), rows=2
    )
    assert all(isinstance(each, Sent) for each in found)


def test_rows_that_fail_one_after_the_other_end_the_run(tmp_path: Path) -> None:
    teacher = Scripted(GOOD, NoReply("bad_request", "too large"))
    with pytest.raises(InputError, match=rf"{HOPELESS} rows in a row.*too large"):
        run(tmp_path / "log.jsonl", teacher, rows=50)
    assert len(teacher.asked) == 1 + HOPELESS


def test_every_send_is_in_the_log_before_it_leaves(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    run(path, Scripted(NoReply("server", "boom"), GOOD))
    events = [(line["event"], line["try"]) for _, line in read_log(path)]
    assert events == [("sent", 1), ("failed", 1), ("sent", 2)]
    assert CurationLedger(path, NearDuplicates(FilterSettings()), {}).spent.requests == 2


# --- the budget ---


def test_no_more_requests_leave_than_allowed_retries_included(tmp_path: Path) -> None:
    teacher = Scripted(NoReply("server", "boom"))
    with pytest.raises(BudgetSpent):
        run(tmp_path / "log.jsonl", teacher, rows=9, budget=Budget(4, None))
    assert len(teacher.asked) == 4


@given(st.integers(0, 20), st.lists(st.integers(1, 3), max_size=12), st.integers(1, 12))
def test_cost_never_exceeds_its_bound_however_many_are_in_flight(
    most: int, costs: list[int], workers: int
) -> None:
    async def go() -> float:
        budget = Budget(None, float(most))
        todo = iter(costs)

        async def worker() -> None:
            for cost in todo:
                try:
                    await budget.reserve(3.0)
                except BudgetSpent:
                    return
                await asyncio.sleep(0)
                await budget.settle(3.0, float(cost))

        await asyncio.gather(*(worker() for _ in range(workers)))
        return budget.cost

    spent = asyncio.run(go())
    assert spent <= most
    assert spent > most - 3 or spent == sum(costs)


def test_a_request_waits_for_those_in_flight_rather_than_give_up(tmp_path: Path) -> None:
    async def go() -> None:
        budget = Budget(None, 5.0)
        await budget.reserve(3.0)
        second = asyncio.create_task(budget.reserve(3.0))
        await asyncio.sleep(0)
        assert not second.done()
        await budget.settle(3.0, 1.0)
        await second
        assert budget.requests == 2

    asyncio.run(go())


def test_the_bound_covers_text_picture_and_reply() -> None:
    prices = Prices(2.0, 8.0)
    assert prices.bound("ab\u00e9", 1000) == pytest.approx((2 * (4 + PICTURE_TOKENS) + 8 * 1000) / 1e6)
    assert prices.charge(100, 10, 9.0) == pytest.approx((200 + 80) / 1e6)
    assert prices.charge(None, 10, 9.0) == 9.0
    assert FREE.bound("text", 10) == 0


def test_a_reply_that_may_have_been_billed_is_charged_with_its_bound(tmp_path: Path) -> None:
    for fault, charged in (("timeout", True), ("cut", True), ("refused", False), ("rate_limit", False)):
        budget = Budget(None, 10.0)
        error = NoReply(fault, "gone")  # type: ignore[arg-type]
        run(
            tmp_path / f"{fault}.jsonl",
            Scripted(GOOD, error, GOOD),
            rows=2,
            budget=budget,
            prices=Prices(1.0, 1.0),
        )
        assert (budget.cost > 0.03) is charged, fault


def test_what_was_under_way_when_a_run_was_killed_stays_charged(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    ledger = CurationLedger(path, NearDuplicates(FilterSettings()), {})
    ledger.sent("a", 1, 1, 0.5)
    ledger.close()
    again = CurationLedger(path, NearDuplicates(FilterSettings()), {})
    assert (again.spent.requests, again.spent.cost) == (1, 0.5)
    again.sent("a", 1, 1, 0.5)
    again.replied("a", 1, Sent(GOOD, 1, 0.5, 0.1, 1.0), {"reasons": ["hedges"]})
    again.close()
    last = CurationLedger(path, NearDuplicates(FilterSettings()), {})
    assert last.spent.requests == 2
    assert last.spent.cost == pytest.approx(0.6)
    assert last.state("a").last_reasons == ("hedges",)


def test_a_file_that_is_no_log_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"image_path": "a"}\n')
    with pytest.raises(InputError, match=r"log\.jsonl:1: is no line of a curation log"):
        CurationLedger(tmp_path / "log.jsonl", NearDuplicates(FilterSettings()), {})
