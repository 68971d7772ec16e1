"""A log of inspect_ai as predictions of ours: replies whole, failures with their reason, and what the run was
made with.

Knows what a log says; its bytes are `log_files`, how one output becomes a prediction is `outputs`, writing a
log is `writing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.errors import InputError
from unifer.evaluate.harness.log_files import Logged, read_header, read_samples
from unifer.evaluate.harness.outputs import prediction_of
from unifer.evaluate.harness.samples import FACTS, question_in, restored, sample_id
from unifer.evaluate.loading import RunManifest
from unifer.models.api.secrets import redacted, secrets
from unifer.models.engines import GenerationSettings
from unifer.records import Json, Prediction

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog
    from inspect_ai.model import GenerateConfig

ENGINE = "inspect"
"""What manifests call the engine of predictions that come from a log."""
_CANCELLATIONS = ("CancelledError(", "Cancelled(")
"""How inspect records a sample that it cancelled itself."""
_LONGEST = 500
_REPR = re.compile(r"\w+\((['\"])(.*)\1\)", re.DOTALL)

_SAMPLING = {"max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed"}
"""Inspect's names of what our manifests call otherwise."""
_ALSO_SAMPLING = (
    "system_message", "stop_seqs", "best_of", "frequency_penalty", "presence_penalty", "logit_bias", "top_k", "num_choices", "verbosity",
    "effort", "reasoning_effort", "reasoning_mode", "reasoning_tokens", "response_schema", "extra_body", "fallback_models",
)  # fmt: skip
"""Further settings that change replies: in the manifest where they are set. Retries, time limits and
connections change none.
"""


@dataclass(frozen=True)
class LogPredictions:
    """What a log holds: the rows in the order of the dataset, how many questions were asked (those that never
    ran have no row).
    """

    dataset: str
    predictions: tuple[Prediction, ...]
    identity: Json
    """What a manifest of inference says, by the same keys (`infer.plan`)."""
    asked: int
    status: str
    """Inspect's word on the run: success, cancelled or error."""


def read_log(path: Path, check: Callable[[Prediction], None] = lambda prediction: None) -> LogPredictions:
    """The predictions in the log at `path` (.eval or .json); `check` may refuse one with ValueError.

    Raises InputError: unreadable or truncated, still being written, no task of ours, without samples, several
    epochs a question.
    """
    log = read_header(path)
    stated = _stated(path, log)
    verbatim = "identity" in _facts(log)
    hidden = () if verbatim else secrets()
    finished = (sample for sample in read_samples(path) if verbatim or not _cancelled(sample))
    rows = {sample.id: _row(path, sample, hidden, verbatim, check) for sample in finished}
    if not rows:
        unlogged = log.eval.config.log_samples is False
        why = (
            "was made with --no-log-samples"
            if unlogged
            else f"holds no sample (its run ended with status {log.status!r})"
        )
        raise InputError(f"{path}: {why}, so there are no replies in it; run the task again")
    place = {str(name): index for index, name in enumerate(log.eval.dataset.sample_ids or ())}
    ordered = tuple(rows[name] for name in sorted(rows, key=lambda name: place.get(name, len(place))))
    return LogPredictions(
        _facts(log)["dataset"], ordered, stated.identity, stated.total or len(rows), log.status
    )


def read_log_manifest(path: Path) -> RunManifest:
    """What the log's header says that a manifest would: identity and how many questions were asked. Raises
    InputError as `read_log`.
    """
    return _stated(path, read_header(path))


def read_log_dataset(path: Path) -> str:
    """The name of the dataset that the log answers. Raises InputError as `read_log`."""
    log = read_header(path)
    _stated(path, log)
    return str(_facts(log)["dataset"])


def _facts(log: EvalLog) -> Json:
    found = (log.eval.metadata or {}).get(FACTS)
    return dict(found) if isinstance(found, dict) else {}


def _stated(path: Path, log: EvalLog) -> RunManifest:
    facts = _facts(log)
    if not isinstance(facts.get("dataset"), str):
        raise InputError(
            f"{path}: is a log of the task {log.eval.task!r}, which is none of ours (docs/inspect.md "
            "lists them)"
        )
    if log.status == "started":
        raise InputError(
            f"{path}: is still being written, or its run was killed; wait for its end, or finish it "
            "with `inspect eval-retry "
            f"{path.name}`"
        )
    if (log.eval.config.epochs or 1) > 1:
        raise InputError(
            f"{path}: asks each question {log.eval.config.epochs} times (epochs), and predictions "
            "hold one reply a question; run it with --epochs 1"
        )
    asked = facts.get("asked", len(log.eval.dataset.sample_ids or ()) or log.eval.dataset.samples)
    return RunManifest(_identity(facts, log), asked)


def _identity(facts: Json, log: EvalLog) -> Json:
    """What wrote the log says of the run it holds; of a run of inspect's own, what its task and its settings
    say.
    """
    if "identity" in facts:
        return dict(restored(facts["identity"]))
    return {
        "questions": facts.get("questions"),
        "model": {"name": log.eval.model},
        "prompt": facts.get("prompt"),
        "engine": ENGINE,
        "dtype": None,
        "generation": _generation(log.plan.config, log.eval.model_generate_config),
        "image_rule": facts.get("image_rule"),
    }


def _generation(plan: GenerateConfig, model: GenerateConfig) -> Json:
    """Sampling as our manifests spell it; what was not set is what an engine of ours would do by itself."""
    config = model.merge(plan)
    found = GenerationSettings().to_json()
    for theirs, ours in _SAMPLING.items():
        value = getattr(config, theirs)
        found[ours] = found[ours] if value is None else value
    more = {name: getattr(config, name) for name in _ALSO_SAMPLING}
    return found | {
        name: json.loads(json.dumps(value, default=str)) for name, value in more.items() if value is not None
    }


def _row(
    path: Path, sample: Logged, hidden: tuple[str, ...], verbatim: bool, check: Callable[[Prediction], None]
) -> Prediction:
    try:
        question = question_in(sample.metadata)
        if sample.id != sample_id(question):
            raise ValueError(f"its question is {question.key!r}")
        prediction = prediction_of(question, sample.output, _problem(sample, hidden, verbatim))
        check(prediction)
        return prediction
    except ValueError as error:
        raise InputError(f"{path}: sample {sample.id!r}: {error}") from None


def _cancelled(sample: Logged) -> bool:
    """The run ended around this sample before it had a reply: it is as missing as one that never began."""
    return sample.output.empty and sample.error is not None and sample.error.startswith(_CANCELLATIONS)


def _problem(sample: Logged, hidden: tuple[str, ...], verbatim: bool) -> str | None:
    """Why there is no reply: the error, or the limit that stopped the sample."""
    if sample.error is None:
        return None if sample.limit is None else f"stopped by the {sample.limit} limit"
    if verbatim:
        return str(restored(sample.metadata.get(FACTS, sample.error)))
    said = _REPR.fullmatch(sample.error)
    return " ".join(redacted(said[2] if said else sample.error, hidden).split())[:_LONGEST] or None
