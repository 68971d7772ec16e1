"""Several runs on the same questions: runs matched by dataset, verdicts by question, misfits named.

Knows which runs there are and graded predictions; reads no file and no scores. Differences between unequal
sets of questions are no comparison, so whatever stands in some runs only is refused, or left out and counted
where the caller asks for what is common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.records import Question

if TYPE_CHECKING:
    from unifer.evaluate.run_files import Selected


@dataclass(frozen=True)
class Matched:
    """Each run's verdicts by its name, in the same order of questions; `left_out` are not among them."""

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
    every = dict.fromkeys(key for rows in keyed.values() for key in rows)
    shared = [key for key in every if all(key in rows for rows in keyed.values())]
    same = [key for key in shared if len({_truth(rows[key]) for rows in keyed.values()}) == 1]
    if len(same) < len(every) and not common:
        raise InputError(_refusal(keyed, list(every), shared, same))
    if not same:
        raise InputError(f"{_names(keyed)} have no question in common: they answer different question files")
    notes = []
    if len(same) < len(every):
        other = f", {len(shared) - len(same):,} of them with another truth" if len(same) < len(shared) else ""
        notes.append(
            f"only the {len(same):,} questions that all runs share are counted; "
            f"{len(every) - len(same):,} are left out{other}"
        )
    graded = {name: tuple(rows[key] for key in same) for name, rows in keyed.items()}
    return Matched(graded, len(every) - len(same), (*notes, *_other_words(graded)))


def in_common(
    selected: Sequence[Selected], names: Sequence[str], common: bool
) -> tuple[dict[str, list[Selected]], list[str]]:
    """The runs by the datasets that all of `names` answered, in that order, and notes on datasets left out.

    Raises InputError: two files of one name, no dataset that all answered, and, unless `common` leaves such
    datasets out, one that only some did.
    """
    by_dataset: dict[str, dict[str, Selected]] = {}
    for each in selected:
        other = by_dataset.setdefault(each.spec.name, {}).setdefault(each.run.name, each)
        if other is not each:
            raise InputError(
                f"{other.run.path} and {each.run.path} are both called {each.run.name} on "
                f"{each.spec.title}; rename one of them"
            )
    lacking = {key: [name for name in names if name not in runs] for key, runs in by_dataset.items()}
    problems = [
        f"{', '.join(who)} on {next(iter(by_dataset[key].values())).spec.title}"
        for key, who in lacking.items()
        if who
    ]
    whole = {key: [by_dataset[key][name] for name in names] for key, who in lacking.items() if not who}
    if not whole:
        raise InputError(
            f"no dataset was answered by all of {', '.join(names)}: there are no predictions of "
            f"{'; '.join(problems)}"
        )
    if problems and not common:
        remedy = "make them, name single files, or give --common to compare over the datasets that all have"
        raise InputError(f"there are no predictions of {'; '.join(problems)}; {remedy}")
    return whole, [
        f"datasets that only some runs answered are left out: no predictions of {problem}"
        for problem in problems
    ]


def _by_key(name: str, graded: Sequence[Graded]) -> dict[str, Graded]:
    rows: dict[str, Graded] = {}
    for row in graded:
        key = row.prediction.question.key
        if key in rows:
            raise InputError(
                f"question {key!r} stands twice in run {name}; compare runs of one question file at a time"
            )
        rows[key] = row
    return rows


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
    for name, rows in keyed.items():
        lacking = [key for key in every if key not in rows]
        if lacking:
            problems.append(
                f"{name} lacks {len(lacking):,} of the {len(every):,} questions, the first {lacking[0]!r}"
            )
    if not problems:
        key = next(key for key in shared if key not in set(same))
        truths = ", ".join(
            f"{rows[key].prediction.question.true_label!r} in {name}" for name, rows in keyed.items()
        )
        other = len(shared) - len(same)
        problems.append(
            f"{other:,} questions have another truth in each run, the first {key!r} ({truths}, or other AUs)"
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
    asks = [
        {(row.prediction.question.prompt, row.prediction.question.candidate_labels) for row in each}
        for each in rows
    ]
    other = sum(len(each) > 1 for each in asks)
    return (
        [f"{other:,} of {len(rows):,} questions were put to the runs in other words, or with other labels"]
        if other
        else []
    )


def _names(keyed: Mapping[str, object]) -> str:
    return " and ".join(keyed)
