"""A benchmark over damaged pictures: models behind an API are shown them too, each cell apart."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from PIL import Image

from tests.api_server import Body, Reaction, completion, picture_of, serving
from tests.evaluate.bench.benched import dataset, models_file, rows_of
from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.evaluate.loading import run_name
from unifer.evaluate.run_files import find_runs


def brightness(body: Body) -> float:
    picture = base64.b64decode(picture_of(body).partition(",")[2])
    return float(np.asarray(Image.open(io.BytesIO(picture))).mean())


def test_each_cell_of_the_grid_is_asked_once_with_its_own_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The question's key is the same in every cell: filed by it alone, replies would change places."""
    folder = dataset(tmp_path / "eval_toy", 4)
    for number in range(4):
        Image.new("RGB", (8, 8), (240, 240, 240)).save(folder / f"data/faces/{number}.png")

    def react(number: int, body: Body) -> Reaction:
        return completion(f"<think>{brightness(body):.1f}</think>\n<answer>neutral</answer>")

    with serving(react) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url})
        command = [
            "bench",
            "--models",
            str(models),
            "--datasets",
            str(folder),
            "--log-dir",
            str(tmp_path / "l"),
        ]
        command += ["--damage", "dark:0", "dark:2", "dark:5"]
        assert main(command) == 0
        assert len(server.requests) == 12
        assert main(command) == 0
        assert len(server.requests) == 12, "cells that are done are not asked again"
    assert "toy dark:5" in capsys.readouterr().out
    seen = [
        {row["model_response"].split("<")[1].split(">")[1] for row in rows_of(folder, name)}
        for name in ("m", "m.damage-dark-2", "m.damage-dark-5")
    ]
    assert [len(each) for each in seen] == [1, 1, 1]
    clean, dark, darkest = (float(each.pop()) for each in seen)
    assert clean == 240 > dark > darkest > 0

    spec = load_dataset(folder)
    assert [run.name for run in find_runs(spec)] == ["m"]
    # A log, which is named after its model, keeps the mark.
    assert run_name(tmp_path / "l/m.damage-dark-5_toy.eval", spec) == "m.damage-dark-5"
    assert main(["damage", str(folder), "--resamples", "100"]) == 0
    assert (folder / "results/m.damage.json").is_file()
