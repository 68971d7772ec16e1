"""One field of a row: its value, else ValueError with the field, the value and what is allowed.

Knows the spelling of fields on disk, which all records share; not which record has which (`records`).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from unifer.action_units import FACS_NUMBERS

Choice = TypeVar("Choice", bound=str)


def check(row: Any, required: Sequence[str], optional: Sequence[str]) -> None:
    """Refuse what is no object, lacks a required field, or has one that nobody knows."""
    if not isinstance(row, Mapping):
        raise ValueError(f"a row must be a JSON object, not {type(row).__name__} ({short(row)})")
    missing = [field for field in required if field not in row]
    if missing:
        raise ValueError(
            f"missing {named(missing)}; a row needs {named(required)} and may have {named(optional)}"
        )
    known = [*required, *optional]
    extra = [field for field in row if field not in known]
    if extra:
        near = difflib.get_close_matches(str(extra[0]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"unknown {named(extra)}{hint}; allowed are {named(known)} (put anything else inside "
            "'provenance')"
        )


def named(names: Sequence[str]) -> str:
    """`['id', 'AUs']` -> `'id', 'AUs'`."""
    return ", ".join(repr(name) for name in names)


def short(value: Any) -> str:
    """The value as an error shows it, at most 80 characters."""
    text_of_value = repr(value)
    return text_of_value if len(text_of_value) <= 80 else text_of_value[:77] + "..."


def text(row: Mapping[str, Any], field: str, default: str | None = None) -> str:
    """A string with something in it; `default` where the field is absent or null."""
    value = row.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{field!r} must be a non-empty string, not {short(value)}")
    return value


def optional_text(row: Mapping[str, Any], field: str) -> str | None:
    """The same, or None where the field is absent or null."""
    return None if row.get(field) is None else text(row, field)


def note(row: Mapping[str, Any], field: str) -> str | None:
    """Any string, an empty one too, or None."""
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{field!r} must be a string or null, not {short(value)}")
    return value


def count(row: Mapping[str, Any], field: str) -> int | None:
    """A whole number from 0, or None."""
    value = row.get(field)
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{field!r} must be a whole number from 0 or null, not {short(value)}")
    return value


def labels(value: Any) -> tuple[str, ...]:
    """Candidate labels: at least one, none twice."""
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(label, str) and label.strip() for label in value)
    ):
        raise ValueError(f"'candidate_labels' must be a non-empty list of strings, not {short(value)}")
    folded = [label.strip().lower() for label in value]
    if len(set(folded)) != len(folded):
        raise ValueError(f"'candidate_labels' names a label twice: {short(value)}")
    return tuple(value)


def question_labels(
    row: Mapping[str, Any], units: tuple[int, ...] | None
) -> tuple[str | None, tuple[str, ...]]:
    """The true label of a question and its candidates; None and none where it asks for AUs alone."""
    truth = None if row["true_label"] is None else text(row, "true_label")
    if truth is None and units is None:
        raise ValueError(
            "'true_label' is null and the row has no 'AUs': nothing could be scored; give it a "
            "label, or its AUs"
        )
    offered = row["candidate_labels"]
    candidates = () if truth is None and offered == [] else labels(offered)
    if truth is None and candidates:
        raise ValueError(
            f"'true_label' is null beside the candidate_labels {named(candidates)}; a question of AUs "
            "has none: []"
        )
    if truth is not None and truth not in candidates:
        raise ValueError(f"'true_label' {truth!r} is not among its candidate_labels {named(candidates)}")
    return truth, candidates


def action_units(value: Any) -> tuple[int, ...] | None:
    """`["AU12", 6]` -> `(6, 12)`; None stays None: not annotated is not the same as none active."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError(f'\'AUs\' must be a list such as ["AU6", "AU12"] or null, not {short(value)}')
    numbers = set()
    for item in value:
        match = (
            re.fullmatch(r"(?:AU)?\s*(\d{1,2})", str(item).strip(), re.IGNORECASE)
            if not isinstance(item, bool)
            else None
        )
        if match is None or int(match[1]) not in FACS_NUMBERS:
            raise ValueError(f"'AUs' holds {short(item)}, which is no FACS action unit; write \"AU12\" or 12")
        numbers.add(int(match[1]))
    return tuple(sorted(numbers))


def votes(row: Mapping[str, Any]) -> dict[str, int] | None:
    """`{"neutral": 4, "sadness": 6}`: how many people named what, one at least; None without votes."""
    value = row.get("votes")
    if value is None:
        return None
    named = isinstance(value, dict) and all(isinstance(name, str) and name.strip() for name in value)
    if (
        not named
        or not all(type(count) is int and count >= 0 for count in value.values())
        or not any(value.values())
    ):
        raise ValueError(
            f"'votes' must map names to numbers of votes from 0, not all of them 0, not {short(value)}"
        )
    return dict(value)


def provenance(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """An object with whatever its maker wrote, or None."""
    value = row.get("provenance")
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"'provenance' must be an object, not {short(value)}")
    return value


def compact(row: dict[str, Any], action_units: tuple[int, ...] | None, **optional: Any) -> dict[str, Any]:
    """`row` plus the optional fields that have a value, AUs spelled `AU12`."""
    if action_units is not None:
        row["AUs"] = [f"AU{number}" for number in action_units]
    return row | {key: value for key, value in optional.items() if value is not None}


def mapping(raw: Any, allowed: Sequence[str], called: str) -> dict[str, Any]:
    """`raw` as a mapping whose keys are all among `allowed`."""
    if not isinstance(raw, dict):
        raise ValueError(f"{called} must be a mapping with {', '.join(allowed)}, not {short(raw)}")
    for key in raw:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{called} has an unknown key {key!r}{hint}; allowed are {', '.join(allowed)}")
    return raw


def texts(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A list of strings, empty where it is absent; numbers in it become text, as a command line has them."""
    value = row.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value):
        raise ValueError(f"{field!r} must be a list of strings, not {short(value)}")
    return tuple(str(item) for item in value)


def truth(row: Mapping[str, Any], field: str, default: bool) -> bool:
    """true or false."""
    value = row.get(field, default)
    if not isinstance(value, bool):
        raise ValueError(f"{field!r} must be true or false, not {short(value)}")
    return value


def whole(row: Mapping[str, Any], field: str, default: int, *, at_least: int) -> int:
    """A whole number."""
    value = row.get(field, default)
    if type(value) is not int or value < at_least:
        raise ValueError(f"{field!r} must be a whole number from {at_least}, not {short(value)}")
    return value


def number(
    row: Mapping[str, Any],
    field: str,
    default: float | None = None,
    *,
    above: float | None = None,
    at_least: float | None = None,
) -> float:
    """A finite number within its bounds."""
    value = row.get(field, default)
    low = at_least if at_least is not None else above
    limit = "" if low is None else f" {'from' if at_least is not None else 'above'} {low:g}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{field!r} must be a number{limit}, not {short(value)}")
    if (above is not None and value <= above) or (at_least is not None and value < at_least):
        raise ValueError(f"{field!r} must be a number{limit}, not {short(value)}")
    return float(value)


def one_of(row: Mapping[str, Any], field: str, allowed: Sequence[Choice], default: Choice) -> Choice:
    """One of a few words."""
    value = row.get(field, default)
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{field!r} is {short(value)}{hint}; allowed are {', '.join(allowed)}")
    return next(word for word in allowed if word == value)
