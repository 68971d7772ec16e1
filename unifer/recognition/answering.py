"""Prepared photos -> requests -> replies -> readings, all votes in one stream through one engine.

Knows no detectors and no files. The prompt, the image rule and the grader are those of the benchmark
(`dialogue`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unifer.dialogue import votes
from unifer.dialogue.answers import Verdict, grade
from unifer.dialogue.votes import VoteShares
from unifer.models.engines.base import Engine, Reply, Request
from unifer.recognition.claims import claims
from unifer.recognition.readings import CropArea, Face, Reading
from unifer.recognition.settings import ReadingSettings

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class FaceQuestion:
    """One picture to ask about, as the model is shown it; None for an engine that looks at no pixels."""

    picture: Image | None
    face: Face | None
    crop: CropArea | None
    index: int = 0
    track: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo with its faces cut out and brought to size; or the `error` that prevented it."""

    name: str
    key: str
    settings: ReadingSettings
    questions: tuple[FaceQuestion, ...] = ()
    faces: int = 0
    """How many were found in it."""
    detector: str = "whole"
    size: tuple[int, int] | None = None
    time: float | None = None
    preview: Image | None = None
    """A copy for drawing, where one is wanted."""
    error: str | None = None

    def but(self, **changes: Any) -> PreparedPhoto:
        """The same photo with other values in some fields."""
        return replace(self, **changes)

    def with_tracks(self, follow: Callable[[Sequence[Face]], Sequence[int]]) -> PreparedPhoto:
        """The same frame, its faces numbered by `follow` (`video.Tracks`)."""
        faces = [question.face for question in self.questions if question.face is not None]
        tracks = iter(follow(faces))
        questions = (
            question if question.face is None else replace(question, track=next(tracks))
            for question in self.questions
        )
        return replace(self, questions=tuple(questions))


@dataclass(frozen=True)
class PhotoReadings:
    """All readings of one photo, from its left to its right."""

    photo: PreparedPhoto
    readings: tuple[Reading, ...]


@dataclass
class _Open:
    """A photo under way: the replies so far, by face and vote."""

    photo: PreparedPhoto
    left: int
    replies: dict[tuple[int, int], Reply] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def answer(
    photos: Iterable[PreparedPhoto], engine: Engine, model: str, warnings: Sequence[str] = ()
) -> Iterator[PhotoReadings]:
    """The readings of each photo as its last reply comes, in whatever order that is.

    `warnings` go into every reading. Photos are taken as the engine wants requests, so memory stays flat.
    What the engine raises passes through; a request that fails is a reading with an error.
    """
    under_way: dict[str, tuple[_Open, int, int]] = {}
    ready: deque[PhotoReadings] = deque()
    taken: dict[str, int] = {}

    def requests() -> Iterator[Request]:
        for photo in photos:
            if photo.error is not None:
                unread = _unread(photo, FaceQuestion(None, None, None), (model, tuple(warnings)))
                ready.append(PhotoReadings(photo, (replace(unread, error=photo.error),)))
                continue
            # A photo given twice has two keys: engines want theirs unique.
            taken[photo.key] = taken.get(photo.key, 0) + 1
            key = photo.key if taken[photo.key] == 1 else f"{photo.key} ({taken[photo.key]})"
            state = _Open(photo, len(photo.questions) * photo.settings.votes)
            for place, question in enumerate(photo.questions):
                for vote in range(photo.settings.votes):
                    name = (
                        key + (f"#{question.index}" if question.index else "") + (f".{vote}" if vote else "")
                    )
                    under_way[name] = state, place, vote
                    yield _request(name, question, photo.settings)

    for reply in engine.stream(requests()):
        state, place, vote = under_way.pop(reply.key)
        state.replies[place, vote] = reply
        state.left -= 1
        if not state.left:
            yield PhotoReadings(state.photo, _readings(state, model, warnings))
        while ready:
            yield ready.popleft()
    yield from ready


def _request(key: str, question: FaceQuestion, settings: ReadingSettings) -> Request:
    # Engines that look at no pixels take None as gladly as a picture.
    picture: Image = question.picture  # type: ignore[assignment]
    return Request(key, settings.question, picture, settings.sampling)


def _readings(state: _Open, model: str, warnings: Sequence[str]) -> tuple[Reading, ...]:
    seconds = time.monotonic() - state.started
    photo = state.photo
    return tuple(
        _reading(
            photo,
            question,
            [state.replies[place, vote] for vote in range(photo.settings.votes)],
            seconds,
            (model, tuple(warnings)),
        )
        for place, question in enumerate(photo.questions)
    )


def _reading(
    photo: PreparedPhoto,
    question: FaceQuestion,
    replies: Sequence[Reply],
    seconds: float,
    by: tuple[str, tuple[str, ...]],
) -> Reading:
    settings = photo.settings
    base = replace(_unread(photo, question, by), seconds=round(seconds, 4))
    answered = [reply for reply in replies if reply.error is None]
    if not answered:
        return replace(base, error=replies[0].error)
    verdicts = [grade(reply.text, settings.labels) for reply in answered]
    tally = (
        votes.shares(verdicts, settings.labels, settings.calibration, settings.threshold)
        if settings.votes > 1
        else None
    )
    at = votes.standing([verdict.label for verdict in verdicts])
    label = verdicts[at].label
    return replace(
        base,
        label=label,
        outcome=verdicts[at].outcome,
        sure=None if tally is None else label is not None and tally.confidence >= tally.threshold,
        votes=tally,
        action_units=claims(verdicts[at], tally.au_shares if tally else None),
        reasoning=verdicts[at].reasoning,
        reply=answered[at].text,
        finish_reason=answered[at].finish_reason,
        prompt_tokens=answered[at].prompt_tokens,
        completion_tokens=_sum(reply.completion_tokens for reply in answered),
        warnings=(*base.warnings, *_doubts(answered, verdicts[at], at, tally, len(replies))),
    )


def _unread(photo: PreparedPhoto, question: FaceQuestion, by: tuple[str, tuple[str, ...]]) -> Reading:
    """What is known of a face before the model answers; `by` is the model with its warnings."""
    model, warnings = by
    width, height = photo.size or (None, None)
    return Reading(
        photo.name,
        None,
        "failed",
        face=question.face,
        index=question.index,
        faces=photo.faces,
        readings=len(photo.questions) or 1,
        width=width,
        height=height,
        time=photo.time,
        track=question.track,
        detector=photo.detector,
        crop=question.crop,
        labels=photo.settings.labels,
        model=model,
        warnings=warnings + question.warnings,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _doubts(
    answered: Sequence[Reply], verdict: Verdict, at: int, tally: VoteShares | None, asked: int
) -> Iterator[str]:
    """What about the replies makes the reading doubtful."""
    if len(answered) < asked:
        yield f"{asked - len(answered)} of {asked} votes failed"
    if answered[at].finish_reason == "length":
        yield "the reply was cut at its longest allowed length"
    if verdict.outcome == "no_answer":
        yield "the reply gives no answer"
    elif verdict.outcome == "off_list":
        yield "the reply's answer is none of the labels"
    if tally is not None and len(tie := votes.ties(tally.labels)) > 1:
        yield f"votes are tied between {', '.join(tie)}"
