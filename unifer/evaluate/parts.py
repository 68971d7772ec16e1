"""A part of a question file, `3/8`: its questions, its results file, and whether parts make a whole.

The K-th of N parts is every N-th question from the K-th on: parts differ by one question at most, each looks
like the whole, and a `--limit` that is widened later moves no question to another part. Knows numbers and
names; rows and manifests are its callers' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from unifer.errors import InputError
from unifer.records import Json

T = TypeVar("T")

KEY = "part"
"""Key of the identity of a run that answers one part alone."""
_NAMED = re.compile(r"\.part-\d+-of-\d+(?=\.)")
_EXPECTED = "K/N is expected, such as 3/8 for the third of eight parts"


@dataclass(frozen=True, order=True)
class QuestionPart:
    """Part `number` of `of`, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str, flag: str = "--part") -> QuestionPart:
        """`3/8`. Raises InputError for anything else, and for a part that does not exist."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        if not found:
            raise InputError(f"{flag} {text}: {_EXPECTED}")
        number, of = map(int, found.groups())
        if not 1 <= number <= of:
            there = (
                "a file is split into 1 part or more" if of < 1 else f"parts of {of} are 1/{of} to {of}/{of}"
            )
            raise InputError(f"{flag} {text}: there is no such part, {there}; {_EXPECTED}")
        return cls(number, of)

    @classmethod
    def in_identity(cls, identity: Mapping[str, object]) -> QuestionPart | None:
        """The part that a manifest's identity names; None for the run of a whole file.

        Raises ValueError: it names no part.
        """
        stated = identity.get(KEY)
        if stated is None:
            return None
        if isinstance(stated, dict) and type(stated.get("number")) is type(stated.get("of")) is int:
            part = cls(stated["number"], stated["of"])
            if 1 <= part.number <= part.of:
                return part
        raise ValueError(f"identity.{KEY} is {stated!r}; a number and what it is of are expected")

    def to_json(self) -> Json:
        return {"number": self.number, "of": self.of}

    def questions(self, whole: Sequence[T]) -> Sequence[T]:
        """Those of `whole` that belong to this part."""
        return whole[self.number - 1 :: self.of]

    def path(self, out: Path) -> Path:
        """Where the part's rows lie, beside the whole run's `out`: `M.jsonl` -> `M.part-3-of-8.jsonl`."""
        return out.with_name(f"{out.stem}.part-{self.number}-of-{self.of}{out.suffix}")


def is_part(path: Path) -> bool:
    """Whether a results file is called as the file of a part is."""
    return _NAMED.search(path.name) is not None


def whole_name(path: Path) -> str:
    """`M.part-3-of-8.jsonl` -> `M.jsonl`."""
    return _NAMED.sub("", path.name)


def all_parts(path: Path) -> str:
    """The shell pattern of a part and the others of its split: `M.part-*-of-8.jsonl`."""
    return re.sub(r"\.part-\d+-of-", ".part-*-of-", path.name)


def missing_parts(claims: Sequence[tuple[Path, QuestionPart]]) -> list[QuestionPart]:
    """The parts of the split that nobody claims.

    Raises InputError for parts of different splits, and for a part that two files claim.
    """
    claimed: dict[QuestionPart, Path] = {}
    for path, part in claims:
        first, known = claims[0]
        if part.of != known.of:
            told = f"{path}: is part {part}, but {first.name} is part {known}"
            raise InputError(f"{told}; merge the parts of one split, and leave those of the other out")
        if part in claimed:
            raise InputError(
                f"{path}: is part {part}, and so is {claimed[part].name}; leave one of the two out"
            )
        claimed[part] = path
    of = claims[0][1].of if claims else 0
    return [part for number in range(1, of + 1) if (part := QuestionPart(number, of)) not in claimed]
