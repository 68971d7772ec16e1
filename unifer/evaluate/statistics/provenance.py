"""Were runs made under the same conditions?

What their manifests say of prompt, image rule, sampling, precision and question file.

Knows manifests; reads no prediction. A score of one prompt beside that of another compares prompts: nothing
here forbids it, all of it is to be said beside the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unifer.dialogue.wordings import Wording
from unifer.evaluate.loading import read_manifest
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.evaluate.run_files import Selected

_CONDITIONS = {
    "prompt": "prompt",
    "image_rule": "image rule",
    "damage": "damage to the pictures",
    "generation": "sampling",
    "votes": "votes",
    "dtype": "precision",
}
"""Keys of a manifest's identity that change what a model answers, and their names for people."""
_REPEATS = ("generation.seed",)
"""What may differ between repeats of one run."""
_UNSTATED = "not stated"


def differing(selected: Sequence[Selected]) -> list[str]:
    """One warning per condition in which runs differ, naming who had what; none where all agree.

    Question files are compared within a dataset, everything else over all of `selected`. Runs without a
    manifest are named in one warning and compared no further. Raises InputError for a file beside a run that
    is no manifest.
    """
    stated = [(one, identity_of(one)) for one in selected]
    bare = [_named(one, selected) for one, identity in stated if identity is None]
    known = [(one, identity) for one, identity in stated if identity is not None]
    warnings = [
        f"no manifest says how {_listed(bare)} came to be (published results have none): prompt, image "
        "rule and sampling unknown"
    ]
    warnings = warnings if bare and len(selected) > 1 else []
    conditions = [(one, dict(_conditions(identity))) for one, identity in known]
    for key in dict.fromkeys(key for _, found in conditions for key in found):
        values = [(_named(one, selected), found.get(key, _UNSTATED)) for one, found in conditions]
        warnings += _warning(_title(key), values)
    warnings += _warning("inference profile", [(_named(one, selected), _profile(one)) for one, _ in known])
    for dataset in dict.fromkeys(one.spec.name for one, _ in known):
        asked = [
            (one.run.name, _question_file(identity)) for one, identity in known if one.spec.name == dataset
        ]
        title = next(one.spec.title for one, _ in known if one.spec.name == dataset)
        warnings += _warning(f"question file of {title}", asked)
    return warnings


def differing_words(asked: Sequence[tuple[str, str, Wording | None]]) -> list[str]:
    """One warning per dataset on which runs were asked in different words.

    Runs come as (run, title of the dataset, its wording).
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for run, title, wording in asked:
        if wording is not None:
            found.setdefault(title, []).append((run, wording.text))
    return [
        warning
        for title, values in found.items()
        for warning in _warning(f"words of the questions of {title}", values)
    ]


def identity_of(one: Selected) -> Json | None:
    """What the run was made from, by the manifest beside it or by its log; None without one."""
    stated = read_manifest(one.run.path)
    return None if stated is None else stated.identity


def _profile(one: Selected) -> str:
    """The inference profile that the manifest states; runs from before there were any had the default one."""
    stated = read_manifest(one.run.path)
    return (stated.profile if stated else None) or "default"


def _conditions(identity: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(`image_rule.size`, `224`) for every leaf below a key of `_CONDITIONS`."""
    for key in _CONDITIONS:
        for path, value in _leaves(identity.get(key), key):
            if path not in _REPEATS:
                yield (
                    path,
                    _UNSTATED
                    if value is None and path == key
                    else json.dumps(value, ensure_ascii=False).strip('"'),
                )


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{at}.{key}")
    else:
        yield at, value


def _title(key: str) -> str:
    """`generation.top_p` -> `sampling, top_p`."""
    first, *others = key.split(".")
    return ", ".join([_CONDITIONS[first], *others])


def _question_file(identity: Mapping[str, Any]) -> str:
    questions = identity.get("questions")
    if not isinstance(questions, dict):
        return _UNSTATED
    return f"{questions.get('name', _UNSTATED)} ({str(questions.get('sha256', _UNSTATED))[:8]})"


def _warning(what: str, values: Sequence[tuple[str, str]]) -> list[str]:
    """`other prompt: fer-1 in A, B; fer-2 in C`; nothing where all are the same."""
    holders: dict[str, list[str]] = {}
    for name, value in values:
        holders.setdefault(value, []).append(name)
    if len(holders) < 2:
        return []
    return [
        f"different {what}: " + "; ".join(f"{value} in {_listed(names)}" for value, names in holders.items())
    ]


def _named(one: Selected, among: Sequence[Selected]) -> str:
    """The run's name, with its dataset where the same run stands in several."""
    several = sum(other.run.name == one.run.name for other in among) > 1
    return f"{one.run.name} on {one.spec.title}" if several else one.run.name


def _listed(names: Sequence[str], most: int = 4) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:most]) + (f" and {len(distinct) - most} more" if len(distinct) > most else "")
