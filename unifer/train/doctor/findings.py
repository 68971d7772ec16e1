"""What a check finds: a level, what it is about, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unifer.records import Json
from unifer.train.doctor.memory import GB

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class DoctorFinding:
    """One line of the report. `remedy` is what to do, empty where nothing is to be done."""

    level: Level
    title: str
    text: str
    remedy: str = ""

    def to_json(self) -> Json:
        return {"level": self.level, "title": self.title, "text": self.text, "remedy": self.remedy}


@dataclass(frozen=True)
class Section:
    """Findings under one heading."""

    title: str
    findings: list[DoctorFinding]

    def to_json(self) -> Json:
        return {"title": self.title, "findings": [finding.to_json() for finding in self.findings]}


def size(count: float) -> str:
    """Bytes as people read them; GB is 2^30, as GPU makers count."""
    if count < GB / 10:
        return f"{count / 2**20:.0f} MB"
    return f"{count / GB:.1f} GB" if count < 100 * GB else f"{count / GB:,.0f} GB"
