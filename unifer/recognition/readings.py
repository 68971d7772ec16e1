"""What a photo's answer is made of: typed readings, one per face, with JSON in and out.

Boxes are (left, top, right, bottom) in pixels of the upright photo. Field names are the keys of the JSON, so
that a row of `unifer predict`, a server's answer and an object in Python say the same thing in the same
words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from unifer import reading
from unifer.dialogue.answers import Outcome
from unifer.dialogue.votes import VoteShares
from unifer.records import Json

FORMAT = 1
"""Changes whenever a reader of yesterday's rows would misread today's."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a photo, as a detector (or the user) gives it."""

    box: tuple[float, float, float, float]
    score: float | None = None
    """The detector's own, of no common scale: a probability for `yunet`, a count of windows for `cascade`."""
    landmarks: tuple[tuple[float, float], ...] | None = None
    """Five points (x, y): the eye on the left of the picture, the eye on its right, the nose's tip, the left
    and the right corner of the mouth; None where the detector gives none.
    """
    detector: str = "boxes"

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True)
class CropArea:
    """Which part of the photo the model was shown: `box`, turned by `angle` degrees around its middle.

    A box may reach beyond the photo; what lies there is black.
    """

    box: tuple[float, float, float, float]
    margin: float = 0.0
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class AuClaim:
    """One Action Unit that the reasoning affirms, and where it does."""

    number: int
    name: str
    region: str | None
    """None for an AU that FACS has and our table does not place."""
    sentence: str | None
    """The sentence whose word about this AU is the last; None where it cannot be told."""
    spans: tuple[tuple[int, int], ...] = ()
    """`reasoning[start:end]` of each place that affirms it."""
    share: float | None = None
    """The share of the votes that claim it; None without votes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model says about one face of one photo, and how it came to say so."""

    photo: str
    label: str | None
    """The candidate as the question spells it; None where the reply names none, or there is none."""
    outcome: Outcome
    sure: bool | None = None
    """Whether the votes reach the threshold; None without votes: a single reply does not tell."""
    face: Face | None = None
    """None: the whole picture was read, because it is a crop already or because no face was found in it."""
    index: int = 0
    """Which of the photo's faces this is, from the left: 0 is the first."""
    faces: int = 0
    """How many faces were found in the photo."""
    readings: int = 1
    """How many readings this photo gets in all."""
    width: int | None = None
    height: int | None = None
    time: float | None = None
    """Seconds from the start, for a frame of a video."""
    track: int | None = None
    """Number of the person's face within the video: boxes that overlap from frame to frame share one."""
    detector: str = "whole"
    crop: CropArea | None = None
    votes: VoteShares | None = None
    action_units: tuple[AuClaim, ...] = ()
    reasoning: str = ""
    reply: str = ""
    """The reply that label, reasoning and AUs are taken from; of several votes the first that has the
    label.
    """
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """Of all votes together."""
    seconds: float | None = None
    """From the question to the last reply, other faces of the same batch included."""
    labels: tuple[str, ...] = ()
    """The candidates that the question offers."""
    model: str = ""
    warnings: tuple[str, ...] = ()
    error: str | None = None
    format: int = field(default=FORMAT)

    @property
    def failed(self) -> bool:
        return self.error is not None

    def to_json(self) -> Json:
        """The reading as JSON holds it, every key always there."""
        row: Json = _plain(self)
        return row

    @classmethod
    def from_json(cls, row: Any) -> Reading:
        """Raises ValueError with the key, its value and what is allowed."""
        if not isinstance(row, Mapping):
            raise ValueError(f"a reading is a JSON object, not {type(row).__name__}")
        if row.get("format") != FORMAT:
            raise ValueError(f"'format' is {row.get('format')!r}; this version reads {FORMAT}")
        made: Reading = reading.typed(cls, row, "")
        return made


def _plain(value: Any) -> Any:
    """`value` with mappings for its dataclasses and lists for its tuples."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


Which = Literal["all", "largest"]
"""Which faces of a photo are read."""
