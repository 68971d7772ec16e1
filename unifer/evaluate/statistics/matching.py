"""Several runs on the same questions: verdicts matched by question, and runs that cannot be matched named.

Knows graded predictions; no files and no scores. Differences between unequal sets of questions are no
comparison, so whatever stands in some runs only is refused, or left out and counted where the caller asks for
what is common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.records import Question


@dataclass(frozen=True)
class Matched:
    """`graded` holds each run's verdicts by its name, all in the same order of questions; `left_out`
    questions are not among them.
    """

    graded: dict[str, tuple[Graded, ...]]
    left_out: int = 0
    notes: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that all runs answer, as the first run has them."""
        first = next(iter(self.graded.values()))
        return tuple(row.prediction.question for row in first)


def match(runs: Mapping[str, Sequence[Graded]], *, common: bool = False) -> Matched:
    """Verdicts of all `runs` on every question, in the order of the first run.

    Raises InputError, naming runs and questions: a question twice in one run, no question in common, and,
    unless `common` leaves such questions out, a question that some run lacks or that has another truth in it.
    """
    keyed = {name: _by_key(name, graded) for name, graded in runs.items()}
    every = dict.fromkeys(key for found in keyed.values() for key in found)
    shared = [key for key in every if all(key in found for found in keyed.values())]
    same = [key for key in shared if len({_truth(found[key]) for found in keyed.values()}) == 1]
    if len(same) < len(every) and not common:
        raise InputError(_refusal(keyed, list(every), shared, same))
    if not same:
        raise InputError(f"{_names(keyed)} have no question in common: they answer different question files")
    notes = []
    if len(same) < len(every):
        other = f", {len(shared) - len(same):,} of them with another truth" if len(same) < len(shared) else ""
        notes.append(
            "only the "
            f"{len(same):,} questions that all runs share are counted; {len(every) - len(same):,} are "
            "left "
            f"out{other}"
        )
    graded = {name: tuple(found[key] for key in same) for name, found in keyed.items()}
    return Matched(graded, len(every) - len(same), (*notes, *_other_words(graded)))


def _by_key(name: str, graded: Sequence[Graded]) -> dict[str, Graded]:
    found: dict[str, Graded] = {}
    for row in graded:
        key = row.prediction.question.key
        if key in found:
            raise InputError(
                f"question {key!r} stands twice in run {name}; compare runs of one question file at a time"
            )
        found[key] = row
    return found


def _truth(graded: Graded) -> tuple[object, ...]:
    question = graded.prediction.question
    return question.true_label, question.action_units, question.coded


def _refusal(
    keyed: Mapping[str, Mapping[str, Graded]],
    every: Sequence[str],
    shared: Sequence[str],
    same: Sequence[str],
) -> str:
    """Who lacks what, or whose truth differs, and what to do."""
    problems = []
    for name, found in keyed.items():
        lacking = [key for key in every if key not in found]
        if lacking:
            problems.append(
                f"{name} lacks {len(lacking):,} of the {len(every):,} questions, the first {lacking[0]!r}"
            )
    if not problems:
        key = next(key for key in shared if key not in set(same))
        said = ", ".join(
            f"{found[key].prediction.question.true_label!r} in {name}" for name, found in keyed.items()
        )
        other = len(shared) - len(same)
        problems.append(
            f"{other:,} questions have another truth in each run, the first {key!r} ({said}, or other AUs)"
        )
    remedy = (
        "a paired comparison needs the same questions: finish the runs on one question file with "
        "`unifer infer`"
    )
    return (
        "; ".join(problems)
        + f"; {remedy}"
        + (f", or compare over the {len(same):,} that all share with --common" if same else "")
    )


def _other_words(graded: Mapping[str, Sequence[Graded]]) -> list[str]:
    """A note where runs were asked the same questions in other words, or offered other labels."""
    rows = list(zip(*graded.values(), strict=True))
    asked = [
        {(row.prediction.question.prompt, row.prediction.question.candidate_labels) for row in each}
        for each in rows
    ]
    other = sum(len(each) > 1 for each in asked)
    return (
        [f"{other:,} of {len(rows):,} questions were put to the runs in other words, or with other labels"]
        if other
        else []
    )


def _names(keyed: Mapping[str, object]) -> str:
    return " and ".join(keyed)
