"""`unifer eval --group`: scores by group of people, checked by hand, and what stops a comparison."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import dataset, question, replied, write
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate.trust.confusion_gaps import fisher
from unifer.evaluate.trust.sheets import Sheet, read_sheet

LABELS = ("anger", "disgust", "neutral")


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return dataset(tmp_path, "people", LABELS)


def rows(counts: Mapping[tuple[Any, str, str], int], **more: Any) -> list[dict[str, Any]]:
    """Prediction rows of (group, truth, answer) and how often."""
    made: list[dict[str, Any]] = []
    for (group, truth, answer), number in counts.items():
        for _ in range(number):
            facts = {} if group is None else {"gender": group}
            row = question(len(made), truth, LABELS) | {"provenance": facts | more}
            made.append(row | replied(answer))
    return made


BIASED = {
    ("female", "anger", "anger"): 20,
    ("female", "anger", "disgust"): 20,
    ("female", "disgust", "disgust"): 30,
    ("female", "neutral", "neutral"): 30,
    ("male", "anger", "anger"): 38,
    ("male", "anger", "disgust"): 2,
    ("male", "disgust", "disgust"): 27,
    ("male", "disgust", "anger"): 3,
    ("male", "neutral", "neutral"): 30,
    ("unsure", "neutral", "neutral"): 3,
}


def evaluate(spec: DatasetSpec, *more: str) -> int:
    path = spec.results / "tiny.jsonl"
    return main(["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), *more])


def sheet_of(spec: DatasetSpec) -> Sheet:
    return read_sheet(spec.results / "tiny.fairness.json")


def test_groups_have_their_scores_a_worst_and_a_gap(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "tiny.jsonl", rows(BIASED))
    assert evaluate(spec, "--group", "gender") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "anger as disgust: female 50.0 (20 of 40), male 5.0 (2 of 40), p <0.001" in shown
    sheet = sheet_of(spec)
    value = {rate.name: rate.value for rate in sheet.rates}
    assert sheet.rates[0].name == "gender: gap in UAR"
    assert value["gender female: UAR"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert value["gender male: UAR"] == pytest.approx((0.95 + 0.9 + 1) / 3)
    assert value["gender male: accuracy"] == pytest.approx(95 / 100)
    assert value["gender: worst UAR"] == value["gender female: UAR"]
    assert value["gender: gap in UAR"] == pytest.approx((2.85 - 2.5) / 3)
    gap = sheet.rate("gender: gap in UAR")
    assert gap is not None
    assert gap.low is not None
    assert gap.high is not None
    assert 0 < gap.low < (2.85 - 2.5) / 3 < gap.high
    assert sheet.details["columns"][0]["small"] == {"unsure": 3}


def test_no_label_counts_that_a_group_lacks(spec: DatasetSpec) -> None:
    """A mean over other labels is another measure: a group without disgust would look better for it."""
    counts = {key: number for key, number in BIASED.items() if key[:2] != ("male", "disgust")}
    write(spec.results / "tiny.jsonl", rows(counts | {("male", "disgust", "anger"): 4}))
    assert evaluate(spec, "--group", "gender", "--resamples", "50") == 0
    column = sheet_of(spec).details["columns"][0]
    assert column["labels"] == ["anger", "neutral"]
    assert column["groups"][0]["uar"][0] == pytest.approx(0.75)
    assert any("leaves out disgust" in note for note in sheet_of(spec).notes)


def test_a_label_all_right_by_luck_still_varies(spec: DatasetSpec) -> None:
    """By the plain bootstrap six faces all right have no error, and the gap is surer than it can be."""
    perfect = {(group, label, label): 12 for group in ("a", "b") for label in LABELS}
    write(spec.results / "tiny.jsonl", rows(perfect))
    assert evaluate(spec, "--group", "gender") == 0
    gap = sheet_of(spec).rates[0]
    assert gap.value == 0
    assert gap.high is not None
    assert gap.high > 0.05


def test_subjects_are_drawn_whole(spec: DatasetSpec) -> None:
    """Frames of one person are alike: as strangers, four women and four men would be surely told apart."""
    draw = random.Random(1)
    made: list[dict[str, Any]] = []
    for group in ("female", "male"):
        for person in range(4):
            chance = (0.5, 0.7, 0.9, 0.99)[person] if group == "male" else (0.4, 0.6, 0.85, 0.95)[person]
            for at in range(60):
                truth = LABELS[at % 3]
                answer = truth if draw.random() < chance else LABELS[(at + 1) % 3]
                row = question(len(made), truth, LABELS) | {"subject": f"{group}{person}"}
                made.append(row | {"provenance": {"gender": group}} | replied(answer))
    write(spec.results / "tiny.jsonl", made)
    assert evaluate(spec, "--group", "gender") == 0
    of_people = sheet_of(spec)
    assert of_people.details["columns"][0]["groups"][0]["subjects"] == 4
    assert any("few subjects" in note for note in of_people.notes)
    for row in made:
        del row["subject"]
    write(spec.results / "tiny.jsonl", made)
    assert evaluate(spec, "--group", "gender") == 0

    def width(sheet: Sheet) -> float:
        return (sheet.rates[0].high or 0) - (sheet.rates[0].low or 0)

    assert width(of_people) > 2 * width(sheet_of(spec))


def test_a_subject_may_belong_to_several_groups(spec: DatasetSpec) -> None:
    """Poses: each person shows both. Drawn apart, what they have in common would count as a difference."""
    made: list[dict[str, Any]] = []
    for person in range(12):
        for pose in ("left", "right"):
            for at in range(12):
                answer = LABELS[at % 3] if person % 3 else LABELS[(at + 1) % 3]
                row = question(len(made), LABELS[at % 3], LABELS) | {"subject": f"S{person}"}
                made.append(row | {"provenance": {"pose": pose}} | replied(answer))
    write(spec.results / "tiny.jsonl", made)
    assert evaluate(spec, "--group", "pose") == 0
    gap = sheet_of(spec).rates[0]
    assert (gap.value, gap.low) == (0, 0)
    assert gap.high == pytest.approx(0, abs=1e-6)


def test_groups_come_from_another_file_and_two_columns_join(spec: DatasetSpec, tmp_path: Path) -> None:
    made = rows({(None, label, label): 40 for label in LABELS})
    write(spec.results / "tiny.jsonl", made)
    lines = ["image_path,gender,race"]
    for at, row in enumerate(made):
        name = row["image_path"].rpartition("/")[2] if at % 2 else row["image_path"]
        lines.append(f"{name},{'fm'[at % 2]},{'xy'[at // 2 % 2] if at else ''}")
    (tmp_path / "people.csv").write_text("\n".join(lines))
    table = ("--group-file", str(tmp_path / "people.csv"), "--group-least", "20", "--resamples", "20")
    assert evaluate(spec, "--group", "gender", "--group", "gender+race", *table) == 0
    first, second = sheet_of(spec).details["columns"]
    assert [group["n"] for group in first["groups"]] == [60, 60]
    assert [group["group"] for group in second["groups"]] == ["f, x", "f, y", "m, x", "m, y"]
    assert second["unknown"] == 1
    questions = [{k: v for k, v in row.items() if k != "model_response"} for row in made]
    for at, row in enumerate(questions):
        row["provenance"] = {"gender": "fm"[at % 2]}
    (tmp_path / "built.json").write_text(json.dumps(questions))
    assert evaluate(spec, "--group", "gender", "--group-file", str(tmp_path / "built.json")) == 0


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--group", "age"), "has a column 'age'; there are gender"),
        (("--group", "gender", "--group-least", "200"), "0 of 3 groups has 200 faces or more (female 100"),
        (("--group-least", "5"), "of which groups? name a column with --group COLUMN"),
        (("--group", "gender", "--protocol", "unifer"), "leave it or --protocol unifer out"),
        (("--group", "gender", "--group-file", "people.csv"), "none of its 1 rows belongs to a question"),
        (("--twin", "twin"), "no row has 'twin' in its 'provenance'"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_nothing_is_written(
    spec: DatasetSpec,
    flags: tuple[str, ...],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("image_path,gender\nelse.png,male\n")
    write(spec.results / "tiny.jsonl", rows(BIASED))
    assert evaluate(spec, *flags) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert {path.name for path in spec.results.iterdir()} == {"tiny.jsonl"}


def test_without_drawing_there_is_no_interval_and_no_p(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    """A p of 1 that nobody computed would say that the groups are alike."""
    write(spec.results / "tiny.jsonl", rows(BIASED))
    assert evaluate(spec, "--group", "gender", "--resamples", "0") == 0
    column = sheet_of(spec).details["columns"][0]
    assert (column["pairs"], column["not_told_from_worst"], column["p_no_gap"]) == ([], [], None)
    assert sheet_of(spec).rates[0].low is None
    assert "not surely better" not in capsys.readouterr().out


def test_fishers_test_is_scipys() -> None:
    """Two-sided p of small tables, the large end of the tail included."""
    from scipy.stats import fisher_exact

    draw = random.Random(0)
    for _ in range(200):
        n, m = draw.randint(1, 60), draw.randint(1, 60)
        a, b = draw.randint(0, n), draw.randint(0, m)
        expected = fisher_exact([[a, n - a], [b, m - b]])[1]
        assert fisher(a, n, b, m) == pytest.approx(expected, abs=1e-9)
