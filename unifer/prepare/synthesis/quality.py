"""Quality control of a round's replies: what the filter rejects and why, and how often faces are read right.

The filter is `curation/filter`, the same as for a teacher's replies. Blind and guided replies are never
counted together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from unifer.dialogue.answers import grade
from unifer.prepare.curation.filter import FilterSettings, judge
from unifer.prepare.synthesis.pool import PoolFace, face_of
from unifer.records import Json, Prediction

Reject = Callable[[Json], None]
"""Called with each row that is not kept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reply that passed."""

    face: PoolFace
    key: str
    reply: str
    reasoning: str
    action_units: frozenset[int]
    """The known AUs of the face, or where they are not known those that the reasoning affirms."""
    guided: bool
    provenance: Json = field(default_factory=dict)
    """What its row says of how it was accepted, beside what all rows say."""


@dataclass(slots=True)
class Rate:
    """How often a face was read right, out of its blind replies that came (`answered`).

    `right` replies gave its label, `passed` ones passed the filter.
    """

    answered: int = 0
    right: int = 0
    passed: int = 0

    @property
    def value(self) -> float | None:
        """Share of right replies; None where none came."""
        return self.right / self.answered if self.answered else None

    def __str__(self) -> str:
        return f"{self.right}/{self.answered}"


@dataclass
class Count:
    """Where replies of one kind went: `questions = failed + rejected + passed`.

    A reply may be rejected for several reasons.
    """

    questions: int = 0
    failed: int = 0
    rejected: int = 0
    passed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    classes: dict[str, list[int]] = field(default_factory=dict)
    """Canonical emotion -> [passed, asked]."""

    def to_json(self) -> Json:
        counts = {
            "asked": self.questions,
            "failed": self.failed,
            "rejected": self.rejected,
            "passed": self.passed,
        }
        classes = {
            label: {"asked": asked, "passed": passed}
            for label, (passed, asked) in sorted(self.classes.items())
        }
        return counts | {"reasons": dict(self.reasons.most_common()), "classes": classes}


@dataclass
class QualityResult:
    """What quality control result. `rates` has every face with a blind question."""

    candidates: list[Candidate] = field(default_factory=list)
    rates: dict[str, Rate] = field(default_factory=dict)
    blind: Count = field(default_factory=Count)
    guided: Count = field(default_factory=Count)

    def to_json(self) -> Json:
        return {
            "blind": self.blind.to_json(),
            "guided": self.guided.to_json() if self.guided.questions else None,
        }


def judge_replies(
    faces: Mapping[str, PoolFace], replies: Iterable[Prediction], settings: FilterSettings, reject: Reject
) -> QualityResult:
    """Judge every reply about `faces` (by key), and hand what is not kept to `reject`, with its reasons."""
    result = QualityResult()
    for reply in replies:
        key, guided = face_of(reply.question.key)
        _judge(faces[key], guided, reply, settings, result, reject)
    # Replies stand in the order in which they came, which is another on every run.
    result.candidates.sort(key=lambda candidate: candidate.key)
    return result


def _judge(
    face: PoolFace,
    guided: bool,
    reply: Prediction,
    settings: FilterSettings,
    result: QualityResult,
    reject: Reject,
) -> None:
    count = result.guided if guided else result.blind
    of_class = count.classes.setdefault(face.emotion, [0, 0])
    rate = Rate() if guided else result.rates.setdefault(face.key, Rate())
    count.questions += 1
    of_class[1] += 1
    if reply.failed:
        count.failed += 1
        reject(rejected(face, reply.question.key, guided, "", ["failed"], error=reply.error))
        return
    verdict = grade(reply.reply, face.known.candidate_labels)
    rate.answered += 1
    rate.right += face.known.is_label_of(verdict)
    reasons = judge(reply.reply, face.known, settings, reply.finish_reason)
    if reasons:
        count.rejected += 1
        count.reasons.update(reasons)
        reject(rejected(face, reply.question.key, guided, reply.reply, reasons))
        return
    count.passed += 1
    of_class[0] += 1
    rate.passed += 1
    known = face.known.action_units
    units = verdict.action_units if known is None else frozenset(known)
    result.candidates.append(
        Candidate(face, reply.question.key, reply.reply, verdict.reasoning, units, guided)
    )


def rejected(
    face: PoolFace, key: str, guided: bool, reply: str, reasons: Iterable[str], **more: str | None
) -> Json:
    """A row of rejects.jsonl."""
    row: Json = {
        "id": key,
        "image_path": face.row.image_path,
        "label": face.label,
        "guided": guided,
        "reasons": list(reasons),
    }
    return row | {"response": reply} | more


def never_passed(faces: Iterable[PoolFace], rates: Mapping[str, Rate]) -> list[PoolFace]:
    """The faces none of whose blind replies passed the filter, failed ones among them."""
    return [face for face in faces if face.key in rates and not rates[face.key].passed]
