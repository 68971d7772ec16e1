"""Scores by group of people, as tables for a terminal. Computes no rate."""

from __future__ import annotations

from collections.abc import Sequence

from unifer.evaluate.statistics.recalls import ALPHA
from unifer.evaluate.trust.sheets import Sheet
from unifer.records import Json
from unifer.report.layout import grid, interval_text, notes_text, percent, plain, wrapped


def fairness_text(sheet: Sheet) -> str:
    """Per column the groups, worst and gap, what is confused more often for one of them, and the notes."""
    lines = [f"groups of people · {plain(sheet.dataset)} · {plain(sheet.model)}"]
    for column in sheet.details["columns"]:
        lines += ["", *_column_lines(column, sheet)]
    lines += _flip_lines(sheet)
    lines += ["", "percent, 95 % intervals; p by Holm over all pairs of groups, and over all confusions"]
    return "\n".join([*lines, *filter(None, [notes_text(sheet.notes)])])


def _column_lines(column: Json, sheet: Sheet) -> list[str]:
    name = column["column"]
    against = {pair["higher"]: pair["p_holm"] for pair in column["pairs"] if pair["lower"] == column["worst"]}
    rows = [
        [
            plain(group["group"], 24),
            f"{group['n']:,}",
            _bounded(group["accuracy"]),
            _bounded(group["uar"]),
            "worst" if group["group"] == column["worst"] else _p(against.get(group["group"])),
        ]
        for group in column["groups"]
    ]
    head = [plain(name, 24), "faces", "accuracy", f"UAR over {len(column['labels'])}", "p to worst"]
    lines = [grid(head, rows), ""]
    for rate, title in ((f"{name}: gap in UAR", "gap in UAR"), (f"{name}: worst UAR", "UAR of the worst")):
        found = sheet.rate(rate)
        if found is not None:
            bounds = None if found.low is None or found.high is None else (found.low, found.high)
            lines.append(f"  {title:<17}{percent(found.value):>5}{interval_text(bounds)}")
    if column["gap_by_chance"] is not None:
        chance = f"groups without any difference would show {percent(column['gap_by_chance'])} on average"
        lines.append(wrapped(f"{chance} (p of this gap or a wider one {_p(column['p_no_gap'])})", "  ", "  "))
    if column["not_told_from_worst"]:
        others = ", ".join(plain(each, 24) for each in column["not_told_from_worst"])
        lines.append(wrapped(f"not surely better than the worst: {others}", "  ", "    "))
    return [*lines, *_confusion_lines(column["confusions"], column["tests"])]


def _flip_lines(sheet: Sheet) -> list[str]:
    """Answers that change with the person alone; nothing where that was not asked."""
    rates = [rate for rate in sheet.rates if rate.name in ("person flips", "person silences")]
    if not rates:
        return []
    lines = [""]
    for rate in rates:
        value = _bounded((rate.value, rate.low, rate.high))
        lines.append(f"  {rate.name:<17}{value:<22}of {rate.n:,} {plain(rate.of, 70)}")
    changes = [f"{plain(name, 40)} {times:,}" for name, times in sheet.details["person_changes"].items()]
    return [*lines, wrapped(f"commonest: {', '.join(changes[:5]) or 'none'}", "  ", "    ")]


def _confusion_lines(confusions: Sequence[Json], tests: int) -> list[str]:
    sure = [each for each in confusions if each["p_holm"] <= ALPHA]
    if not sure:
        return [f"  no true label is surely mistaken more often in one group ({tests:,} tests)"]
    lines = ["  surely mistaken more often in one group:"]
    for each in sure:
        (hits, n), (fewer, other) = each["higher_counts"], each["lower_counts"]
        text = (
            f"{plain(each['truth'], 16)} as {plain(each['answer'], 16)}: {plain(each['higher'], 24)} "
            f"{percent(hits / n)} ({hits} of {n}), {plain(each['lower'], 24)} {percent(fewer / other)} "
            f"({fewer} of {other}), p {_p(each['p_holm'])}"
        )
        lines.append(wrapped(text, "    ", "      "))
    return lines


def _bounded(bounds: Sequence[float | None]) -> str:
    value, low, high = bounds
    return percent(value) + interval_text(None if low is None or high is None else (low, high))


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
