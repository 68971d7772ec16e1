"""`unifer compare` as people call it: tables that fit, every figure in the JSON, and runs that cannot be
compared named and refused.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import ADJECTIVES, NOUNS, dataset, question, replied, run_of, write
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.dialogue.prompts import expression_question

Answers = list[tuple[str, dict[str, Any]]]

TRUTHS = ["happy", "sad", "angry", "happy"] * 30


def answers(wrong_every: int) -> Answers:
    return [
        (truth, replied("sad" if index % wrong_every == 0 else truth)) for index, truth in enumerate(TRUTHS)
    ]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """A dataset with three runs: good, fair and poor."""
    monkeypatch.chdir(tmp_path)
    spec = dataset(tmp_path, "toy")
    for age, (name, wrong) in enumerate((("good", 10), ("fair", 4), ("poor", 2))):
        write(spec.results / f"{name}.jsonl", run_of(ADJECTIVES, answers(wrong)), age=age)
    return spec


def compared(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["compare", *argv, "--resamples", "200"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines()), "the tables fit a terminal"
    return out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["compare", *argv]) == 2
    return capsys.readouterr().err


def test_every_pair_is_compared_and_the_file_holds_what_the_table_shows(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    out = compared(capsys, str(spec.folder), "--out", "all.json")
    assert re.findall(r"^  ([A-C])  (\w+) · another prompt$", out, re.MULTILINE) == [
        ("A", "good"),
        ("B", "fair"),
        ("C", "poor"),
    ]
    for pair in ("B over A", "C over A", "C over B"):
        assert re.search(rf"^{pair} +-\d", out, re.MULTILINE)
    found = json.loads(Path("all.json").read_text())
    assert (found["runs"], found["measure"], found["correction"]) == (
        ["good", "fair", "poor"],
        "war",
        "Holm over the pairs of one table",
    )
    table = found["tables"]["toy"]
    assert table["n"] == 120
    assert table["scores"]["good"]["war"]["value"] > table["scores"]["poor"]["war"]["value"]
    worst = next(row for row in table["differences"] if (row["before"], row["after"]) == ("good", "poor"))
    assert worst["points"] == pytest.approx(
        100 * (table["scores"]["poor"]["war"]["value"] - table["scores"]["good"]["war"]["value"])
    )
    assert worst["method"] == "paired percentile bootstrap over questions"
    assert worst["holm_p"] >= worst["p"]
    assert "swap_p" not in worst


def test_scores_are_those_of_eval(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    """Two intervals of one score, each from its own seed, would make readers look for the reason."""
    assert main(["eval", "--dataset-dir", str(spec.folder), "--resamples", "200"]) == 0
    compared(capsys, str(spec.folder), "--out", "all.json")
    alone = json.loads((spec.results / "good.metrics.json").read_text())
    beside = json.loads(Path("all.json").read_text())["tables"]["toy"]["scores"]["good"]
    for name in ("war", "uar", "macro_f1"):
        assert beside[name] == {"value": alone[name], "interval": alone["intervals"][name]}


def test_a_baseline_is_held_against_all_others_and_no_more(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    out = compared(capsys, str(spec.folder), "--baseline", "poor", "--measure", "macro_f1")
    assert "all against C" in out
    assert "A over C" in out
    assert "B over C" in out
    assert "over A" not in out
    assert "p, swap" in out
    assert "--baseline best: is none of the runs; there are good, fair, poor" in refused(
        capsys, str(spec.folder), "--baseline", "best"
    )


def test_several_datasets_give_pooled_and_mean_tables(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = dataset(tmp_path, "two", NOUNS)
    for name, said in (("good", "anger"), ("fair", "sadness"), ("poor", "contempt")):
        write(
            other.results / f"{name}.jsonl",
            run_of(NOUNS, [("anger", replied(said)), ("sadness", replied("sadness"))]),
        )
    compared(capsys, str(spec.folder), str(other.folder), "--out", "all.json")
    tables = json.loads(Path("all.json").read_text())["tables"]
    assert list(tables) == ["toy", "two", "pooled", "mean_of_datasets"]
    assert tables["pooled"]["n"] == 122
    first, second, mean = (
        tables[key]["scores"]["fair"]["war"]["value"] for key in ("toy", "two", "mean_of_datasets")
    )
    assert mean == pytest.approx((first + second) / 2)
    pairs = (tables[key]["differences"] for key in ("toy", "two", "mean_of_datasets"))
    gains = [next(row["points"] for row in rows if row["after"] == "fair") for rows in pairs]
    assert gains[2] == pytest.approx((gains[0] + gains[1]) / 2)


# --- runs that cannot be compared
# ----------------------------------------------------------------------------------------------------
def test_one_run_is_no_comparison(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    assert "needs two runs or more, and here is good" in refused(capsys, str(spec.results / "good.jsonl"))


def test_a_run_that_lacks_questions_is_refused_or_the_rest_compared_and_said(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "poor.jsonl", run_of(ADJECTIVES, answers(2))[:-21], age=2)
    said = refused(capsys, str(spec.folder))
    assert "Set toy: poor lacks 21 of the 120 questions, the first '/faces/0099.png'" in said
    assert "over the 99 that all share with --common" in said
    out = compared(capsys, str(spec.folder), "--common", "--out", "all.json")
    assert "Set toy · 99 questions" in out
    assert "only the 99 questions that all runs share are counted; 21 are left out" in " ".join(out.split())
    table = json.loads(Path("all.json").read_text())["tables"]["toy"]
    assert table["scores"]["good"]["war"]["value"] == pytest.approx(89 / 99), (
        "scores are over the shared questions too"
    )


def test_an_incomplete_run_is_not_compared_in_silence(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both lack the same questions: matched rows are equal in number, and both scores count questions that no
    pair does.
    """
    rows = run_of(ADJECTIVES, answers(4))
    for name in ("good", "fair", "poor"):
        write(spec.results / f"{name}.jsonl", rows[:100], asked=120, name="toy_qa.json")
    said = refused(capsys, str(spec.folder))
    assert "good has no reply to 20" in said
    assert "--common" in said
    assert "100 questions" in compared(capsys, str(spec.folder), "--common")


def test_another_truth_is_refused_or_left_out(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run_of(ADJECTIVES, answers(2))
    rows[3] = question(3, "sad") | replied("sad")
    write(spec.results / "poor.jsonl", rows, age=2)
    assert (
        "another truth in each run, the first '/faces/0003.png' ('happy' in good, 'happy' in fair, "
        "'sad' in poor" in refused(capsys, str(spec.folder))
    )
    out = compared(capsys, str(spec.folder), "--common")
    assert (
        "119 questions that all runs share are counted; 1 are left out, 1 of them with another truth"
        in " ".join(out.split())
    )


def test_doubled_rows_are_refused(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run_of(ADJECTIVES, answers(2))
    write(spec.results / "poor.jsonl", [*rows, rows[0]])
    assert "'/faces/0000.png' stands already in row 1" in refused(capsys, str(spec.folder))


def test_nothing_in_common_is_an_error_with_common_too(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "poor.jsonl", [question(index + 500, "sad") | replied("sad") for index in range(9)])
    assert "have no question in common" in refused(capsys, str(spec.folder), "--common")


def test_a_dataset_that_one_run_lacks_is_refused_or_left_out(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = dataset(tmp_path, "two", NOUNS)
    write(other.results / "good.jsonl", run_of(NOUNS, [("anger", replied("anger"))]))
    both = (str(spec.folder), str(other.folder))
    assert (
        "there are no predictions of fair, poor on Set two; make them, name single files, or give --common"
        in refused(capsys, *both)
    )
    out = compared(capsys, *both, "--common")
    assert "no predictions of fair, poor on Set two" in " ".join(out.split())
    assert "pooled" not in out
    write(other.results / "elsewhere.jsonl", run_of(NOUNS, [("anger", replied("anger"))]))
    files = (str(spec.results / "fair.jsonl"), str(other.results / "elsewhere.jsonl"))
    assert "no dataset was answered by all of fair, elsewhere" in refused(capsys, *files, "--common")


def test_two_files_of_one_name_are_refused(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = write(tmp_path / "good.jsonl", run_of(ADJECTIVES, answers(4)))
    three = [str(path) for path in (spec.results / "good.jsonl", again, spec.results / "poor.jsonl")]
    said = refused(capsys, *three, "--dataset-dir", str(spec.folder))
    assert "are both called good on Set toy; rename one of them" in said


def test_a_measure_that_no_dataset_has_is_refused(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, str(spec.folder), "--measure", "au_f1")
    assert (
        "none of the datasets has what it is made of (Set toy); they have labels: try --measure war" in said
    )


def test_an_output_that_is_an_input_is_refused(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(spec.results / "good.jsonl")
    before = Path(path).read_bytes()
    assert "one of the prediction files" in refused(capsys, str(spec.folder), "--out", path)
    assert Path(path).read_bytes() == before


# --- what must be said
# -----------------------------------------------------------------------------------------------------------
def test_other_conditions_and_other_words_are_said(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, prompt in (("good", "fer-1"), ("fair", "fer-2"), ("poor", "fer-1")):
        manifest = {
            "identity": {"questions": {"name": "toy_qa.json"}, "prompt": prompt},
            "context": {"asked": 120},
        }
        (spec.results / f"{name}.manifest.json").write_text(json.dumps(manifest))
    rows = [row | {"prompt": "What?"} for row in run_of(ADJECTIVES, answers(4))]
    write(spec.results / "fair.jsonl", rows, age=1)
    out = " ".join(compared(capsys, str(spec.folder)).split())
    assert "different prompt: fer-1 in good, poor; fer-2 in fair" in out
    assert "120 of 120 questions were put to the runs in other words" in out


def test_subjects_take_the_place_of_questions_and_few_are_said(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, wrong in (("good", 10), ("fair", 4), ("poor", 2)):
        rows = run_of(ADJECTIVES, answers(wrong))
        write(
            spec.results / f"{name}.jsonl",
            [row | {"provenance": {"subject": f"S{i % 8}"}} for i, row in enumerate(rows)],
        )
    out = " ".join(compared(capsys, str(spec.folder), "--out", "all.json").split())
    assert "120 questions · 8 subjects" in out
    assert "McNemar's takes questions for independent" in out
    assert "only 8 subjects: intervals over them are rough" in out
    row = json.loads(Path("all.json").read_text())["tables"]["toy"]["differences"][0]
    assert row["method"] == "paired percentile bootstrap over 8 subjects"
    assert 0 < row["swap_p"] <= row["holm_p"]


def test_hostile_names_stay_names_and_fit(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, name in enumerate(
        ("a\x1b[2J\x07" + "x" * 90, "<script>alert(1)</script>".replace("/", "_"), "‮evil")
    ):
        write(spec.results / f"{name}.jsonl", run_of(ADJECTIVES, answers(3 + index)), age=50)
    out = compared(capsys, str(spec.folder))
    assert "\x1b" not in out
    assert "‮" not in out
    assert "F over E" in out


def test_runs_asked_in_other_words_are_told_apart(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference between two prompts must not pass for one between two models."""
    own = expression_question(ADJECTIVES)
    write(spec.results / "own.jsonl", [row | {"prompt": own} for row in run_of(ADJECTIVES, answers(3))])
    out = compared(
        capsys, str(spec.results / "good.jsonl"), str(spec.results / "own.jsonl"), "--out", "all.json"
    )
    assert "own · own prompt\n" in out
    assert "different words of the questions of Set toy: another prompt" in " ".join(
        out.replace("! ", "").split()
    )
    assert json.loads(Path("all.json").read_text())["wordings"] == {
        "good": "another prompt",
        "own": "own prompt",
    }
