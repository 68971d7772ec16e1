"""AU lists as label files write them: `1+4+25`, `AU6 AU12`, `L12` for one side, `null` for none."""

from __future__ import annotations

import re

from unifer.action_units import FACS_NUMBERS

_NONE = ("null", "none", "neutral")


def listed(text: str) -> tuple[tuple[int, ...], dict[str, str]]:
    """`"1+L12"` -> `((1, 12), {"AU12": "L"})`; `null` -> none at all. An AU on both sides has no side.

    Raises ValueError for what is no AU that FACS has.
    """
    if text.strip().lower() in _NONE:
        return (), {}
    found: dict[int, set[str]] = {}
    for item in re.split(r"[+,;\s]+", text.strip()):
        match = re.fullmatch(r"(?:AU)?([LR]?)(\d{1,2})", item, re.IGNORECASE)
        if match is None or int(match[2]) not in FACS_NUMBERS:
            raise ValueError(
                f"{item!r} in {text!r} is no AU; allowed are FACS numbers joined by +, with L or R "
                "for one side, or null"
            )
        found.setdefault(int(match[2]), set()).add(match[1].upper())
    sides = {
        f"AU{number}": side.copy().pop()
        for number, side in sorted(found.items())
        if len(side) == 1 and side != {""}
    }
    return tuple(sorted(found)), sides
