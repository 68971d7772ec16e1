"""In whose words a run was asked stands beside its score, above all where a published score stands too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.scored import NOUNS
from tests.report.leaderboard.models import answer, project
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.dialogue import wordings
from unifer.dialogue.prompts import expression_question

PUBLISHED = "P: which, of all?"
FILE = """
sources: {paper: {title: A paper}}
protocols: {own: {text: its own rule}}
tables:
- {source: paper, protocol: own, metric: war, setting: zero-shot, columns: [rafdb], rows: {Theirs: [70.0]}}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """RAF-DB with three runs: by the published prompt, by ours, and by neither."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wordings, "PUBLISHED", {wordings.fingerprint(PUBLISHED): "rafdb"})
    wordings.wording.cache_clear()
    made = project(tmp_path, ["rafdb"], 40)["rafdb"]
    for name, prompt in (("alike", PUBLISHED), ("ours", expression_question(NOUNS)), ("odd", "Which?")):
        path = answer(made, name, 0.8)
        rows = [json.loads(line) | {"prompt": prompt} for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "published.yaml").write_text(FILE)
    return made


def test_a_run_with_another_prompt_never_stands_unmarked_beside_a_published_score(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    """62 % by another prompt than the published one is no better and no worse than the published 61 %."""
    assert main(["leaderboard", "--published", "published.yaml", "--resamples", "0"]) == 0
    out = capsys.readouterr().out
    assert "ours (own prompt)" in out
    assert "odd (another prompt)" in out
    assert "alike (" not in out
    text = Path("leaderboard/leaderboard.md").read_text()
    assert "| alike |" in text
    assert "| ours *(own prompt)* |" in text
    assert "| strict, published prompt |" in text
    assert "Set rafdb: asked with own prompt fer-1, not the published prompt: ours" in text
    page = Path("leaderboard/leaderboard.html").read_text()
    assert '<span class="tag">own prompt</span>' in page
    assert "strict, published prompt" in page
    table = Path("leaderboard/leaderboard.csv").read_text()
    assert "published prompt of rafdb" in table
    assert "own prompt fer-1" in table


def test_without_published_scores_the_prompt_is_named_and_nothing_marked(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "--no-published", "--resamples", "0"]) == 0
    assert "ours (own prompt)" not in capsys.readouterr().out
    text = Path("leaderboard/leaderboard.md").read_text()
    assert "| strict, own prompt |" in text
    assert "different words of the questions of Set rafdb" in text


def test_scores_say_in_whose_words_was_asked(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (
        ("alike", "asked with: published prompt of rafdb"),
        ("ours", "asked with: own prompt fer-1"),
    ):
        path = spec.results / f"{name}.jsonl"
        assert (
            main(["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), "--resamples", "0"])
            == 0
        )
        assert said in capsys.readouterr().out
        assert json.loads((spec.results / f"{name}.metrics.json").read_text())["wording"]["text"] in said


def test_the_published_rule_on_another_prompt_warns(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["eval", "--dataset-dir", str(spec.folder), "--protocol", "unifer", "--predictions"]
    assert main([*argv, str(spec.results / "ours.jsonl")]) == 0
    assert "not the published prompt of rafdb" in " ".join(capsys.readouterr().out.split())
    assert main([*argv, str(spec.results / "alike.jsonl")]) == 0
    assert "not the published prompt" not in capsys.readouterr().out
