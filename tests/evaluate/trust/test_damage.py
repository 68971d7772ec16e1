"""The damage grid: rates by hand, paired intervals, nothing over runs that do not belong together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate import scored
from unifer import runs
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.dialogue.damage.kinds import GRID, Damage
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.trust.damage import RELATIVE_DROP, damage_sheet
from unifer.evaluate.trust.damage_grid import read_grid
from unifer.evaluate.trust.sheets import Sheet, read_sheet

TRUTHS = ("happy", "sad", "angry", "happy")
REFUSED: dict[str, Any] = {"model_response": "I cannot judge people by their faces."}


def said(answer: str, units: str = "AU6, AU12") -> dict[str, Any]:
    return {"model_response": f"<think>{units}</think>\n<answer>{answer}</answer>"}


CLEAN = [said("happy"), said("sad"), said("angry"), said("sad")]
"""Three of four right."""


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    spec = scored.dataset(tmp_path, "toy")
    questions = [scored.question(index, truth) for index, truth in enumerate(TRUTHS)]
    spec.questions.write_text(json.dumps(questions))
    return spec


def write(spec: DatasetSpec, cell: Damage | None, replies: Sequence[dict[str, Any]], **other: Any) -> Path:
    """The run of `model` over one cell, with its manifest; `other` replaces keys of its identity."""
    clean = spec.results / "model.jsonl"
    path = clean if cell is None else cell.path(clean)
    scored.write(path, scored.run_of(spec.labels, list(zip(TRUTHS, replies, strict=False))))
    identity = {
        "questions": runs.describe_file(spec.questions),
        "model": {"name": "model"},
        "prompt": "fer-1",
    }
    identity |= {} if cell is None else {"damage": cell.to_json()}
    manifest = {"identity": identity | other, "context": {"asked": len(replies)}}
    runs.manifest_path(path).write_text(json.dumps(manifest))
    return path


def whole_grid(spec: DatasetSpec, replies: Sequence[dict[str, Any]] = CLEAN) -> None:
    write(spec, None, CLEAN)
    for damage in GRID:
        write(spec, damage, replies)


def sheet_of(spec: DatasetSpec, resamples: int = 200) -> Sheet:
    grid = read_grid(spec, PredictionFile("model", spec.results / "model.jsonl"))
    return damage_sheet(grid, "model", resamples)


def value(sheet: Sheet, name: str) -> float | None:
    rate = sheet.rate(name)
    assert rate is not None, [rate.name for rate in sheet.rates]
    return rate.value


def test_a_model_that_bears_everything_loses_nothing(spec: DatasetSpec) -> None:
    whole_grid(spec)
    sheet = sheet_of(spec)
    assert sheet.rates[0].name == RELATIVE_DROP
    drop = sheet.rates[0]
    # Paired: the clean score itself is uncertain, the difference is not.
    assert (drop.value, drop.low, drop.high) == (0, 0, 0)
    assert value(sheet, "clean WAR") == value(sheet, "damaged WAR") == 0.75
    assert value(sheet, "answer kept") == value(sheet, "claimed AUs kept") == 1


def test_rates_by_hand(spec: DatasetSpec) -> None:
    """Under `dark` alone (5 of 55 cells) one right answer becomes wrong and one becomes a refusal."""
    whole_grid(spec)
    for level in range(1, 6):
        replies = [said("sad", "AU6, AU15"), said("sad"), REFUSED, said("sad", "A face.")]
        write(spec, Damage("dark", level), replies)
    sheet = sheet_of(spec)
    # Clean 3/4; dark 1/4, the other ten damages 3/4: mean (10 * 0.75 + 0.25) / 11.
    mean = (10 * 0.75 + 0.25) / 11
    assert value(sheet, "damaged WAR") == pytest.approx(mean)
    assert value(sheet, RELATIVE_DROP) == pytest.approx(1 - mean / 0.75)
    assert value(sheet, "drop: dark") == pytest.approx(0.5)
    assert value(sheet, "drop: jpeg") == 0
    assert value(sheet, "answer kept") == pytest.approx((50 * 4 + 5 * 2) / 220)
    # {6, 12} against {6, 15}: 0.5; against the same: 1; against none, twice: 0.
    assert value(sheet, "claimed AUs kept") == pytest.approx((50 * 4 + 5 * 1.5) / 220)
    assert value(sheet, "no answer, clean") == 0
    assert value(sheet, "no answer, damaged") == pytest.approx(5 / 220)
    assert value(sheet, "malformed, damaged") == pytest.approx(5 / 220)
    dark = next(each for each in sheet.details["damages"] if each["name"] == "dark")
    assert [level["score"]["value"] for level in dark["levels"]] == [0.25] * 5
    assert dark["levels"][4]["value"] == -5
    assert dark["levels"][4]["claimed_aus_kept"]["value"] == pytest.approx(1.5 / 4)


def test_faces_without_any_claim_say_nothing_of_claims(spec: DatasetSpec) -> None:
    """Two empty sets agree; counted, a model that never names an AU would be the steadiest of all."""
    silent = [said(truth, "a face") for truth in TRUTHS]
    write(spec, None, silent)
    write(spec, GRID[0], silent)
    rate = sheet_of(spec).rate("claimed AUs kept")
    assert rate is not None
    assert (rate.value, rate.n) == (None, 0)


def test_a_part_of_the_grid_has_curves_and_no_headline(spec: DatasetSpec) -> None:
    """A mean over the mild half of the grid would outrank every whole one."""
    write(spec, None, CLEAN)
    for level in range(1, 6):
        write(spec, Damage("jpeg", level), CLEAN)
    write(spec, Damage("noise", 5), [REFUSED] * 4)
    sheet = sheet_of(spec)
    assert value(sheet, RELATIVE_DROP) is None
    assert sheet.rate("drop: noise") is None
    assert value(sheet, "drop: jpeg") == 0
    assert "6 of the 55 cells" in sheet.notes[0]


def test_a_clean_score_of_zero_has_no_relative_drop(spec: DatasetSpec) -> None:
    write(spec, None, [REFUSED] * 4)
    for damage in GRID:
        write(spec, damage, [REFUSED] * 4)
    assert value(sheet_of(spec), RELATIVE_DROP) is None


def test_a_shorter_grid_is_held_against_the_same_questions(spec: DatasetSpec) -> None:
    write(spec, None, CLEAN)
    write(spec, GRID[0], CLEAN[:2])
    sheet = sheet_of(spec)
    assert value(sheet, "clean WAR") == 1
    assert any("2 of the 4 questions" in note for note in sheet.notes)


def refused(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["damage", str(spec.results / "model.jsonl")]) == 2
    assert not list(spec.results.glob("*.damage.*"))
    return " ".join(capsys.readouterr().err.split())


def test_what_does_not_belong_together_is_refused(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec, None, CLEAN)
    assert "unifer infer` with --damage all" in refused(spec, capsys)
    write(spec, GRID[0], CLEAN, model={"name": "another"})
    assert 'model.name: "model" -> "another"' in refused(spec, capsys)
    write(spec, GRID[0], CLEAN, damage=GRID[1].to_json())
    assert "damage.level: 1 -> 2" in refused(spec, capsys)
    write(spec, GRID[0], CLEAN)
    write(spec, GRID[1], CLEAN[:3])
    assert "answers 3 questions" in refused(spec, capsys)
    path = write(spec, GRID[1], CLEAN)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    assert "1 of 4 questions have no row yet" in refused(spec, capsys)
    runs.manifest_path(path).unlink()
    assert "has no model.damage-lowres-2.manifest.json" in refused(spec, capsys)


def test_a_damaged_run_is_no_clean_one(spec: DatasetSpec, capsys: pytest.CaptureFixture[str]) -> None:
    write(spec, None, CLEAN)
    path = write(spec, GRID[0], CLEAN)
    assert main(["damage", str(path)]) == 2
    assert "its pictures are damaged (lowres:1)" in capsys.readouterr().err


def test_the_command_writes_sheet_and_figure_and_prints_80_columns(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_grid(spec, [said("happy"), said("angry"), REFUSED, scored.FAILED])
    assert main(["damage", str(spec.folder), "--resamples", "100"]) == 0
    text = capsys.readouterr().out.partition("\nwrote ")[0]
    assert max(map(len, text.splitlines())) <= 80
    assert "occlude-mouth" in text
    assert "relative drop" in text
    sheet = read_sheet(spec.results / "model.damage.json")
    assert value(sheet, RELATIVE_DROP) == pytest.approx(1 - 0.25 / 0.75)
    assert (spec.results / "model.damage.png").read_bytes().startswith(b"\x89PNG")


def test_the_contact_sheet_needs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "damages.png"
    assert main(["damage", "--sheet", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert main(["damage", "--sheet", str(path), "--picture", str(tmp_path / "none.jpg")]) == 2
    assert main(["damage"]) == 2
    assert "name a RUN" in capsys.readouterr().err


def test_a_share_that_never_varied_still_has_an_interval(spec: DatasetSpec) -> None:
    """No refusal in four questions is no proof that there is none in a thousand."""
    whole_grid(spec)
    rate = sheet_of(spec).rate("no answer, damaged")
    assert rate is not None
    assert rate.value == rate.low == 0
    assert rate.high == pytest.approx(0.4899, abs=1e-3)  # Wilson's bound of 0 in 4
