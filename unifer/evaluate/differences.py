"""Prediction files to be merged, and what their manifests differ in: accepted by name, or refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer import runs
from unifer.errors import InputError
from unifer.evaluate import parts as parts_of
from unifer.evaluate.loading import read_manifest, read_rows
from unifer.evaluate.sources import MIXED
from unifer.records import Json, Prediction

QUESTIONS, MANIFEST, ANSWERS = "questions", "manifest", "answers"
"""What may be allowed besides the keys of an identity: other question files, parts without a manifest, two
answers to one question.
"""


@dataclass(frozen=True)
class PredictionPart:
    """One prediction file, or a log of inspect_ai.

    `identity` and `total` are what its manifest says, None where it has none.

    `claim` is the part of a question file that the run took by `--part`, `whole` how many questions all parts
    of it were asked.
    """

    path: Path
    predictions: tuple[Prediction, ...]
    identity: Json | None
    total: int | None
    mixed: Json
    claim: parts_of.QuestionPart | None = None
    whole: int | None = None
    profile: str | None = None

    @property
    def questions(self) -> Json:
        """Name and digest of the question file that it answers; empty where no manifest tells."""
        return {} if self.identity is None else dict(self.identity.get(QUESTIONS) or {})

    def describe(self) -> Json:
        """What the merged manifest keeps of it: name, bytes, SHA-256, rows, and its own manifest."""
        rows = {
            "rows": len(self.predictions),
            "failed": sum(row.failed for row in self.predictions),
            "asked": self.total,
        }
        claim = {} if self.claim is None else {parts_of.KEY: self.claim.to_json()}
        return runs.describe_file(self.path) | rows | claim | {"identity": self.identity}


def read_part(path: Path) -> PredictionPart:
    """The rows of one file with its manifest. Raises InputError for no rows, or more than were asked."""
    predictions = tuple(read_rows(path))
    if not predictions:
        raise InputError(f"{path}: holds no predictions; a row has a question's fields and model_response")
    manifest = read_manifest(path)
    if manifest is None:
        return PredictionPart(path, predictions, None, None, {})
    if manifest.total is not None and manifest.total < len(predictions):
        raise InputError(
            f"{path}: holds {len(predictions):,} rows, but its manifest says that {manifest.total:,} "
            "questions were asked; give the run its own file, or remove the manifest of another run"
        )
    claim, mixed = manifest.part, manifest.identity.pop(MIXED, None) or {}
    # What is merged answers the whole file, whichever parts there are: `unifer infer` goes on with what is
    # missing.
    manifest.identity.pop(parts_of.KEY, None)
    return PredictionPart(
        path, predictions, manifest.identity, manifest.total, mixed, claim, manifest.whole, manifest.profile
    )


def accepted_differences(parts: Sequence[PredictionPart], allow: Collection[str]) -> Json:
    """`dotted key -> values` for every accepted difference between the manifests.

    Raises InputError listing the others.
    """
    first, refused, found = (
        parts[0],
        [],
        {key: list(values) for part in parts for key, values in part.mixed.items()},
    )
    for part in parts[1:]:
        for key, old, new in _differing(first, part):
            if any(key == name or key.startswith(f"{name}.") for name in allow):
                values = found.setdefault(key, [])
                values += [value for value in (old, new) if value not in values]
            else:
                refused.append((key, f"  {part.path.name}: {key}: {runs.short(old)} -> {runs.short(new)}"))
    if refused:
        keys = " ".join(dict.fromkeys(key.split(".")[0] for key, _ in refused))
        told = (
            ""
            if QUESTIONS not in keys.split()
            else "; --questions FILE names the whole file that the parts' question files come from"
        )
        listed = "\n".join(line for _, line in refused)
        raise InputError(
            f"these files are not parts of one run; against {first.path}:\n{listed}\nleave the odd one "
            f"out, or accept and record it with --allow {keys}{told}"
        )
    return found


def _differing(first: PredictionPart, part: PredictionPart) -> Iterator[tuple[str, object, object]]:
    """(dotted key, value in the first part, value in this one) for every leaf that differs."""
    if first.identity is None or part.identity is None:
        if (first.identity is None) != (part.identity is None):
            yield MANIFEST, _manifest_of(first), _manifest_of(part)
        return
    yield from runs.leaves(_comparable(first), _comparable(part))


def _manifest_of(part: PredictionPart) -> str:
    return "none" if part.identity is None else "there"


def _comparable(part: PredictionPart) -> Json:
    """The identity with its question file as one value, so that another digest is one difference."""
    identity = dict(part.identity or {})
    return identity | {QUESTIONS: f"{part.questions.get('name')} ({str(part.questions.get('sha256'))[:12]})"}


def refuse_other_datasets(parts: Sequence[PredictionPart]) -> None:
    """Parts of one dataset offer the same labels and name no other dataset in their rows."""
    first = parts[0]
    for part in parts[1:]:
        labels, others = _offered(first), _offered(part)
        if labels != others and first.questions.get("sha256") != part.questions.get("sha256", ""):
            said = (
                f"its questions offer {', '.join(others) or 'no label'}, those of {first.path.name} "
                f"{', '.join(labels) or 'no label'}"
            )
            raise InputError(
                f"{part.path}: is of another dataset: {said}; merge the runs of one dataset at a time"
            )
    named = {
        row.question.dataset: part.path
        for part in parts
        for row in part.predictions
        if row.question.dataset is not None
    }
    if len(named) > 1:
        listed = ", ".join(f"{name!r} ({path.name})" for name, path in named.items())
        raise InputError(f"rows of several datasets: {listed}; merge the runs of one dataset at a time")


def _offered(part: PredictionPart) -> list[str]:
    return sorted({label for row in part.predictions for label in row.question.candidate_labels})
