"""Predictions of ours as a log of inspect_ai: `inspect view` shows it, `inspect score` grades it again.

`logs.read_log` gives the predictions back. Knows what a log must say; how one prediction becomes an output is
`translation`, the bytes are `inspect_format`. Samples are written one by one, since pictures of ten thousand
faces should not be in memory at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalMetric,
    EvalPlan,
    EvalPlanStep,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    condense_sample,
)
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText, GenerateConfig
from inspect_ai.scorer import SampleScore

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.harness import inspect_format
from unifer.evaluate.harness.inspect_format import SUFFIX
from unifer.evaluate.harness.scorer import figures_of, score_of
from unifer.evaluate.harness.translation import FACTS, SAMPLING, lossless, output_of, printable, sample_of
from unifer.evaluate.scoring import grade_prediction
from unifer.records import Json, Prediction, Question

Picture = Callable[[Question], str]
"""The data URI of a question's picture; may raise ImageError, then the log has none of it."""

_NOBODY = "none"
"""Inspect's provider without a model: scoring a log again opens its model, and ours need not be reachable."""
_SCORER = "strict"


def write_log(
    path: Path,
    spec: DatasetSpec,
    predictions: Sequence[Prediction],
    identity: Json,
    *,
    total: int | None = None,
    picture: Picture | None = None,
) -> None:
    """Write `predictions`, which `identity` made (as in a manifest), graded, as the log `path`.

    It writes all of the log or nothing. `total`: how many questions were asked; where that is more, the log
    says that the run was cancelled. `picture` makes the pictures that the log should hold. Raises InputError:
    no .eval file, no predictions.
    """
    if path.suffix != SUFFIX:
        raise InputError(f"{path}: a log of inspect_ai ends in {SUFFIX}")
    if not predictions:
        raise InputError(f"{path}: there are no predictions to write")
    head = _header(spec, predictions, identity, max(total or 0, len(predictions)))
    scores: list[SampleScore] = []
    summaries = []
    with inspect_format.writing(path, head) as put:
        for prediction in predictions:
            sample = _sample(prediction, spec, head.eval.model, picture)
            put(inspect_format.sample_name(sample.id), sample)
            summaries.append(sample.summary())
            score = (sample.scores or {})[_SCORER]
            scores.append(
                SampleScore(score=score, sample_id=sample.id, sample_metadata=sample.metadata, scorer=_SCORER)
            )
        put("summaries.json", summaries)
        head.results = _results(scores, head.eval)


def _header(spec: DatasetSpec, predictions: Sequence[Prediction], identity: Json, total: int) -> EvalLog:
    now = runs.now()
    model = str((identity.get("model") or {}).get("name") or "unknown")
    # Plain values, for inspect does not export the classes that they become.
    scorers: Any = [
        {
            "name": f"unifer/{_SCORER}",
            "options": {
                "aliases": {},
                "action_units": list(spec.action_units),
            },
            "metrics": [{"name": "unifer/figures", "options": {}}],
            "metadata": {},
        }
    ]
    ids = [sample_of(each.question).id or "" for each in predictions]
    run = EvalSpec(
        created=now,
        # A run id that stays the same for the same run.
        run_id=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:22],
        task_id=spec.name,
        task=spec.name,
        task_display_name=spec.title,
        dataset=EvalDataset(name=spec.name, samples=total, sample_ids=ids),
        model=printable(f"{_NOBODY}/{model}"),
        config=EvalConfig(epochs=1, fail_on_error=False, score_on_error=True),
        scorers=scorers,
        metadata={FACTS: {"dataset": spec.name, "asked": total, "identity": lossless(identity)}},
    )
    steps = [EvalPlanStep(solver="unifer/show_face"), EvalPlanStep(solver="generate")]
    return EvalLog(
        status="success" if total == len(predictions) else "cancelled",
        eval=run,
        plan=EvalPlan(steps=steps, config=_config(identity)),
        stats=EvalStats(started_at=now, completed_at=now),
    )


def _config(identity: Json) -> GenerateConfig:
    """What the viewer shows of how replies were generated."""
    sampling = identity.get("generation") or {}
    values = {theirs: sampling.get(ours) for theirs, ours in SAMPLING.items()}
    return GenerateConfig.model_validate(
        {name: value for name, value in values.items() if isinstance(value, int | float)}
    )


def _sample(prediction: Prediction, spec: DatasetSpec, model: str, picture: Picture | None) -> EvalSample:
    question, output = sample_of(prediction.question), output_of(prediction, model)
    content: list[Content] = [ContentText(text=printable(prediction.question.prompt))]
    if picture is not None:
        content = [*_picture(prediction.question, picture), *content]
    metadata, error = question.metadata or {}, None
    if prediction.error is not None:
        error = EvalError(message=printable(prediction.error), traceback="", traceback_ansi="")
        if lossless(prediction.error) != prediction.error:
            metadata = metadata | {FACTS: lossless(prediction.error)}
    row = Graded(prediction, grade_prediction(prediction), spec.action_units)
    sample = EvalSample(
        id=question.id or "",
        epoch=1,
        input=printable(str(question.input)),
        target=printable(str(question.target)),
        messages=[
            ChatMessageUser(content=content, source="input"),
            *(choice.message for choice in output.choices),
        ],
        output=output,
        scores={_SCORER: score_of(row)},
        metadata=metadata,
        model_usage={} if output.usage is None else {model: output.usage},
        error=error,
    )
    return sample if picture is None else condense_sample(sample)


def _picture(question: Question, picture: Picture) -> list[Content]:
    try:
        return [ContentImage(image=picture(question))]
    except ValueError:  # ImageError: the row says itself that it could not be asked
        return []


def _results(scores: list[SampleScore], spec: EvalSpec) -> EvalResults:
    metrics = {
        name: EvalMetric(name=name, group="figures", value=value)
        for name, value in figures_of(scores).items()
    }
    score = EvalScore(
        name=_SCORER,
        scorer=_SCORER,
        scored_samples=len(scores),
        unscored_samples=0,
        params=(spec.scorers or [])[0].options or {},
        metrics=metrics,
    )
    failed = sum((each.score.metadata or {})["outcome"] == "failed" for each in scores)
    return EvalResults(
        total_samples=spec.dataset.samples or len(scores),
        completed_samples=len(scores) - failed,
        scores=[score],
    )
