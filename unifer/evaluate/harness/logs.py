"""A log of inspect_ai as predictions of ours: whole replies, failures with their reason, identity.

Knows what a log says; its bytes are `inspect_format`, how one output becomes a prediction is `translation`,
writing a log is `writing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.errors import InputError
from unifer.evaluate.harness.inspect_format import LogSample, read_header, read_samples
from unifer.evaluate.harness.translation import (
    FACTS,
    SAMPLING,
    prediction_of,
    question_in,
    restore,
    sample_id,
)
from unifer.evaluate.loading import RunManifest
from unifer.models.api.requests import redacted, secrets
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

_ALSO_SAMPLING = (
    "system_message",
    "stop_seqs",
    "best_of",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "top_k",
    "num_choices",
    "verbosity",
    "effort",
    "reasoning_effort",
    "reasoning_mode",
    "reasoning_tokens",
    "response_schema",
    "extra_body",
    "fallback_models",
)
"""Further settings of inspect that change replies: in the manifest where they are set.

Retries, time limits and connections change none.
"""


@dataclass(frozen=True)
class LogPredictions:
    """What a log holds: its rows in the order of the dataset, and how many questions were asked.

    Questions that never ran have no row.
    """

    dataset: str
    predictions: tuple[Prediction, ...]
    identity: Json
    """What a manifest of inference says, by the same keys (`infer.plan`)."""
    total: int
    status: str
    """Inspect's word on the run: success, cancelled or error."""


def read_log(path: Path, check: Callable[[Prediction], None] = lambda prediction: None) -> LogPredictions:
    """The predictions in the log at `path` (.eval or .json); `check` may refuse one with ValueError.

    Raises InputError: unreadable or truncated, still being written, no task of ours, without samples, several
    epochs per question.
    """
    log = read_header(path)
    manifest, facts = _manifest(path, log), _facts(log)
    # A log that we wrote ourselves holds the rows of a run as they were: nothing in it is to be tidied.
    verbatim = "identity" in facts
    hidden = () if verbatim else secrets()
    finished = (sample for sample in read_samples(path) if verbatim or not _cancelled(sample))
    rows = {sample.id: _row(path, sample, hidden, verbatim, check) for sample in finished}
    if not rows:
        why = f"holds no sample (its run ended with status {log.status!r})"
        if log.eval.config.log_samples is False:
            why = "was made with --no-log-samples"
        raise InputError(f"{path}: {why}, so there are no replies in it; run the task again")
    place = {str(name): index for index, name in enumerate(log.eval.dataset.sample_ids or ())}
    ordered = tuple(rows[name] for name in sorted(rows, key=lambda name: place.get(name, len(place))))
    return LogPredictions(
        facts["dataset"], ordered, manifest.identity, manifest.total or len(rows), log.status
    )


def read_log_manifest(path: Path) -> RunManifest:
    """Identity and number of questions, from the header. Raises InputError as `read_log`."""
    return _manifest(path, read_header(path))


def read_log_dataset(path: Path) -> str:
    """The name of the dataset that the log answers. Raises InputError as `read_log`."""
    log = read_header(path)
    _manifest(path, log)
    return str(_facts(log)["dataset"])


def _facts(log: EvalLog) -> Json:
    facts = (log.eval.metadata or {}).get(FACTS)
    return dict(facts) if isinstance(facts, dict) else {}


def _manifest(path: Path, log: EvalLog) -> RunManifest:
    facts = _facts(log)
    if not isinstance(facts.get("dataset"), str):
        raise InputError(
            f"{path}: is a log of the task {log.eval.task!r}, which is none of ours (docs/inspect.md "
            "lists them)"
        )
    if log.status == "started":
        raise InputError(
            f"{path}: is still being written, or its run was killed; wait for its end, or finish it "
            f"with `inspect eval-retry {path.name}`"
        )
    if (log.eval.config.epochs or 1) > 1:
        raise InputError(
            f"{path}: asks each question {log.eval.config.epochs} times (epochs), and predictions "
            "hold one reply a question; run it with --epochs 1"
        )
    total = facts.get("asked", len(log.eval.dataset.sample_ids or ()) or log.eval.dataset.samples)
    return RunManifest(_identity(facts, log), total)


def _identity(facts: Json, log: EvalLog) -> Json:
    """The identity that our writer left in the log; of inspect's own runs, what task and settings say."""
    if "identity" in facts:
        return dict(restore(facts["identity"]))
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
    settings = GenerationSettings().to_json()
    for theirs, ours in SAMPLING.items():
        value = getattr(config, theirs)
        settings[ours] = settings[ours] if value is None else value
    more = {name: getattr(config, name) for name in _ALSO_SAMPLING}
    return settings | {
        name: json.loads(json.dumps(value, default=str)) for name, value in more.items() if value is not None
    }


def _row(
    path: Path,
    sample: LogSample,
    hidden: tuple[str, ...],
    verbatim: bool,
    check: Callable[[Prediction], None],
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


def _cancelled(sample: LogSample) -> bool:
    """The run ended around this sample before it had a reply: it is as missing as one that never began."""
    return sample.output.empty and sample.error is not None and sample.error.startswith(_CANCELLATIONS)


def _problem(sample: LogSample, hidden: tuple[str, ...], verbatim: bool) -> str | None:
    """Why there is no reply: the error, or the limit that stopped the sample."""
    if sample.error is None:
        return None if sample.limit is None else f"stopped by the {sample.limit} limit"
    if verbatim:
        return str(restore(sample.metadata.get(FACTS, sample.error)))
    quoted = _REPR.fullmatch(sample.error)
    return " ".join(redacted(quoted[2] if quoted else sample.error, hidden).split())[:_LONGEST] or None
