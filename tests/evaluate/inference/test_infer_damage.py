"""Questions about damaged pictures: each cell in a file of its own, never mixed with another, resumed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluate.asked import COUNT, asking, lines, make_plan, rows_of, silent
from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.dialogue.damage.kinds import GRID, Damage
from unifer.evaluate.inference import infer, shards
from unifer.evaluate.inference.infer import Job
from unifer.evaluate.run_files import find_runs
from unifer.models.engines import GenerationSettings, Reply, Request
from unifer.models.engines.succession import EngineSlot
from unifer.records import Json


class Watching:
    """An engine that says how dark each picture is, and keeps the keys of each stream."""

    shows_images = True

    def __init__(self) -> None:
        self.streams: list[list[str]] = []

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        self.streams.append([])
        for request in requests:
            self.streams[-1].append(request.key)
            brightness = np.asarray(request.image).mean()
            yield Reply(request.key, f"<answer>neutral</answer> {brightness:.2f}", "stop", 1, 1)

    def exchange(self, checkpoint: Path) -> bool:
        return False

    def close(self) -> None:
        pass


def by_model(dataset: Path, *flags: str) -> list[str]:
    return asking(dataset, "--model", "model", *flags)


def manifest(dataset: Path, name: str) -> Json:
    content: Json = json.loads((dataset / f"results/{name}.manifest.json").read_text())
    return content


def test_each_level_has_its_own_file_and_its_damage_in_the_manifest(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(by_model(dataset, "--damage", "defocus", "jpeg:2")) == 0
    names = sorted(path.name for path in (dataset / "results").glob("*.jsonl"))
    assert names == sorted(
        ["model.damage-jpeg-2.jsonl", *(f"model.damage-defocus-{level}.jsonl" for level in range(1, 6))]
    )
    assert manifest(dataset, "model.damage-defocus-3")["identity"]["damage"] == {
        "version": "fer-damage-1",
        "name": "defocus",
        "level": 3,
        "value": 3,
    }
    assert "damage" not in manifest(dataset, "model.damage-jpeg-2")["identity"]["image_rule"]


def test_the_whole_grid_asks_the_clean_pictures_too_and_nothing_twice(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = by_model(dataset, "--limit", "2", "--damage", "all")
    assert main(command) == 0
    assert "56 files: 112 answered, 0 before" in capsys.readouterr().err
    assert main(command) == 0
    assert "56 files: 112 answered, 112 before" in capsys.readouterr().err
    assert len(list((dataset / "results").glob("*.jsonl"))) == 1 + len(GRID)


def test_level_0_is_the_plain_run(dataset: Path) -> None:
    assert main(by_model(dataset, "--damage", "noise:0")) == 0
    assert "damage" not in manifest(dataset, "model")["identity"]
    assert len(rows_of(dataset)) == COUNT


def test_a_file_of_another_damage_is_refused(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file renamed by hand would otherwise be filled up with replies to other pictures."""
    assert main(by_model(dataset, "--limit", "3", "--damage", "jpeg:2")) == 0
    results = dataset / "results"
    for ending in ("jsonl", "manifest.json"):
        (results / f"model.damage-jpeg-2.{ending}").rename(results / f"model.damage-jpeg-3.{ending}")
    assert main(by_model(dataset, "--limit", "3", "--damage", "jpeg:3")) == 2
    assert "damage.level: 2 -> 3" in capsys.readouterr().err


def test_a_plain_run_is_not_filled_with_damaged_pictures(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = dataset / "results"
    assert main(by_model(dataset, "--limit", "3", "--damage", "jpeg:2")) == 0
    for ending in ("jsonl", "manifest.json"):
        (results / f"model.damage-jpeg-2.{ending}").rename(results / f"model.{ending}")
    assert main(by_model(dataset)) == 2
    assert 'damage: {"version"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "reason"), [("defocuss:3", "did you mean defocus"), ("jpeg:6", "levels 1 to 5"), ("3", "NAME")]
)
def test_what_is_no_damage_is_refused_before_anything_is_written(
    dataset: Path, damage: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(by_model(dataset, "--damage", "jpeg:1", damage)) == 2
    assert reason in capsys.readouterr().err
    assert not (dataset / "results").exists()


def test_a_question_file_without_its_images_is_refused(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (dataset / "data/faces").iterdir():
        path.unlink()
    assert main(by_model(dataset, "--damage", "noise:1")) == 2
    assert "none of its 40 images is there" in capsys.readouterr().err


def test_damaged_runs_stand_in_no_list_of_runs(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`unifer eval` takes the newest run: a score under fog would pass for the model's."""
    assert main(by_model(dataset)) == 0
    assert main(by_model(dataset, "--damage", "dark:5")) == 0
    assert [run.name for run in find_runs(load_dataset(dataset))] == ["model"]
    assert main(["eval", "--dataset-dir", str(dataset), "--resamples", "100"]) == 0
    assert "the pictures were damaged" not in capsys.readouterr().out


def test_a_damaged_run_that_is_named_says_so_everywhere(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(by_model(dataset)) == 0
    assert main(by_model(dataset, "--damage", "dark:5")) == 0
    clean, dark = (str(dataset / f"results/model{name}.jsonl") for name in ("", ".damage-dark-5"))
    capsys.readouterr()
    assert main(["eval", "--dataset-dir", str(dataset), "--predictions", dark, "--resamples", "100"]) == 0
    assert "the pictures were damaged: dark:5" in " ".join(capsys.readouterr().out.split())
    assert main(["compare", clean, dark, "--resamples", "100"]) == 0
    assert "different damage to the pictures" in " ".join(capsys.readouterr().out.split())
    board = ["leaderboard", clean, dark, "--out", str(tmp_path / "board"), "--resamples", "100"]
    assert main(board) == 0
    rows = list(csv.DictReader((tmp_path / "board/leaderboard.csv").read_text().splitlines()))
    damaged = [row for row in rows if row["model"] == "model.damage-dark-5"]
    assert damaged
    assert all("damaged pictures: dark:5" in row["flags"] for row in damaged)
    assert {row["comparable"] for row in damaged} == {"False"}


def test_parts_of_a_damaged_run_merge(dataset: Path) -> None:
    for part in ("1/2", "2/2"):
        assert main(by_model(dataset, "--damage", "crop:4", "--part", part)) == 0
    results = dataset / "results"
    parts = [str(results / f"model.damage-crop-4.part-{number}-of-2.jsonl") for number in (1, 2)]
    assert main(["merge", *parts, "--out", str(results / "model.damage-crop-4.jsonl")]) == 0
    assert lines(results / "model.damage-crop-4.jsonl") == COUNT
    assert manifest(dataset, "model.damage-crop-4")["identity"]["damage"]["name"] == "crop"


def test_runs_of_two_damages_are_not_merged(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(by_model(dataset, "--damage", "jpeg:1", "jpeg:2", "--limit", "3")) == 0
    results = dataset / "results"
    files = [str(results / f"model.damage-jpeg-{level}.jsonl") for level in (1, 2)]
    assert main(["merge", *files, "--out", str(results / "model.jsonl")]) == 2
    assert "damage" in capsys.readouterr().err
    assert not (results / "model.jsonl").exists()


def test_one_engine_is_shown_the_damaged_pixels_of_every_cell(dataset: Path) -> None:
    """All cells are one stream: by the question's key alone, replies would be filed under the last cell."""
    for number in range(COUNT):
        Image.new("RGB", (8, 8), (240, 240, 240)).save(dataset / f"data/faces/{number}.png")
    plan, spec = make_plan(dataset)
    plans = tuple(plan.damaged(damage) for damage in (None, Damage("dark", 2), Damage("dark", 5)))
    starts: list[str] = []

    def start(_: object) -> Watching:
        starts.append("engine")
        return Watching()

    slot = EngineSlot(start)
    infer.run_jobs([Job(plans, spec, silent)], slot=slot)
    assert len(starts) == 1
    shown = [
        {float(json.loads(line)["model_response"].split()[-1]) for line in each.out.read_text().splitlines()}
        for each in plans
    ]
    assert [len(values) for values in shown] == [1, 1, 1]
    clean, dark, darkest = (values.pop() for values in shown)
    assert clean == 240 > dark > darkest > 0


def test_all_cells_are_one_stream_and_share_their_seeds(dataset: Path) -> None:
    """Cell by cell the engine runs empty 55 times; with other seeds, sampled cells are no longer paired."""
    plan, spec = make_plan(dataset)
    plans = tuple(plan.damaged(damage) for damage in (None, *GRID[:3]))
    engine = Watching()
    infer.run_jobs([Job(plans, spec, silent)], slot=EngineSlot(lambda _: engine))
    assert len(engine.streams) == 1
    settings = GenerationSettings(temperature=1.0)
    seeds = {settings.seed_of(key) for key in engine.streams[0]}
    assert (len(engine.streams[0]), len(seeds)) == (4 * COUNT, COUNT)


def test_workers_are_told_the_damage(dataset: Path) -> None:
    """A worker process makes its own pictures: without it, every shard of a grid would be clean."""
    plan, _ = make_plan(dataset)
    damaged = plan.damaged(Damage("jpeg", 1))
    work = json.loads(json.dumps(shards._work(damaged, 0, list(plan.questions))))
    assert shards._plan_of(work).damage == Damage("jpeg", 1)
    assert shards._plan_of(json.loads(json.dumps(shards._work(plan, 0, [])))).damage is None
