"""Protocol `facial-r1` against a second, literal writing of its rule, made from its description alone, and
the AU sets by name.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.evaluate.scored import FAILED, au_dataset, au_row, dataset, question, write
from tests.literal import EMOTIONS, REFERENCES, UNITS, facial_r1_scores, reasoned
from unifer.cli import main
from unifer.datasets import DatasetSpec, load_dataset
from unifer.dialogue.published import facial_r1_label, facial_r1_units
from unifer.errors import InputError
from unifer.evaluate.facial_r1 import score_facial_r1
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict

COUNT = 20_000
LABELS = EMOTIONS
SUBSET = (1, 2, 6, 12, 25)


def rows_of(labels: bool) -> list[dict[str, Any]]:
    rng = random.Random(11)
    rows = []
    for index in range(COUNT):
        shown = [unit for unit in UNITS if rng.random() < 0.3]
        row = question(index, rng.choice(LABELS), LABELS) if labels else au_row(index, shown, "none")
        row |= {
            "AUs": shown,
            "provenance": {"description": rng.choice(REFERENCES)},
            "model_response": reasoned(rng),
        }
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facial-r1")


@pytest.mark.parametrize(("labels", "subset"), [(True, ()), (False, SUBSET)])
def test_equals_the_literal_rule_on_invented_replies(
    folder: Path, labels: bool, subset: tuple[int, ...]
) -> None:
    """0 difference on whole numbers, 1e-12 on means. A listed AU that no face shows leaves the mean."""
    name = f"{'labels' if labels else 'units'}{len(subset)}"
    spec = (
        dataset(folder, name, LABELS, f"action_units: {list(subset) or 'all'}\n")
        if labels
        else au_dataset(folder, name, subset or "all")
    )
    rows = rows_of(labels)
    found = score_facial_r1(spec, PredictionFile("m", write(spec.results / "m.jsonl", rows)), resamples=0)
    units = [unit for unit in UNITS if not subset or unit in subset]
    wanted = facial_r1_scores(rows, units)
    scores = found.action_units
    assert scores is not None
    assert found.rouge is not None
    hits = [round((unit.recall or 0) * unit.support) for unit in scores.per_unit]
    assert [unit.action_unit for unit in scores.per_unit] == units
    assert hits == wanted["hits"]
    assert [unit.predicted - hit for unit, hit in zip(scores.per_unit, hits, strict=True)] == wanted["extra"]
    assert [unit.support - hit for unit, hit in zip(scores.per_unit, hits, strict=True)] == wanted["lost"]
    assert round(scores.exact * COUNT) == wanted["exact"]
    means = {
        "macro": scores.macro_f1,
        "micro": scores.micro_f1,
        "recall": scores.recall,
        "rouge": found.rouge.value,
    }
    for key, value in means.items():
        assert value == pytest.approx(wanted[key], rel=0, abs=1e-12), key
    recognised = wanted["right"] / COUNT if labels else wanted["macro"]
    rege = found.rege["accuracy" if labels else "macro_au_f1"]
    assert rege.total == pytest.approx(100 * recognised + 100 * wanted["rouge"], rel=0, abs=1e-10)
    if labels:
        assert found.accuracy is not None
        assert found.accuracy.value is not None
        assert round(found.accuracy.value * COUNT) == wanted["right"]


@pytest.mark.parametrize(
    ("reply", "units", "label"),
    [
        ("<think>no AU4, AU12</think><think>AU6</think><answer>sad, happy</answer>", {"AU4", "AU12"}, "sad"),
        ("<think>AU 6, au12</think><answer>happy;sad</answer>", set(), "happy"),
        ("AU6 without a block", set(), "AU6"),
        ("<answer>AU6, AU12</answer>", set(), "AU6"),
        ("<think>AU06</think><answer></answer>", {"AU06"}, None),
        ("<think>AU6 <answer>happy.</answer>", set(), "happy."),
    ],
)
def test_the_published_quirks_are_kept(reply: str, units: set[str], label: str | None) -> None:
    assert (set(facial_r1_units(reply)), facial_r1_label(reply)) == (units, label)


@pytest.mark.parametrize(
    "reply", ["<think>" * 2**17, "<think>" + "AU" * 2**19, "<answer>" * 2**17, "," * 2**20]
)
def test_a_megabyte_of_hostile_text_ends(reply: str) -> None:
    assert not facial_r1_units(reply)
    assert len(facial_r1_label(reply) or "") <= len(reply)


def form(think: str, answer: str, index: int) -> dict[str, Any]:
    return au_row(index, [6, 12], "") | {
        "model_response": f"<think>{think}</think>\n<answer>{answer}</answer>"
    }


def test_neither_protocol_gives_a_silent_zero(tmp_path: Path) -> None:
    """Replies in Facial-R1's form (AUs in the reasoning, an emotion in the answer) scored 0 on DISFA, and
    nothing said why.
    """
    spec = au_dataset(tmp_path, "disfa")
    reasoned = PredictionFile(
        "r", write(spec.results / "r.jsonl", [form("AU6, AU12", "happiness", 0), form("AU6", "AU6", 1)])
    )
    listed = PredictionFile(
        "l", write(spec.results / "l.jsonl", [form("a smile", "AU6, AU12", 0), form("AU6", "AU6", 1)])
    )
    strict, published = score_strict(spec, reasoned, 0), score_facial_r1(spec, reasoned, 0)
    assert any(
        note.startswith("1 of 2 replies name AUs in their reasoning") and "--protocol facial-r1" in note
        for note in strict.notes
    )
    assert published.action_units is not None
    assert published.action_units.recall == 3 / 4
    assert published.notes == ()
    strict, published = score_strict(spec, listed, 0), score_facial_r1(spec, listed, 0)
    assert strict.action_units is not None
    assert strict.action_units.recall == 3 / 4
    assert not any("--protocol" in note for note in strict.notes)
    assert any(
        note.startswith("1 of 2 replies name AUs only outside") and "--protocol strict" in note
        for note in published.notes
    )


def test_failed_and_missing_questions_stay_in_every_denominator(tmp_path: Path) -> None:
    spec = dataset(tmp_path, "toy", LABELS)
    rows = [question(index, "anger", LABELS) | {"AUs": [4]} for index in range(3)]
    reply = {"model_response": "<think>AU4</think><answer>anger</answer>"}
    path = write(spec.results / "m.jsonl", [rows[0] | reply, rows[1] | FAILED], asked=3, name="toy_qa.json")
    (spec.folder / "data" / "toy_qa.json").write_text(json.dumps(rows))
    found = score_facial_r1(spec, PredictionFile("m", path), 0)
    assert found.counts == {"asked": 3, "failed": 1, "missing": 1}
    assert found.accuracy is not None
    assert (found.accuracy.value, found.accuracy.n) == (1 / 3, 3)
    assert found.action_units is not None
    assert (found.action_units.recall, found.action_units.n) == (1 / 3, 3)


@pytest.fixture
def two_sets(tmp_path: Path) -> DatasetSpec:
    spec = au_dataset(tmp_path, "disfa", [6])
    text = (spec.folder / "dataset.yaml").read_text().replace("action_units: [6]", "action_units: emola")
    (spec.folder / "dataset.yaml").write_text(f"{text}au_sets: {{emola: [6], facial-r1: [6, 12]}}\n")
    return load_dataset(spec.folder)


def test_the_au_set_is_chosen_on_the_command_line(
    two_sets: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(two_sets.results / "m.jsonl", [form("AU6", "AU6", 0), form("AU6, AU12", "AU6, AU12", 1)])
    call = ["eval", "--dataset-dir", str(two_sets.folder), "--resamples", "0"]
    assert main(call) == 0
    assert (
        "over the AU set emola, 1 AUs; --au-set chooses of all, emola, facial-r1" in capsys.readouterr().out
    )
    for flags, name, au_set, macro in (
        ([], "m.metrics.json", "emola", 1),
        (["--au-set", "facial-r1"], "m.metrics.json", "facial-r1", (1 + 2 / 3) / 2),
        (["--au-set", "all"], "m.metrics.json", None, (1 + 2 / 3) / 2),
        (["--protocol", "facial-r1"], "m.facial-r1.metrics.json", "facial-r1", (1 + 2 / 3) / 2),
        (["--protocol", "facial-r1", "--au-set", "emola"], "m.facial-r1.metrics.json", "emola", 1),
    ):
        assert main([*call, *flags]) == 0
        written = json.loads(path.with_name(name).read_text())
        assert (written["au_set"], written["action_units"]["macro_f1"]) == (au_set, pytest.approx(macro))


def test_an_unknown_au_set_is_refused_by_name(
    two_sets: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["eval", "--dataset-dir", str(two_sets.folder), "--au-set", "bp4d", "--predictions", "m.jsonl"])
        == 2
    )
    assert (
        "--au-set bp4d: Set disfa has no such AU set; allowed are all, emola, facial-r1"
        in capsys.readouterr().err
    )
    with pytest.raises(InputError, match="no such AU set"):
        two_sets.with_au_set("x")


def test_pooling_by_facial_r1_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Facial-R1 pools nothing; a number of ours under its name would be compared with one that does not
    exist.
    """
    assert main(["eval-total", "--protocol", "facial-r1"]) == 2
    assert "has no pooled score" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "emola", "facial_r1"),
    [("disfa", 8, 12), ("bp4d", 12, 27), ("faba_au", 12, 20), ("rafau", None, 27)],
)
def test_the_shipped_au_sets_have_the_published_sizes(name: str, emola: int | None, facial_r1: int) -> None:
    spec = load_dataset(ROOT / "eval_more" / name)
    sizes = {key: len(units) for key, units in spec.au_sets.items()}
    assert sizes == {"facial-r1": facial_r1} | ({} if emola is None else {"emola": emola})
    assert (spec.au_set, len(spec.action_units)) == (None if emola is None else "emola", emola or 0)
