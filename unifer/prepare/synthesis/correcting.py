"""The published loop of Facial-R1: a model is shown the gold and writes.

A reply that departs from it is handed back with its faults. Knows replies and what is known of a face; not
how they are asked, nor what is learnt from them. Written from a description of the released code, in words of
our own. A reply is accepted if its AUs are exactly the known ones (where AUs are known) and its label is
right (where one is). AUs are read as that code reads them: every text `AU<digits>` of the whole reply, a
denied one too. A label is right by the one grader. Tags that are missing or empty are faults, and alone they
refuse no reply.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from unifer.dialogue.answers import grade
from unifer.dialogue.prompts import quotable
from unifer.dialogue.published import ANSWER, THINK, blocks, facial_r1_written
from unifer.prepare.curation.filter import FilterSettings, Known, judge
from unifer.prepare.synthesis.pool import Links, PoolFace, ask, face_of, guided_text, shuffled
from unifer.prepare.synthesis.quality import Candidate, Reject, rejected
from unifer.prepare.synthesis.settings import GenerateSettings
from unifer.records import Json, Prediction, Question

ACCEPTANCE = "facial-r1-1"
"""Version of the rule of acceptance; stands where rows of the other loop name the filter."""
CORRECTION = "corrected-1"
"""Version of the words that hand faults back."""

_CORRECTED = (
    "{guided}\nYour last reply was:\n{reply}\nIt has these faults:\n{faults}\nWrite the whole reply "
    "anew, without them."
)

Reason = Literal[
    "failed", "aus_differ", "wrong_label", "no_think", "empty_think", "no_answer", "empty_answer"
]


class Fault(NamedTuple):
    """One thing wrong with a reply, in the words that its writer is told; whether it refuses the reply."""

    reason: Reason
    words: str
    refuses: bool


_BLOCKS: tuple[tuple[Reason, Reason, str, tuple[re.Pattern[str], re.Pattern[str]]], ...] = (
    ("no_think", "empty_think", "think", THINK),
    ("no_answer", "empty_answer", "answer", ANSWER),
)


def faults_of(reply: str, known: Known) -> tuple[Fault, ...]:
    """Every fault of `reply`; it is accepted if none refuses it."""
    faults = []
    if known.action_units is not None:
        gold, written = {f"AU{number}" for number in known.action_units}, facial_r1_written(reply)
        words = [f"it names {_listed(written - gold)}, not active here"] * bool(written - gold)
        words += [f"it does not name {_listed(gold - written)}"] * bool(gold - written)
        faults += [Fault("aus_differ", "; ".join(words), True)] * bool(words)
    verdict = grade(reply, known.candidate_labels, known.aliases)
    if known.label is not None and not known.is_label_of(verdict):
        faults.append(Fault("wrong_label", f"its answer is not {known.label}", True))
    for missing, empty, name, tags in _BLOCKS:
        block = next(blocks(reply, tags), None)
        if block is None:
            faults.append(Fault(missing, f"it has no <{name}></{name}> block", False))
        elif not block.strip():
            faults.append(Fault(empty, f"its <{name}></{name}> block is empty", False))
    return tuple(faults)


def _listed(units: Iterable[str]) -> str:
    return ", ".join(sorted(units, key=lambda unit: (len(unit), unit)))


@dataclass(slots=True)
class Trial:
    """One face: how often it was asked, its last reply that came and its faults."""

    face: PoolFace
    attempts: int = 0
    key: str = ""
    """Id of the question that the last reply answers."""
    reply: str = ""
    finish_reason: str | None = None
    faults: tuple[Fault, ...] = ()
    accepted: bool = False

    def candidate(self) -> Candidate:
        """The accepted reply, as the other loop's are carried on."""
        known = self.face.known
        verdict = grade(self.reply, known.candidate_labels, known.aliases)
        units = verdict.action_units if known.action_units is None else frozenset(known.action_units)
        own = {"filter": ACCEPTANCE, "correction": CORRECTION, "attempts": self.attempts}
        return Candidate(self.face, self.key, self.reply, verdict.reasoning, units, True, own)


@dataclass
class Trials:
    """Every face of a round by its key, and what became of the replies.

    `replies = failed + refused + accepted`.
    """

    of: dict[str, Trial]
    replies: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Replies that were not accepted, by fault; one may have several."""

    @classmethod
    def start(cls, faces: Mapping[str, PoolFace]) -> Trials:
        return cls({key: Trial(face) for key, face in faces.items()})

    @property
    def open(self) -> list[Trial]:
        """Faces without an accepted reply, in the order of the pool."""
        return [trial for trial in self.of.values() if not trial.accepted]

    @property
    def accepted(self) -> list[Trial]:
        return [trial for trial in self.of.values() if trial.accepted]

    def hear(self, replies: Iterable[Prediction], reject: Reject) -> None:
        """Judge the replies of one attempt.

        A request that failed leaves the last reply and its faults as they were.
        """
        for reply in replies:
            trial = self.of[face_of(reply.question.key)[0]]
            trial.attempts += 1
            self.replies += 1
            if reply.failed:
                self.failed += 1
                reject(rejected(trial.face, reply.question.key, True, "", ["failed"], error=reply.error))
                continue
            trial.key, trial.reply, trial.finish_reason = reply.question.key, reply.reply, reply.finish_reason
            trial.faults = faults_of(reply.reply, trial.face.known)
            trial.accepted = not any(fault.refuses for fault in trial.faults)
            if not trial.accepted:
                reasons = [fault.reason for fault in trial.faults]
                self.reasons.update(reasons)
                reject(rejected(trial.face, trial.key, True, trial.reply, reasons))

    def to_json(self, filters: FilterSettings) -> Json:
        """Every count, and what the filter of the loop `blind` would make of the accepted replies."""
        classes: dict[str, Counter[str]] = {}
        for trial in self.of.values():
            classes.setdefault(trial.face.emotion, Counter()).update(asked=1, accepted=trial.accepted)
        judged = [judge(each.reply, each.face.known, filters, each.finish_reason) for each in self.accepted]
        return {
            "faces": len(self.of),
            "accepted": len(self.accepted),
            "accepted_at": {
                str(tries): count
                for tries, count in sorted(Counter(each.attempts for each in self.accepted).items())
            },
            "replies": self.replies,
            "failed": self.failed,
            "reasons": dict(self.reasons.most_common()),
            "classes": {
                name: {"asked": count["asked"], "accepted": count["accepted"]}
                for name, count in sorted(classes.items())
            },
            "filter_would_reject": sum(map(bool, judged)),
            "filter_reasons": dict(Counter(reason for reasons in judged for reason in reasons).most_common()),
        }


def corrected_questions(
    trials: Iterable[Trial], attempt: int, generation: GenerateSettings, links: Links
) -> Iterator[Question]:
    """A question per trial: what is known of the face and, once a reply came, its faults."""
    for trial in trials:
        text = guided_text(trial.face, generation)
        if trial.faults:
            faults = "\n".join(f"- {fault.words}" for fault in trial.faults)
            text = _CORRECTED.format(guided=text, reply=quotable(trial.reply), faults=faults)
        yield ask(trial.face, text, f"{trial.face.key}#try-{attempt}", links)


def is_test(face: PoolFace, share: float, seed: int) -> bool:
    """Whether a face belongs to the test part.

    It is the same part in every round, and holds all pictures of a subject or none.
    """
    return int.from_bytes(shuffled(seed, f"test:{face.subject}")[:8], "big") < share * 2**64
