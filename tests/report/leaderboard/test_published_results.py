"""Published results: what the repository ships, and a reader that names the entry and the key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from unifer.errors import InputError
from unifer.report.leaderboard.published import PublishedResult, beside, read_published

SHIPPED = ROOT / "eval_more" / "published.yaml"
SMALL: dict[str, Any] = {
    "sources": {"a": {"title": "Paper A, table 1"}, "b": {"title": "Paper B", "unconfirmed": "withdrawn"}},
    "protocols": {"p": {"text": "accuracy", "grading": "unifer"}, "q": {"text": "F1"}},
    "tables": [
        {
            "source": "b",
            "protocol": "p",
            "metric": "war",
            "setting": "not stated",
            "columns": ["rafdb", "affectnet"],
            "rows": {"One": [60.5, None], "Two": [70, 71.25]},
            "settings": {"Two": "zero-shot"},
        }
    ],
}


def write(folder: Path, value: Any) -> Path:
    path = folder / "published.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return path


def value_of(
    results: list[PublishedResult], system: str, dataset: str, metric: str, source: str
) -> PublishedResult:
    found = [
        each
        for each in results
        if (each.system, each.dataset, each.metric, each.source.key) == (system, dataset, metric, source)
    ]
    assert len(found) == 1
    return found[0]


def test_a_row_becomes_one_result_a_column_that_has_a_value(tmp_path: Path) -> None:
    results = read_published(write(tmp_path, SMALL))
    assert [(each.system, each.dataset, each.value, each.setting) for each in results] == [
        ("One", "rafdb", 60.5, "not stated"),
        ("Two", "rafdb", 70, "zero-shot"),
        ("Two", "affectnet", 71.25, "zero-shot"),
    ]
    assert (results[0].source.unconfirmed, results[0].protocol.grading) == ("withdrawn", "unifer")


def test_the_shipped_file_holds_what_the_papers_say() -> None:
    """A spot check of each table, against the papers' figures as the project knows them."""
    results = read_published(SHIPPED)
    for system, dataset, metric, source, value in (
        ("UniFER-7B", "pooled", "war", "unifer-digest", 68.84),
        ("Gemini-2.5-Flash", "pooled", "war", "unifer-audit", 61.55),
        ("Facial-R1", "disfa", "au_macro_f1", "facial-r1-table-2", 73.1),
        ("EmoLA", "faba_au", "au_macro_f1", "facial-r1-table-2", 56.3),
        ("Facial-R1", "rafdb", "war", "facial-r1-table-3", 92.1),
        ("LLaVA-Next", "affectnet", "war", "facial-r1-table-3", 7.7),
        ("EmoLA", "faba_emotion", "rege", "facial-r1-table-4", 96.2),
        ("Facial-R1", "fea20k", "rouge_l", "facial-r1-table-4", 37.3),
        ("GPT-4o", "fea20k", "judge", "facial-r1-table-4", 5.80),
        ("EmoLA", "faba_au", "rege", "emola", 91.5),
        ("GPT-4o-mini", "rafdb", "war", "face-llava", 75.8),
        ("EmotiEffLib enet_b2_8 (CNN)", "affectnet", "war", "emotiefflib", 63.03),
        ("DeepFace (CNN)", "own_test_set", "war", "deepface", 57.4),
    ):
        assert value_of(results, system, dataset, metric, source).value == value


def test_numbers_of_the_withdrawn_paper_are_all_marked() -> None:
    """arXiv 2511.10254 was withdrawn by its author: none of its tables may pass for confirmed."""
    results = [each for each in read_published(SHIPPED) if each.source.key.startswith("facial-r1")]
    assert len(results) > 90
    assert all("withdrawn" in str(each.source.unconfirmed) for each in results)


def test_only_what_a_rule_of_ours_computes_is_said_to_be_graded_alike() -> None:
    alike = {
        (each.source.key, each.metric, each.protocol.grading)
        for each in read_published(SHIPPED)
        if each.protocol.grading is not None
    }
    assert alike == {
        ("unifer-digest", "war", "unifer"),
        ("unifer-audit", "war", "unifer"),
        ("facial-r1-table-2", "au_macro_f1", "facial-r1"),
        ("facial-r1-table-3", "war", "facial-r1"),
        ("facial-r1-table-4", "rouge_l", "facial-r1"),
    }


def test_a_figure_whose_source_is_second_hand_says_so() -> None:
    """68.84 passed for a figure of the abstract, which does not have it."""
    for each in read_published(SHIPPED):
        if each.dataset == "pooled":
            assert each.source.unconfirmed is not None


def test_an_au_score_stands_only_beside_scores_over_the_same_aus() -> None:
    """Facial-R1's 73.1 on DISFA runs over 12 AUs and stood beside runs scored over EmoLA's 8."""
    from unifer.evaluate.run_files import project_datasets

    ours = {spec.name: spec for spec in project_datasets(ROOT)}
    published = read_published(SHIPPED)

    def on(au_set: str) -> tuple[set[tuple[str, str]], list[str]]:
        shown, notes = beside(
            published,
            {
                name: spec.with_au_set(au_set if au_set in spec.au_sets else None)
                for name, spec in ours.items()
            },
        )
        units = {each for each in shown if each.metric == "au_macro_f1" and each.dataset in ours}
        return {(each.source.key, each.dataset) for each in units}, notes

    table, notes = on("facial-r1")
    assert table == {("facial-r1-table-2", name) for name in ("disfa", "bp4d", "rafau", "faba_au")}
    assert (
        "2 published AU scores on FABA AUs are left out, made over the AU set emola: --au-set emola "
        "shows them" in notes
    )
    table, notes = on("emola")
    assert table == {("emola", "faba_au")}
    assert any(
        "on DISFA are left out, made over the AU set facial-r1: --au-set facial-r1 shows them" in note
        for note in notes
    )
    assert any(
        "on DISFA are left out, their source does not say over which AUs they run" in note for note in notes
    )


def test_the_models_that_the_paper_is_known_to_have_asked_are_tagged() -> None:
    from unifer.evaluate.bench.entries import read_models

    tagged = {entry.name for entry in read_models(ROOT / "eval_more" / "models.yaml") if entry.ferbench}
    llava = {f"LLaVA-NeXT-{name}" for name in ("Vicuna-7B", "Mistral-7B", "Llama3-8B")}
    assert tagged == llava | {"Qwen2.5-VL-72B", "Gemini-2.5-Pro", "Gemini-2.5-Flash"}


def test_datasets_of_the_file_that_the_project_has_are_spelled_as_there() -> None:
    from unifer.evaluate.run_files import project_datasets

    ours = {spec.name for spec in project_datasets(ROOT)} | {"pooled"}
    others = {"dfew", "ravdess", "mer2023", "disfa_plus", "affectnet_kaggle", "affectnet_7", "own_test_set"}
    assert {each.dataset for each in read_published(SHIPPED)} <= ours | others


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((), [], "the file: a mapping with sources, protocols, tables is expected"),
        (("tables",), {}, "'tables' must be a list"),
        (("extra",), 1, "the file: unknown key 'extra'"),
        (("sources", "a"), {"titel": "x"}, "source 'a': missing 'title'"),
        (("sources", "a", "unconfirmd"), "x", "unknown key 'unconfirmd', did you mean 'unconfirmed'?"),
        (("sources", "a", "title"), " ", "source 'a': 'title' must be a non-empty text"),
        (
            ("protocols", "p", "grading"),
            "lenient",
            "protocol 'p': 'grading' is 'lenient'; allowed are strict, unifer, facial-r1",
        ),
        (("tables", 0, "source"), "c", "table 1: 'source' is 'c'"),
        (("tables", 0, "protocol"), "pp", "table 1: 'protocol' is 'pp', did you mean 'p'?"),
        (("tables", 0, "metric"), "WAR", "table 1: 'metric' is 'WAR'"),
        (("tables", 0, "setting"), "zeroshot", "did you mean 'zero-shot'?"),
        (("tables", 0, "settings"), {"Three": "zero-shot"}, "table 1: 'settings' is 'Three'"),
        (("tables", 0, "columns"), ["rafdb", "rafdb"], "'columns' must be a list of different dataset names"),
        (("tables", 0, "rows", "One"), [60.5], "table 1: 'One': 2 values, one a column, are expected"),
        (
            ("tables", 0, "rows", "One"),
            [160.5, None],
            "table 1: 'One': 160.5 is no war; a number from 0 to 100 or null is expected",
        ),
        (("tables", 0, "rows", "One"), [True, None], "True is no war"),
        (("tables", 0, "rows", "One"), ["60.5", None], "'60.5' is no war"),
        (("tables", 0, "rows"), {1: [60.5, None]}, "must map names to entries"),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    changed = copy.deepcopy(SMALL)
    if place:
        at: Any = changed
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = value
    path = write(tmp_path, changed if place else value)
    with pytest.raises(InputError) as refusal:
        read_published(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert message in str(refusal.value)


def test_a_number_given_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL | {"tables": SMALL["tables"] * 2})
    with pytest.raises(InputError, match="'One' has two values of war on rafdb from b"):
        read_published(path)
