"""A benchmark as a whole: models behind APIs side by side, those that need a server here one after another.

The loss of a model (no key, not served, its server dies, another run's file) ends that model with its reason
and never another. Models are asked through inspect_ai's providers and leave its logs; its own eval loop is
not used, since it takes more of the processor for a question than the request itself, and sends again what a
hard budget has not counted. Knows who runs when; how one model is asked is `asking`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from unifer.errors import InputError, Interrupted
from unifer.evaluate.bench.asking import NAME, BenchLimits, Questioning, Work, api_spec, open_ledger
from unifer.evaluate.bench.cells import REMEDY, BenchCell
from unifer.evaluate.bench.entries import ModelEntry
from unifer.evaluate.inference import outputs
from unifer.evaluate.inference.infer import check_some_image, finish, rows_of
from unifer.evaluate.inference.outputs import Output, read_log
from unifer.locks import locked
from unifer.models.api.budget import Budget, BudgetSpent, RequestLedger
from unifer.models.api.client import ApiModel
from unifer.models.server import LocalServer, ServerLost

COMMAND = "bench"
_POLL_SECONDS = 0.5

Watching = Callable[[Sequence[BenchCell]], AbstractContextManager[None]]
"""Shows the cells, whose counts change, while its block runs."""


@dataclass(frozen=True)
class Bench:
    """What is run: cells, grouped by model in the order of the models file."""

    cells: Sequence[BenchCell]
    log_dir: Path
    limits: BenchLimits = field(default_factory=BenchLimits)
    retry_failed: bool = False

    def by_model(self) -> list[tuple[ModelEntry, list[BenchCell]]]:
        """Each model with its cells that are not lost already."""
        entries = {cell.entry.name: cell.entry for cell in self.cells}
        return [
            (entry, [cell for cell in self.cells if cell.entry is entry and cell.state != "lost"])
            for entry in entries.values()
        ]


@dataclass(frozen=True)
class BenchSpending:
    """What the log folder's runs have sent and paid so far, this one among them."""

    requests: int
    cost: float


def check_prices(bench: Bench) -> None:
    """With a budget of money every model that is not served here needs prices.

    Raises InputError naming those that have none.
    """
    if bench.limits.max_cost is None:
        return
    hosted = [cell.entry for cell in bench.cells if cell.entry.hosted and cell.state == "waiting"]
    unknown = dict.fromkeys(entry.name for entry in hosted if entry.prices is None)
    if unknown:
        raise InputError(
            "--max-cost needs to know what tokens cost, and the models file has no prices for "
            f"{', '.join(unknown)}; write them there (in: 0, out: 0 for a server of your own), or leave "
            "those models out with --models-only"
        )


def check_images(bench: Bench) -> None:
    """Raises InputError where a dataset has none of its images: a wrong image root, no fault of any model."""
    waiting = {cell.dataset.spec.name for cell in bench.cells if cell.state == "waiting"}
    plans = {cell.dataset.spec.name: cell.plan for cell in reversed(bench.cells)}
    for name in plans:
        if name in waiting:
            check_some_image(plans[name])


def run_bench(bench: Bench, watching: Watching) -> BenchSpending:
    """Ask every open question of every cell; what became of each is in the cell.

    Raises InputError (another benchmark writes the same log folder, no prices, no images) and Interrupted;
    what was answered until then is on disk, and the same call goes on from there.
    """
    check_prices(bench)
    check_images(bench)
    bench.log_dir.mkdir(parents=True, exist_ok=True)
    with locked(bench.log_dir / NAME, "give another --log-dir"):
        ledger = open_ledger(bench.log_dir / NAME)
        limits = bench.limits
        budget = Budget(limits.max_requests, limits.max_cost, requests=ledger.requests, cost=ledger.cost)
        try:
            with watching(bench.cells):
                asyncio.run(_all(bench, budget, ledger))
        except KeyboardInterrupt:
            done, total = (sum(getattr(cell, name) for cell in bench.cells) for name in ("done", "total"))
            raise Interrupted(
                f"stopped; {done:,} of {total:,} questions have their answer on disk. The same command goes "
                "on from there"
            ) from None
        finally:
            ledger.close()
        return BenchSpending(budget.requests, budget.cost)


async def _all(bench: Bench, budget: Budget, ledger: RequestLedger) -> None:
    models = bench.by_model()

    async def here() -> None:
        for entry, cells in models:
            if not entry.hosted:
                await _model(bench, entry, cells, budget, ledger)

    async with asyncio.TaskGroup() as group:
        group.create_task(here())
        for entry, cells in models:
            if entry.hosted:
                group.create_task(_model(bench, entry, cells, budget, ledger))


async def _model(
    bench: Bench, entry: ModelEntry, cells: Sequence[BenchCell], budget: Budget, ledger: RequestLedger
) -> None:
    """Ask one model everything; whatever ends it early is written into its cells."""
    with ExitStack() as stack:
        work = [(cell, output) for cell in cells for output in _opened(bench, cell, stack)]
        before = [rows_of(output) for _, output in work]
        try:
            if any(output.todo() for _, output in work):
                await _ask(bench, entry, work, budget, ledger)
        except* (InputError, ServerLost) as lost:
            for cell, _ in work:
                cell.lose(_first(lost))
        except* BudgetSpent:
            for cell, _ in work:
                if cell.state not in ("done", "lost"):
                    cell.state, cell.reason = "stopped", "the budget is spent; a larger one goes on from here"
        finally:
            for (cell, output), rows in zip(work, before, strict=True):
                await asyncio.to_thread(_end, bench, cell, output, rows)


def _end(bench: Bench, cell: BenchCell, output: Output, before: int) -> None:
    """Count the results file, write its log where it has new rows, and leave no file without a row."""
    if not output.done:
        cell.plan.out.unlink()
        cell.plan.manifest.unlink()
        return
    finish(output, before)
    if rows_of(output) != before or bench.retry_failed:
        write_cell_log(bench.log_dir, cell)


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    """The message of the first exception in a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _opened(bench: Bench, cell: BenchCell, stack: ExitStack) -> Iterator[Output]:
    """The cell's results file; none, and the cell lost, where it cannot be had."""
    try:
        opened = outputs.opened(
            cell.plan, command=COMMAND, overwrite=False, retry_failed=bench.retry_failed, remedy=REMEDY
        )
        output = stack.enter_context(opened)
        if bench.retry_failed:
            cell.recount()
    except InputError as error:
        cell.lose(str(error))
        return
    yield output


async def _ask(bench: Bench, entry: ModelEntry, work: Work, budget: Budget, ledger: RequestLedger) -> None:
    async with _server(bench, entry) as server:
        if server is not None:
            for cell, _ in work:
                cell.state = "starting" if cell.state == "waiting" else cell.state
            server.start()
            while not await asyncio.to_thread(server.ready):
                await asyncio.sleep(_POLL_SECONDS)
        model = ApiModel(api_spec(entry, None if server is None else server.url))
        try:
            questioning = Questioning(entry, work, model, budget, ledger, bench.limits.retries)
            await _watched(questioning, server)
        finally:
            await model.close()


@asynccontextmanager
async def _server(bench: Bench, entry: ModelEntry) -> AsyncIterator[LocalServer | None]:
    """The server that `entry` asks for, not yet started; ended with the block."""
    if entry.server is None:
        yield None
        return
    server = LocalServer(entry.server, entry.name, bench.log_dir / "servers" / f"{entry.name}.log")
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def _watched(questioning: Questioning, server: LocalServer | None) -> None:
    """Ask everything; raises ServerLost once the server is dead, whatever its clients make of that."""
    asking = asyncio.create_task(questioning.all())
    try:
        while not (await asyncio.wait([asking], timeout=_POLL_SECONDS))[0]:
            if server is not None:
                server.alive()
        try:
            await asking
        except* InputError:
            if server is not None:
                server.alive()
            raise
    finally:
        asking.cancel()
        await asyncio.wait([asking])


def log_path(log_dir: Path, cell: BenchCell) -> Path:
    """`runs/bench/GPT-4o_rafdb.eval`: a cell keeps its log, which each run that adds answers replaces."""
    return log_dir / f"{cell.plan.out.stem}_{cell.dataset.spec.name}.eval"


def write_cell_log(log_dir: Path, cell: BenchCell) -> None:
    """Write the cell's log; nothing where it has no rows."""
    from unifer.evaluate.harness.writing import write_log

    wanted = {question.key for question in cell.plan.questions}
    predictions = [prediction for prediction in read_log(cell.plan.out) if prediction.question.key in wanted]
    if predictions:
        write_log(
            log_path(log_dir, cell), cell.dataset.spec, predictions, cell.plan.identity, total=cell.total
        )
