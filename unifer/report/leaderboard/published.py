"""`eval_more/published.yaml`: results of others, each with its source and protocol -> typed rows.

Knows no run and computes nothing.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files
from unifer.datasets import ALL, DatasetSpec
from unifer.dialogue.answers import PROTOCOLS
from unifer.errors import InputError

FILE = "published.yaml"
SCALES = {
    **dict.fromkeys(
        ("war", "uar", "macro_f1", "au_macro_f1", "au_micro_f1", "rouge_l", "score"), (0.0, 100.0)
    ),
    "rege": (0.0, 200.0),
    "judge": (1.0, 10.0),
    "pcc": (-1.0, 1.0),
}
"""Metric -> the values it can have."""
_OF_UNITS = ("au_macro_f1", "au_micro_f1", "rege")
"""Metrics whose value depends on which AUs count, on a dataset that names AU sets."""
SETTINGS = ("zero-shot", "fine-tuned", "not stated")
_TABLE = ("source", "protocol", "metric", "setting", "columns", "rows")


@dataclass(frozen=True)
class PublishedSource:
    """Where a number stands; `unconfirmed` is why not to rely on it, None without objections."""

    key: str
    title: str
    unconfirmed: str | None = None


@dataclass(frozen=True)
class Protocol:
    """How a number was made.

    `grading` is the protocol of ours that computes the same, None without one.

    `au_set` names the AUs of the dataset that it runs over; None where it is not about AUs, or they are not
    stated.
    """

    key: str
    text: str
    grading: str | None = None
    au_set: str | None = None


@dataclass(frozen=True)
class PublishedResult:
    """One number as it was published, on the scale of its metric (`SCALES`)."""

    system: str
    dataset: str
    metric: str
    value: float
    setting: str
    source: PublishedSource
    protocol: Protocol


def read_published(path: Path) -> list[PublishedResult]:
    """All results of the file, in its order.

    Raises InputError naming the entry, the key, its value and what is allowed.
    """
    raw = files.read_yaml(path)
    try:
        _keys(raw, "the file", ("sources", "protocols", "tables"))
        sources = {key: _source(key, entry) for key, entry in _mapping(raw["sources"], "'sources'").items()}
        protocols = {
            key: _protocol(key, entry) for key, entry in _mapping(raw["protocols"], "'protocols'").items()
        }
        if not isinstance(raw["tables"], list):
            raise ValueError(f"'tables' must be a list, not {raw['tables']!r}")
        results = [
            result
            for number, table in enumerate(raw["tables"], 1)
            for result in _results(f"table {number}", table, sources, protocols)
        ]
        _refuse_doubled(results)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return results


def beside(
    results: Sequence[PublishedResult], specs: Mapping[str, DatasetSpec]
) -> tuple[list[PublishedResult], list[str]]:
    """The results comparable with scores over the AU sets of `specs`, and notes on those left out.

    A score of AUs over another AU set, or over one that is not stated, is a score of something else.
    """
    left = [result for result in results if not _comparable(result, specs.get(result.dataset))]
    counts = Counter((specs[result.dataset].title, result.protocol.au_set) for result in left)
    notes = [
        f"{count:,} published AU scores on {title} are left out, "
        + (
            f"made over the AU set {au_set}: --au-set {au_set} shows them"
            if au_set
            else "their source does not say over which AUs they run"
        )
        for (title, au_set), count in counts.items()
    ]
    return [result for result in results if result not in left], notes


def _comparable(result: PublishedResult, spec: DatasetSpec | None) -> bool:
    if spec is None or not spec.au_sets or result.metric not in _OF_UNITS:
        return True
    return result.protocol.au_set is not None and result.protocol.au_set == (spec.au_set or ALL)


def _source(key: str, raw: Any) -> PublishedSource:
    _keys(raw, f"source {key!r}", ("title",), ("unconfirmed",))
    return PublishedSource(
        key,
        *(
            _text(raw.get(name), f"source {key!r}: {name!r}")
            for name in ("title", "unconfirmed")
            if name in raw
        ),
    )


def _protocol(key: str, raw: Any) -> Protocol:
    _keys(raw, f"protocol {key!r}", ("text",), ("grading", "au_set"))
    grading = raw.get("grading")
    if grading not in (None, *PROTOCOLS):
        raise ValueError(f"protocol {key!r}: 'grading' is {grading!r}; allowed are {', '.join(PROTOCOLS)}")
    au_set = _text(raw["au_set"], f"protocol {key!r}: 'au_set'") if "au_set" in raw else None
    return Protocol(key, _text(raw["text"], f"protocol {key!r}: 'text'"), grading, au_set)


def _results(
    where: str, raw: Any, sources: dict[str, PublishedSource], protocols: dict[str, Protocol]
) -> list[PublishedResult]:
    _keys(raw, where, _TABLE, ("settings",))
    for name, allowed in (
        ("source", sources),
        ("protocol", protocols),
        ("metric", SCALES),
        ("setting", SETTINGS),
    ):
        _known(where, name, raw[name], allowed)
    columns = raw["columns"]
    if (
        not isinstance(columns, list)
        or not columns
        or not all(isinstance(name, str) for name in columns)
        or len(set(columns)) < len(columns)
    ):
        raise ValueError(f"{where}: 'columns' must be a list of different dataset names, not {columns!r}")
    rows, settings = (
        _mapping(raw["rows"], f"{where}: 'rows'"),
        _mapping(raw.get("settings", {}), f"{where}: 'settings'"),
    )
    for system, setting in settings.items():
        _known(where, "settings", system, rows)
        _known(where, f"settings of {system}", setting, SETTINGS)
    source, protocol, metric = sources[raw["source"]], protocols[raw["protocol"]], raw["metric"]
    return [
        PublishedResult(
            system, dataset, metric, value, settings.get(system, raw["setting"]), source, protocol
        )
        for system, values in rows.items()
        for dataset, value in zip(
            columns, _values(f"{where}: {system!r}", values, len(columns), metric), strict=True
        )
        if value is not None
    ]


def _values(where: str, raw: Any, count: int, metric: str) -> Sequence[float | None]:
    if not isinstance(raw, list) or len(raw) != count:
        raise ValueError(
            f"{where}: {count} values, one a column, are expected (null where there is none), not {raw!r}"
        )
    low, high = SCALES[metric]
    for value in raw:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and low <= value <= high):
            raise ValueError(
                f"{where}: {value!r} is no {metric}; a number from {low:g} to {high:g} or null is expected"
            )
    return raw


def _refuse_doubled(results: Sequence[PublishedResult]) -> None:
    seen = set()
    for result in results:
        key = (result.system, result.dataset, result.metric, result.setting, result.source.key)
        if key in seen:
            raise ValueError(
                f"{result.system!r} has two values of {result.metric} on {result.dataset} from "
                f"{result.source.key}; keep one"
            )
        seen.add(key)


def _keys(raw: Any, where: str, required: Sequence[str], optional: Sequence[str] = ()) -> None:
    allowed = (*required, *optional)
    if not isinstance(raw, dict):
        raise ValueError(f"{where}: a mapping with {', '.join(required)} is expected, not {raw!r}")
    missing = [key for key in required if key not in raw]
    if missing:
        raise ValueError(f"{where}: missing {missing[0]!r}; needed are {', '.join(required)}")
    for key in raw:
        if key not in allowed:
            raise ValueError(
                f"{where}: unknown key {key!r}{_near(key, allowed)}; allowed are {', '.join(allowed)}"
            )


def _mapping(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise ValueError(f"{where} must map names to entries, not {raw!r}")
    return raw


def _known(where: str, name: str, value: Any, allowed: Any) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{where}: {name!r} is {value!r}{_near(value, allowed)}; allowed are {', '.join(allowed)}"
        )


def _near(value: Any, allowed: Any) -> str:
    close = difflib.get_close_matches(str(value), list(allowed), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _text(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(f"{where} must be a non-empty text, not {raw!r}")
    return " ".join(raw.split())
