"""How photos are read: what is asked, which faces, how they are cut out, how many votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from unifer.dialogue import prompts
from unifer.dialogue.votes import TEMPERATURE, Calibration
from unifer.emotions import EMOTIONS
from unifer.errors import InputError
from unifer.recognition.crops import CropSettings
from unifer.recognition.detectors import CASCADE
from unifer.recognition.readings import Which
from unifer.records import Json


@dataclass(frozen=True)
class ReadingSettings:
    """One way to read photos. Raises ValueError for what contradicts itself."""

    labels: tuple[str, ...] = EMOTIONS
    """The candidates, in the order in which the question names them."""
    prompt: str | None = None
    """The question in full; None: the project's own over `labels`."""
    detector: str = CASCADE
    which: Which = "all"
    crop: CropSettings = field(default_factory=CropSettings)
    votes: int = 1
    temperature: float | None = None
    """Of sampling; None: 0 (greedy) for one reply, 0.7 for several."""
    threshold: float | None = None
    """Confidence below which a label is "not sure"; None: the calibration's, or 0.5."""
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len({label.strip().lower() for label in self.labels}) != len(self.labels):
            raise ValueError(
                f"labels {', '.join(self.labels) or '(none)'}: two or more are needed, none of them twice"
            )
        if not all(label.strip() for label in self.labels):
            raise ValueError(f"labels {', '.join(self.labels)!r}: no label is empty")
        if self.which not in ("all", "largest"):
            raise ValueError(f"which {self.which!r} is not one of all, largest")
        if self.votes < 1:
            raise ValueError(f"votes {self.votes} must be at least 1")
        if self.votes > 1 and self.temperature == 0:
            raise ValueError(
                f"{self.votes} greedy replies are {self.votes} times the same; give a temperature such as 0.7"
            )
        if self.temperature is not None and not 0 <= self.temperature <= 10:
            raise ValueError(f"temperature {self.temperature} is not a number from 0 (greedy) to 10")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold} is not a confidence from 0 to 1")
        fitted = None if self.calibration is None else self.calibration.votes
        if self.votes > 1 and fitted not in (None, self.votes):
            raise ValueError(
                f"votes {self.votes}: the calibration was fitted on {fitted} votes and says nothing of "
                f"{self.votes}; ask for {fitted}, or leave the calibration away"
            )
        prompts.check_prompt(self.question)

    @property
    def question(self) -> str:
        """What the model is asked about every face."""
        return self.prompt if self.prompt is not None else prompts.expression_question(self.labels)

    @property
    def sampling(self) -> float:
        """The temperature that is meant."""
        return self.temperature if self.temperature is not None else TEMPERATURE if self.votes > 1 else 0.0

    def but(self, changes: Mapping[str, Any]) -> ReadingSettings:
        """These settings with some others, as keywords of a call give them.

        Raises InputError for a bad one.
        """
        known = [each.name for each in fields(self)] + ["margin", "align"]
        for name in changes:
            if name not in known:
                raise InputError(f"{name!r} is no setting of a reading; there are {', '.join(known)}")
        own = {name: value for name, value in changes.items() if name not in ("margin", "align")}
        cut = {name: value for name, value in changes.items() if name in ("margin", "align")}
        if isinstance(own.get("labels"), str):
            raise InputError(f"labels {own['labels']!r} is one text; give a list of labels")
        if "labels" in own:
            own["labels"] = tuple(own["labels"])
        try:
            return (
                replace(self, **own, crop=replace(own.get("crop", self.crop), **cut))
                if cut
                else replace(self, **own)
            )
        except ValueError as error:
            raise InputError(str(error)) from None

    def identity(self) -> Json:
        """What rows of one file must share."""
        return {
            "question": self.question,
            "labels": list(self.labels),
            "detector": self.detector,
            "which": self.which,
            "crop": vars(self.crop),
            "votes": self.votes,
            "temperature": self.sampling,
            "threshold": self.threshold,
            "calibration": None if self.calibration is None else vars(self.calibration),
        }
