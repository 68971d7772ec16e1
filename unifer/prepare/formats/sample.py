"""What every format speaks of: one face, one question, the answer that is wanted.

And how nothing of it gets lost. A format writes a sample in its own words. What reads back otherwise than it
was is kept beside the row: `kept` holds fields that the format has no words for, `instead` those it spells
otherwise, as [what the format says, what it was]. Reading takes `instead` back only while the format still
says the same: who edits a converted row is right. Knows no format and no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

from unifer.dialogue.answers import grade
from unifer.records import CoTRow, Json, RewardRow

CARRIED_KEY = "unifer"
"""The key under which a row carries what its format has no field for."""

_ANSWER = re.compile(r"<answer>(.*?)</answer>\s*\Z", re.DOTALL)
_AU_LISTING = re.compile(r"(?:AU ?\d{1,2}(?:, ?)?)+|none", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A row of any format, in JSON values; None where its row says nothing.

    AUs are spelled as on disk: `["AU6", "AU12"]`.
    """

    image_path: str
    question: str
    response: str | None = None
    solution: str | None = None
    candidate_labels: list[str] | None = None
    id: str | None = None
    dataset: str | None = None
    AUs: list[str] | None = None
    provenance: Json | None = None
    extra: Json | None = None
    """Keys of a foreign row that mean nothing here."""

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """A sample of these values. Raises ValueError for a value that no row may have."""
        solution, response = values.get("solution"), values.get("response")
        if solution is not None and not (isinstance(solution, str) and solution.strip()):
            raise ValueError(f"'solution' must be a non-empty string or null, not {str(solution)[:60]!r}")
        common = {name: values[name] for name in _COMMON if values.get(name) is not None}
        # Whether a row may be without a reply is its format's business: here an absent one stands as a word
        # that passes.
        reply = "-" if response is None else response
        values_read = CoTRow.from_json(
            {"question": values["question"], "response": reply, **common}
        ).to_json()
        row = {name: values_read.get(name) for name in FIELDS}
        return cls(**row | {"response": response, "solution": solution, "extra": values.get("extra") or None})

    @property
    def label(self) -> str | None:
        """The bare label it teaches: of the solution, else the one that the reply answers.

        None where only AUs are coded.
        """
        if self.solution is not None:
            return RewardRow(self.image_path, self.question, self.solution).label
        if self.response is None:
            return None
        if self.candidate_labels is not None:
            return grade(self.response, self.candidate_labels).label
        match = _ANSWER.search(self.response)
        text = match[1].strip() if match else ""
        return None if not text or _AU_LISTING.fullmatch(text) else text


_COMMON = ("image_path", "candidate_labels", "id", "dataset", "AUs", "provenance")
FIELDS = tuple(field.name for field in fields(Sample))


def difference(sample: Sample, native: Sample) -> Json:
    """What a row must carry beside it so that `sample` comes back, where alone it reads as `native`.

    Empty, or `kept` (fields that the row has no words for) and `instead` (fields that it spells otherwise).
    """
    kept, instead = {}, {}
    for name in FIELDS:
        own, alone = getattr(sample, name), getattr(native, name)
        if own != alone and alone is None:
            kept[name] = own
        elif own != alone:
            instead[name] = [alone, own]
    return {key: value for key, value in (("kept", kept), ("instead", instead)) if value}


def restored(native: Sample, carried: Any) -> Sample:
    """`native` with what was kept beside its row. Raises ValueError where that is no work of `difference`."""
    if (
        not isinstance(carried, dict)
        or not carried.keys() <= {"kept", "instead"}
        or not all(isinstance(v, dict) for v in carried.values())
    ):
        raise ValueError(
            f"{CARRIED_KEY!r} is where conversions keep what a format has no field for, not "
            f"{str(carried)[:60]!r}; rename that key"
        )
    kept, instead = carried.get("kept", {}), carried.get("instead", {})
    strangers = [name for name in (*kept, *instead) if name not in FIELDS]
    if strangers or not all(isinstance(pair, list) and len(pair) == 2 for pair in instead.values()):
        raise ValueError(
            f"{CARRIED_KEY!r} was changed: {str(carried)[:60]!r}; remove it, or convert again from the source"
        )
    values = {name: getattr(native, name) for name in FIELDS}
    if "response" in kept and "solution" in instead and values["solution"] != instead["solution"][0]:
        raise ValueError(
            f"the label was {instead['solution'][0]!r} when the reply was kept beside it and is "
            f"{values['solution']!r} now; remove {CARRIED_KEY!r} from this row, or set the label back"
        )
    values |= {name: value for name, value in kept.items() if values[name] is None}
    values |= {name: own for name, (alone, own) in instead.items() if values[name] == alone}
    return Sample(**values)


class Format(NamedTuple):
    """One row format.

    `write` and `read` say a sample in its words, `attach` and `detach` put beside a row what must be carried.
    `write` raises ValueError where the format cannot hold the sample at all, `read` where a row is none of
    this format.
    """

    name: str
    about: str
    suffixes: tuple[str, ...]
    write: Callable[[Sample], Json]
    read: Callable[[Json], Sample]
    attach: Callable[[Json, Json], Json]
    detach: Callable[[Json], tuple[Json, Any]]

    def encode(self, sample: Sample) -> Json:
        """The row that says `sample`, with whatever it has no words for beside it."""
        row = self.write(sample)
        carried = difference(sample, self.read(row))
        if not carried:
            return row
        # As `decode` will see it: an empty object that holds what is kept cannot be told from one that was
        # not there.
        bare, _ = self.detach(self.attach(row, {}))
        return self.attach(row, carried if bare == row else difference(sample, self.read(bare)))

    def decode(self, row: Any) -> Sample:
        """The sample that `row` says. Raises ValueError with the field, its value and what is allowed."""
        if not isinstance(row, dict):
            raise ValueError(f"a row must be a JSON object, not {type(row).__name__} ({str(row)[:60]!r})")
        bare, carried = self.detach(row)
        native = self.read(bare)
        return native if carried is None else restored(native, carried)


def text(row: Json, field: str) -> str:
    """The non-empty string in `row[field]`. Raises ValueError where there is none."""
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        problem = f"not {str(value)[:60]!r}" if field in row else "and is missing"
        raise ValueError(f"{field!r} must be a non-empty string, {problem}")
    return value


def attach_inside(field: str) -> Callable[[Json, Json], Json]:
    """`attach` of a format whose rows have an object `field` for things of their own."""
    return lambda row, carried: row | {field: (row.get(field) or {}) | {CARRIED_KEY: carried}}


def detach_inside(field: str) -> Callable[[Json], tuple[Json, Any]]:
    """`detach` of the same: an object that held nothing else was not there before."""

    def detach(row: Json) -> tuple[Json, Any]:
        inside = row.get(field)
        if not isinstance(inside, dict) or CARRIED_KEY not in inside:
            return row, None
        left = {name: value for name, value in inside.items() if name != CARRIED_KEY}
        return row | {field: left or None}, inside[CARRIED_KEY]

    return detach
