"""`unifer leaderboard --trust`: models ranked by the rates of their sheets, those without one below."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.report.leaderboard.models import answer, project
from unifer.cli import main
from unifer.evaluate.trust.sheets import Kind, Sheet, TrustRate, sheet_path, write_sheet

KNOWN = {
    "best": TrustRate("ECE", 0.05, 0.03, 0.07, 200, "answers", "lower"),
    "near": TrustRate("ECE", 0.08, 0.06, 0.1, 200, "answers", "lower"),
    "worst": TrustRate("ECE", 0.3, 0.2, 0.4, 190, "answers", "lower"),
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three measured models and one without a sheet."""
    monkeypatch.chdir(tmp_path)
    spec = project(tmp_path, ["rafdb"])["rafdb"]
    for name in (*KNOWN, "unmeasured"):
        answer(spec, name, 0.7)
    for name, rate in KNOWN.items():
        write(spec.results, name, "calibration", rate, TrustRate("warmth", 1.5, None, None, 9, "", "neither"))
    return spec.results


def write(results: Path, name: str, kind: Kind, *rates: TrustRate) -> None:
    write_sheet(sheet_path(results / f"{name}.jsonl", kind), Sheet(kind, name, "rafdb", rates))


def ranks(out: str) -> dict[str, str]:
    names = (*KNOWN, "unmeasured")
    return {line.split()[0]: line.split()[1] for line in out.splitlines() if line.startswith(names)}


def test_lower_is_better_where_the_sheet_says_so_and_overlap_shares_a_rank(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "--trust"]) == 0
    out = capsys.readouterr().out
    assert ranks(out) == {"best": "1=", "near": "1=", "worst": "3", "unmeasured": "–"}
    assert "Calibration on Set rafdb" in out
    assert "ECE (lower is better)" in out
    assert "5.0 [3.0 to 7.0]" in out
    assert "not measured of unmeasured" in out
    assert "unifer calibrate" in out
    assert max(map(len, out.splitlines())) <= 80


def test_every_format_holds_all_runs(results: Path) -> None:
    assert main(["leaderboard", "--trust", "calibration", "--out", "board"]) == 0
    with Path("board/leaderboard.csv").open(encoding="utf-8") as stream:
        rows = {row["model"]: row for row in csv.DictReader(stream)}
    assert (rows["worst"]["value"], rows["worst"]["n"], rows["worst"]["rank"]) == ("0.3", "190", "3")
    assert (rows["unmeasured"]["value"], rows["unmeasured"]["rank"]) == ("", "")
    for ending in ("md", "html"):
        text = Path(f"board/leaderboard.{ending}").read_text(encoding="utf-8")
        assert all(name in text for name in (*KNOWN, "unmeasured"))
        assert "paired difference" not in text, "trust rates have no pairs"


@pytest.mark.parametrize("wanted", ["ece", "ECE", "calibration:ECE"])
def test_a_rate_is_met_however_it_is_spelled(
    results: Path, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "--trust", wanted]) == 0
    assert ranks(capsys.readouterr().out)["worst"] == "3"


def test_a_rate_without_a_value_has_no_rank(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(results, "worst", "calibration", TrustRate("ECE", None, None, None, 0, "answers", "lower"))
    assert main(["leaderboard", "--trust", "ECE"]) == 0
    assert ranks(capsys.readouterr().out)["worst"] == "–"


def test_other_questions_stand_on_a_board_of_their_own(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sample's rate beside the full set's would compare other faces."""
    (results / "worst.manifest.json").unlink(missing_ok=True)
    rows = (results / "worst.jsonl").read_text().replace("/rafdb/", "/elsewhere/")
    (results / "worst.jsonl").write_text(rows)
    assert main(["leaderboard", "--trust"]) == 0
    out = capsys.readouterr().out
    assert out.count("Calibration on Set rafdb") >= 2
    assert ranks(out)["worst"] == "1"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("ecee", "did you mean 'ECE'?"),
        ("warmth", "neither more nor less of it is better"),
        ("fairness", "no run has a sheet of it; `unifer eval --group COLUMN` makes one"),
        ("votes:ECE", "no kind of sheet and no rate"),
    ],
)
def test_what_ranks_nobody_is_refused_with_what_would(
    results: Path, wanted: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "--trust", wanted]) == 2
    assert reason in capsys.readouterr().err
    assert not Path("leaderboard").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [('{"kind": "votes", ', "not valid JSON"), ('{"kind": "votes", "format": 2}', "of format 2")],
)
def test_a_torn_sheet_and_one_of_another_version_are_refused(
    results: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "best.votes.json").write_text(text)
    assert main(["leaderboard", "--trust"]) == 2
    err = capsys.readouterr().err
    assert "best.votes.json" in err
    assert reason in err


def test_without_any_sheet_the_commands_are_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in results.glob("*.calibration.json"):
        path.unlink()
    assert main(["leaderboard", "--trust"]) == 2
    err = capsys.readouterr().err
    assert "none of the 4 runs has a trust sheet" in err
    assert all(command in err for command in ("unifer counterfactual", "unifer damage", "--vote-file"))


def test_flags_of_scores_are_not_taken_in_silence(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "--trust", "ECE", "--protocol", "unifer"]) == 2
    assert "--protocol has no say" in capsys.readouterr().err
