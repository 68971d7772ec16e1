"""`unifer eval`, `eval-total` and `export` as people call them: what they write, and what they say about bad
input.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.scored import ADJECTIVES, FOUR, NOUNS, dataset, replied, run_of, write
from unifer.cli import main
from unifer.datasets import DatasetSpec


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    monkeypatch.chdir(tmp_path)
    return dataset(tmp_path, "toy")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_eval_scores_the_newest_run_and_says_which(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "old.jsonl", FOUR, age=9)
    write(spec.results / "new.jsonl", FOUR)
    assert main(["eval", "--dataset-dir", str(spec.folder), "--resamples", "50"]) == 0
    out = capsys.readouterr().out
    assert "scoring eval_toy/results/new.jsonl (newest of 2; choose with --predictions)" in out
    assert "WAR        25.0 %" in out
    assert {"new.metrics.json", "new.confusion.png"} <= names(spec.results)
    metrics = json.loads((spec.results / "new.metrics.json").read_text())
    assert (metrics["protocol"], metrics["run"], metrics["war"], metrics["counts"]["failed"]) == (
        "strict",
        "new",
        0.25,
        1,
    )
    assert metrics["intervals"]["resamples"] == 50
    assert metrics["confusion"]["outcome"] == [
        "angry",
        "happy",
        "sad",
        "off_list",
        "no_answer",
        "failed",
        "missing",
    ]


def test_eval_by_the_published_protocol_writes_the_published_format(spec: DatasetSpec) -> None:
    path = write(spec.results / "toy_unifer_7b_results.json", FOUR)
    assert (
        main(["eval", "--dataset-dir", str(spec.folder), "--predictions", str(path), "--protocol", "unifer"])
        == 0
    )
    metrics = json.loads((spec.results / "toy_unifer_7b_metrics.json").read_text())
    assert list(metrics) == ["overall", "per_class", "confusion_matrix"]
    assert metrics["overall"]["accuracy"] == 2 / 3
    write(spec.results / "mine.jsonl", FOUR)
    assert (
        main(
            [
                "eval",
                "--dataset-dir",
                str(spec.folder),
                "--predictions",
                str(spec.results / "mine.jsonl"),
                "--protocol",
                "unifer",
            ]
        )
        == 0
    )
    assert json.loads((spec.results / "toy_mine_metrics.json").read_text()) == metrics


def test_out_and_graded_go_where_told(spec: DatasetSpec, tmp_path: Path) -> None:
    path = write(spec.results / "m.jsonl", FOUR)
    out, graded = tmp_path / "deep" / "scores.json", tmp_path / "rows.graded.jsonl"
    assert (
        main(
            [
                "eval",
                "--dataset-dir",
                str(spec.folder),
                "--predictions",
                str(path),
                "--out",
                str(out),
                "--graded",
                str(graded),
            ]
        )
        == 0
    )
    assert names(out.parent) == {"scores.json", "scores.confusion.png"}
    assert names(spec.results) == {"m.jsonl"}
    verdicts = [json.loads(line)["verdict"] for line in graded.read_text().splitlines()]
    assert [verdict["outcome"] for verdict in verdicts] == ["answered", "off_list", "no_answer", "failed"]
    assert verdicts[0] == {
        "outcome": "answered",
        "label": "happy",
        "correct": True,
        "well_formed": True,
        "AUs": ["AU12"],
    }


@pytest.mark.parametrize("protocol", ["strict", "unifer"])
def test_eval_total_scores_the_common_run(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    other = dataset(tmp_path, "other", NOUNS)
    write(spec.results / "m.jsonl", FOUR)
    write(other.results / "m.jsonl", run_of(NOUNS, [("anger", replied("anger"))]))
    flags = ["--root", str(tmp_path), "--datasets", "eval_toy", "eval_other", "--protocol", protocol]
    assert main(["eval-total", *flags]) == 0
    out = capsys.readouterr().out
    assert "scoring run m in eval_toy, eval_other" in out
    assert "pooled" in out
    written = json.loads(
        (
            tmp_path
            / "eval_total"
            / "results"
            / ("m.metrics.json" if protocol == "strict" else "m_metrics.json")
        ).read_text()
    )
    accuracy = written["pooled"]["war"] if protocol == "strict" else written["overall"]["accuracy"]
    assert accuracy == (2 / 5 if protocol == "strict" else 3 / 4)


def test_the_published_total_reads_sfew_like_the_others(spec: DatasetSpec, tmp_path: Path) -> None:
    """Its own script minds letter case in the tag, the pooled script does not: two different scores of one
    reply.
    """
    sfew = dataset(tmp_path, "sfew", extra="published: {answer_tag: any_lines}\n")
    rows = run_of(ADJECTIVES, [("sad", {"model_response": "<think>not angry</think><Answer>sad</Answer>"})])
    write(sfew.results / "m.jsonl", rows)
    assert main(["eval", "--dataset-dir", str(sfew.folder), "--protocol", "unifer"]) == 0
    assert json.loads((sfew.results / "sfew_m_metrics.json").read_text())["overall"]["accuracy"] == 0
    assert (
        main(["eval-total", "--root", str(tmp_path), "--datasets", "eval_sfew", "--protocol", "unifer"]) == 0
    )
    assert (
        json.loads((tmp_path / "eval_total" / "results" / "m_metrics.json").read_text())["overall"][
            "accuracy"
        ]
        == 1
    )


def test_export_writes_the_published_format_and_scores_the_same(spec: DatasetSpec, tmp_path: Path) -> None:
    path, out = write(spec.results / "m.jsonl", FOUR), tmp_path / "toy_m_results.json"
    assert main(["export", "--predictions", str(path), "--out", str(out)]) == 0
    rows = json.loads(out.read_text())
    fields = ["image_path", "true_label", "prompt", "candidate_labels", "model_response"]
    assert [list(row) for row in rows] == [fields, fields, fields, [*fields, "error"]]
    assert (rows[3]["error"], rows[3]["model_response"]) == (True, "ERROR: no such image")
    scores = []
    for file in (path, out):
        assert (
            main(
                [
                    "eval",
                    "--dataset-dir",
                    str(spec.folder),
                    "--predictions",
                    str(file),
                    "--out",
                    str(tmp_path / "s.json"),
                ]
            )
            == 0
        )
        scores.append(json.loads((tmp_path / "s.json").read_text())["confusion"])
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["eval", "--dataset-dir", "nowhere"], "nowhere: no such folder"),
        (
            ["eval", "--dataset-dir", "eval_toy", "--predictions", "nothing.jsonl"],
            "nothing.jsonl: no such file",
        ),
        (
            ["eval", "--dataset-dir", "eval_toy", "--out", "eval_toy"],
            "eval_toy: is a folder; give a file name",
        ),
        (["eval", "--dataset-dir", "eval_toy", "--out", "eval_toy/results/m.jsonl"], "never overwrites"),
        (["eval", "--dataset-dir", "eval_toy", "--graded", "eval_toy/results/m.jsonl"], "never overwrites"),
        (
            ["eval", "--dataset-dir", "eval_toy", "--protocol", "unifer", "--graded", "x"],
            "--graded writes strict verdicts",
        ),
        (
            ["eval", "--dataset-dir", "eval_toy", "--out", "eval_toy/dataset.yaml/x.json"],
            "cannot be written: ",
        ),
        (
            ["eval-total", "--root", ".", "--datasets", "eval_toy", "--run", "z"],
            "has no run 'z' (there are m)",
        ),
        (["eval-total", "--root", "."], "eval_affectnet: no such folder"),
        (["export", "--predictions", "eval_toy/results/m.jsonl", "--out", "x.jsonl"], "name it *.json"),
    ],
)
def test_bad_input_is_named(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    before = write(spec.results / "m.jsonl", FOUR).read_bytes()
    assert main(flags) == 2
    assert message in capsys.readouterr().err
    assert (spec.results / "m.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "100001"])
def test_resamples_must_be_a_sensible_number(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["eval", "--dataset-dir", "x", "--resamples", number])
    assert "is not a whole number from 0 to 100000" in capsys.readouterr().err
