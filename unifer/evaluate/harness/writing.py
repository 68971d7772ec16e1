"""Predictions of ours as a log of inspect_ai: `inspect view` shows it, `inspect score` grades it again,
`logs.read_log` gives them back.

Knows what a log must say; how one prediction becomes an output is `outputs`. The .eval file is written sample
by sample, since inspect's own writer takes time with the square of their number, and pictures of ten thousand
faces should not be in memory at once.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
    EvalStatus,
    condense_sample,
)
from inspect_ai.log._log import EvalMetricDefinition, EvalScorer
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText, GenerateConfig
from inspect_ai.scorer import SampleScore
from pydantic import BaseModel
from pydantic_core import to_json

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.harness.outputs import output_of
from unifer.evaluate.harness.samples import FACTS, kept, sample_of, shown
from unifer.evaluate.harness.scorer import figures_of, score_of
from unifer.evaluate.scoring import grade_prediction
from unifer.records import Json, Prediction, Question

SUFFIX = ".eval"
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
    asked: int | None = None,
    picture: Picture | None = None,
) -> None:
    """Write `predictions`, which `identity` made (as in a manifest), graded, as the log `path`; all of it or
    nothing.

    `asked`: how many questions were asked; where that is more, the log says that the run was cancelled.
    `picture` makes the pictures that the log should hold. Raises InputError: no .eval file, no predictions.
    """
    if path.suffix != SUFFIX:
        raise InputError(f"{path}: a log of inspect_ai ends in {SUFFIX}")
    if not predictions:
        raise InputError(f"{path}: there are no predictions to write")
    head = _header(spec, predictions, identity, max(asked or 0, len(predictions)))
    scores: list[SampleScore] = []
    summaries = []
    with _archive(path) as put:
        put("_journal/start.json", {"version": head.version, "eval": head.eval, "plan": head.plan})
        for prediction in predictions:
            sample = _sample(prediction, spec, head.eval.model, picture)
            put(f"samples/{sample.id}_epoch_1.json", sample)
            summaries.append(sample.summary())
            score = (sample.scores or {})[_SCORER]
            scores.append(
                SampleScore(score=score, sample_id=sample.id, sample_metadata=sample.metadata, scorer=_SCORER)
            )
        put("summaries.json", summaries)
        head.results = _results(scores, head.eval)
        put("header.json", head)


def _header(spec: DatasetSpec, predictions: Sequence[Prediction], identity: Json, asked: int) -> EvalLog:
    now = runs.now()
    status: EvalStatus = "success" if asked == len(predictions) else "cancelled"
    model = str((identity.get("model") or {}).get("name") or "unknown")
    options = {
        "aliases": {},
        "action_units": list(spec.action_units),
    }
    scorer = EvalScorer(
        name=f"unifer/{_SCORER}",
        options=options,
        metrics=[EvalMetricDefinition(name="unifer/figures", options={})],
        metadata={},
    )
    made = EvalSpec(
        created=now,
        run_id=_digest(identity),
        task_id=spec.name,
        task=spec.name,
        task_display_name=spec.title,
        dataset=EvalDataset(
            name=spec.name,
            samples=asked,
            sample_ids=[sample_of(each.question).id or "" for each in predictions],
        ),
        model=shown(f"{_NOBODY}/{model}"),
        config=EvalConfig(epochs=1, fail_on_error=False, score_on_error=True),
        scorers=[scorer],
        metadata={FACTS: {"dataset": spec.name, "asked": asked, "identity": kept(identity)}},
    )
    steps = [EvalPlanStep(solver="unifer/show_face"), EvalPlanStep(solver="generate")]
    return EvalLog(
        version=2,
        status=status,
        eval=made,
        plan=EvalPlan(steps=steps, config=_config(identity)),
        stats=EvalStats(started_at=now, completed_at=now),
    )


def _config(identity: Json) -> GenerateConfig:
    """What the viewer shows of how replies were generated."""
    sampling = identity.get("generation") or {}
    names = {"max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed"}
    return GenerateConfig(
        **{
            theirs: sampling[ours]
            for theirs, ours in names.items()
            if isinstance(sampling.get(ours), int | float)
        }
    )


def _sample(prediction: Prediction, spec: DatasetSpec, model: str, picture: Picture | None) -> EvalSample:
    asked, output = sample_of(prediction.question), output_of(prediction, model)
    row = Graded(prediction, grade_prediction(prediction), spec.action_units)
    content: list[Content] = [ContentText(text=shown(prediction.question.prompt))]
    if picture is not None:
        content = [*_picture(prediction.question, picture), *content]
    exact: Json = (
        {}
        if prediction.error is None or kept(prediction.error) == prediction.error
        else {FACTS: kept(prediction.error)}
    )
    sample = EvalSample(
        id=asked.id or "",
        epoch=1,
        input=shown(str(asked.input)),
        target=shown(str(asked.target)),
        messages=[
            ChatMessageUser(content=content, source="input"),
            *(choice.message for choice in output.choices),
        ],
        output=output,
        scores={_SCORER: score_of(row)},
        metadata=(asked.metadata or {}) | exact,
        model_usage={} if output.usage is None else {model: output.usage},
        error=None
        if prediction.error is None
        else EvalError(message=shown(prediction.error), traceback="", traceback_ansi=""),
    )
    return sample if picture is None else condense_sample(sample)


def _picture(question: Question, picture: Picture) -> list[Content]:
    try:
        return [ContentImage(image=picture(question))]
    except ValueError:  # ImageError: the row says itself that it could not be asked
        return []


def _results(scores: list[SampleScore], spec: EvalSpec) -> EvalResults:
    values = figures_of(scores)
    found = {name: EvalMetric(name=name, group="figures", value=value) for name, value in values.items()}
    options = (spec.scorers or [])[0].options or {}
    score = EvalScore(
        name=_SCORER,
        scorer=_SCORER,
        scored_samples=len(scores),
        unscored_samples=0,
        params=options,
        metrics=found,
    )
    failed = sum((each.score.metadata or {})["outcome"] == "failed" for each in scores)
    return EvalResults(
        total_samples=spec.dataset.samples or len(scores),
        completed_samples=len(scores) - failed,
        scores=[score],
    )


@contextmanager
def _archive(path: Path) -> Iterator[Callable[[str, Any], None]]:
    """`put(name, JSON)` into a ZIP archive that takes the place of `path` once the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        made = Path(folder) / path.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            yield lambda name, value: archive.writestr(name, _json(value))
        made.replace(path)


def _json(value: BaseModel | Json | list[Any]) -> bytes:
    return to_json(value, exclude_none=True, inf_nan_mode="constants")


def _digest(identity: Json) -> str:
    """A run id that stays the same for the same run."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:22]
