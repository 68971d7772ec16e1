"""Parts of a question file, as jobs of an array answer them: killed, asked again, merged, and every question
stands there once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.asked import COUNT, asking, assert_each_answered_once, lines, rows_of
from unifer import files
from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile, open_run
from unifer.evaluate.parts import QuestionPart, missing_parts
from unifer.evaluate.run_files import find_runs


def by_model(dataset: Path, *flags: str) -> list[str]:
    return asking(dataset, "--model", "model", *flags)


def part_file(dataset: Path, number: int, of: int = 3) -> Path:
    return dataset / f"results/model.part-{number}-of-{of}.jsonl"


def merging(dataset: Path, *parts: Path) -> list[str]:
    return ["merge", *map(str, parts), "--out", str(dataset / "results/model.jsonl")]


def test_three_jobs_two_of_them_killed_and_run_again_answer_every_question_once(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = {1: "0.5", 2: "0.5", 3: "0"}
    flags = {
        number: by_model(dataset, "--part", f"{number}/3", "--reply-seconds", slow[number]) for number in slow
    }
    jobs = {
        number: subprocess.Popen([sys.executable, "-m", "unifer", *flags[number]], stderr=subprocess.DEVNULL)
        for number in flags
    }
    end = time.monotonic() + 60
    for number in (1, 2):
        while lines(part_file(dataset, number)) < 2:
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.002)
        jobs[number].kill()
        assert jobs[number].wait() == -signal.SIGKILL
    assert jobs[3].wait(timeout=60) == 0
    for number in (1, 2):
        kept = lines(part_file(dataset, number))
        assert kept < 13
        assert main(by_model(dataset, "--part", f"{number}/3")) == 0
        said = capsys.readouterr().err
        assert f"{kept} of them before" in said
        assert (
            f"unifer merge {dataset}/results/model.part-*-of-3.jsonl --out {dataset}/results/model.jsonl"
            in said
        )
    assert [lines(part_file(dataset, number)) for number in (1, 2, 3)] == [14, 13, 13]
    assert main(merging(dataset, *sorted((dataset / "results").glob("model.part-*-of-3.jsonl")))) == 0
    assert_each_answered_once(rows_of(dataset))


def test_the_merged_run_is_the_whole_run(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`unifer infer` without --part takes it for its own, and scores find nothing missing."""
    parts = [part_file(dataset, number) for number in (1, 2, 3)]
    for number in (1, 2, 3):
        assert main(by_model(dataset, "--part", f"{number}/3")) == 0
    spec = load_dataset(dataset)
    assert find_runs(spec) == [], "a part is no run that a board would show"
    assert main(merging(dataset, *parts)) == 0
    manifest = files.read_json(dataset / "results/model.manifest.json")
    assert "part" not in manifest["identity"]
    assert [each["part"] for each in manifest["context"]["parts"]] == [
        {"number": number, "of": 3} for number in (1, 2, 3)
    ]
    assert manifest["context"]["rows"] == {"asked": COUNT, "answered": COUNT, "failed": 0, "missing": 0}
    assert main(["eval", "--dataset-dir", str(dataset), "--resamples", "0"]) == 0
    assert json.loads((dataset / "results/model.metrics.json").read_text())["war"] == 1
    capsys.readouterr()
    assert main(by_model(dataset)) == 0
    assert f"{COUNT} of them before" in capsys.readouterr().err


def test_a_missing_part_is_named_and_its_questions_count_as_missing(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 3):
        assert main(by_model(dataset, "--part", f"{number}/3")) == 0
    assert main(merging(dataset, part_file(dataset, 1), part_file(dataset, 3))) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "27 of 40 questions, 27 answered, 13 missing" in said
    assert "part 2/3 is missing" in said
    assert main(by_model(dataset)) == 0, "inference goes on with what is missing"
    assert_each_answered_once(rows_of(dataset))


def test_a_part_that_stopped_early_lacks_its_own_questions(dataset: Path) -> None:
    assert main(by_model(dataset, "--part", "2/3")) == 0
    path, spec = part_file(dataset, 2), load_dataset(dataset)
    kept = path.read_text().splitlines(keepends=True)
    path.write_text("".join(kept[:5]))
    missing = open_run(spec, PredictionFile("part", path)).missing
    assert [question.key for question in missing.questions] == [
        json.loads(line)["image_path"] for line in kept[5:]
    ]


def test_a_wider_limit_moves_no_question_to_another_part(dataset: Path) -> None:
    for flags in (["--limit", "9"], []):
        for number in (1, 2):
            assert main(by_model(dataset, "--part", f"{number}/2", *flags)) == 0
    assert main(merging(dataset, part_file(dataset, 1, 2), part_file(dataset, 2, 2))) == 0
    assert_each_answered_once(rows_of(dataset))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("0/8", "--part 0/8: there is no such part, parts of 8 are 1/8 to 8/8"),
        ("9/8", "--part 9/8: there is no such part, parts of 8 are 1/8 to 8/8"),
        ("3/0", "--part 3/0: there is no such part, a file is split into 1 part or more"),
        ("3", "--part 3: K/N is expected, such as 3/8"),
        ("-1/3", "--part -1/3: K/N is expected"),
        ("1/41", "--part 1/41: 40 questions of "),
    ],
)
def test_a_part_that_does_not_exist_is_one_line(
    part: str, said: str, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(by_model(dataset, f"--part={part}")) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (dataset / "results").exists()


def test_parts_of_two_splits_and_two_files_of_one_part_are_refused(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("1/3", "2/3", "1/2"):
        assert main(by_model(dataset, "--part", part)) == 0
    first, second, half = part_file(dataset, 1), part_file(dataset, 2), part_file(dataset, 1, 2)
    copy = dataset / "results/copy.jsonl"
    copy.write_bytes(first.read_bytes())
    copy.with_suffix(".manifest.json").write_bytes(first.with_suffix(".manifest.json").read_bytes())
    for parts, said in (
        ((first, second, half), "is part 1/2, but model.part-1-of-3.jsonl is part 1/3"),
        ((first, copy), "is part 1/3, and so"),
    ):
        capsys.readouterr()
        assert main(merging(dataset, *parts)) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (dataset / "results/model.jsonl").exists()


def test_the_file_of_a_part_is_of_that_part_alone(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(by_model(dataset, "--part", "1/3")) == 0
    for end in (".jsonl", ".manifest.json"):
        part_file(dataset, 1).with_suffix(end).rename(part_file(dataset, 2).with_suffix(end))
    assert main(by_model(dataset, "--part", "2/3")) == 2
    assert "part.number: 1 -> 2" in capsys.readouterr().err


def test_parts_go_for_the_whole_command(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(by_model(dataset, "--part", "1/3", "--then", "--part", "2/3")) == 2
    assert "--part is meant for the whole command" in capsys.readouterr().err
    assert main(by_model(dataset, "--part", "1/3", "--then", "--model", "other")) == 0
    assert sorted(path.name for path in (dataset / "results").glob("*.jsonl")) == [
        "model.part-1-of-3.jsonl",
        "other.part-1-of-3.jsonl",
    ]


@given(st.lists(st.integers()), st.integers(1, 12))
def test_parts_hold_every_question_once_and_differ_by_one_at_most(questions: list[int], of: int) -> None:
    split = [QuestionPart(number, of).questions(questions) for number in range(1, of + 1)]
    assert sorted(each for part in split for each in part) == sorted(questions)
    assert max(map(len, split)) - min(map(len, split)) <= 1


def test_all_missing_parts_are_named() -> None:
    claims = [(Path("a.jsonl"), QuestionPart(2, 4)), (Path("b.jsonl"), QuestionPart(3, 4))]
    assert missing_parts(claims) == [QuestionPart(1, 4), QuestionPart(4, 4)]
    assert missing_parts([]) == []
    with pytest.raises(InputError, match="leave one of the two out"):
        missing_parts([*claims, (Path("c.jsonl"), QuestionPart(2, 4))])
