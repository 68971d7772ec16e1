"""A round's replies -> what it trains on, by either loop, and the report of how that came about.

Knows candidates, faces and settings; files are `mixing`'s and the command line's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from unifer.prepare.curation.filter import REASONS, judge
from unifer.prepare.synthesis import correcting, quality, selection
from unifer.prepare.synthesis.pool import PoolFace, shuffled
from unifer.prepare.synthesis.quality import Candidate, Rate, Reject
from unifer.prepare.synthesis.settings import Synthesis
from unifer.records import Json, Prediction


@dataclass(frozen=True, slots=True)
class Choice:
    """What a round trains on.

    `test` rows are for people to look at, each with what they should know of it; `withheld` are the faces of
    the test part, accepted or not, of which nothing is trained on.
    """

    candidates: list[Candidate]
    faces: list[PoolFace]
    report: Json
    rates: Mapping[str, Rate] = field(default_factory=dict)
    test: list[tuple[Candidate, tuple[str, ...]]] = field(default_factory=list)
    withheld: list[PoolFace] = field(default_factory=list)


def choose(
    faces: Mapping[str, PoolFace], replies: Iterable[Prediction], config: Synthesis, reject: Reject
) -> Choice:
    """By the loop that `config` names.

    Every reply that is not accepted goes to `reject`, with its reasons.
    """
    return (_corrected if config.loop == "facial-r1" else _blind)(faces, replies, config, reject)


def _blind(
    faces: Mapping[str, PoolFace], replies: Iterable[Prediction], config: Synthesis, reject: Reject
) -> Choice:
    judged = quality.judge_replies(faces, replies, config.filter, reject)
    rows = selection.choose_rows(
        judged.candidates, judged.rates, config.selection, config.filter, config.seed
    )
    passed = {candidate.key: candidate for candidate in judged.candidates}
    for item in rows.near_duplicates:
        twin = passed[item.key]
        reject(quality.rejected(twin.face, twin.key, twin.guided, twin.reply, ["near_duplicate"]))
    for_grpo = selection.choose_faces(list(faces.values()), judged.rates, config.selection, config.seed)
    report = {
        "quality": judged.to_json(),
        "difficulty": selection.difficulty(judged.rates.values()),
        "rows": rows.to_json(),
        "faces": for_grpo.to_json(),
    }
    return Choice(
        [passed[item.key] for item in rows.items],
        [faces[item.key] for item in for_grpo.items],
        report,
        judged.rates,
    )


def _corrected(
    faces: Mapping[str, PoolFace], replies: Iterable[Prediction], config: Synthesis, reject: Reject
) -> Choice:
    trials = correcting.Trials.start(faces)
    trials.hear(replies, reject)
    withheld = {
        key: face
        for key, face in faces.items()
        if correcting.is_test(face, config.correction.test_share, config.seed)
    }
    to_train = [trial.candidate() for trial in trials.accepted if trial.face.key not in withheld]
    rows = _drawn(to_train, config.selection.rows, config.seed)
    for_grpo = [each.face for each in _drawn(to_train, config.selection.faces, config.seed)]
    test = [
        (trial.candidate(), (*(fault.words for fault in trial.faults), *_remarks(trial, config)))
        for trial in trials.accepted
        if trial.face.key in withheld
    ]
    report: Json = {"loop": config.loop, "quality": trials.to_json(config.filter)}
    taken = {"rows": len(rows), "faces": len(for_grpo)}
    report |= {name: {"available": len(to_train), "taken": count} for name, count in taken.items()}
    return Choice(rows, for_grpo, report | {"test": len(test)}, test=test, withheld=list(withheld.values()))


def _remarks(trial: correcting.Trial, config: Synthesis) -> list[str]:
    """Why the filter of the other loop would not keep an accepted reply."""
    return [
        REASONS[reason] for reason in judge(trial.reply, trial.face.known, config.filter, trial.finish_reason)
    ]


def _drawn(candidates: Sequence[Candidate], count: int, seed: int) -> list[Candidate]:
    """`count` of the candidates at most, drawn by the seed, in the order in which they came."""
    drawn = set(sorted((each.key for each in candidates), key=lambda key: shuffled(seed, key))[:count])
    return [each for each in candidates if each.key in drawn]
