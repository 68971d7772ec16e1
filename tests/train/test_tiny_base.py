"""The committed base checkpoint is what `unifer tiny-base` makes: same rows, same start, same config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unifer import runs
from unifer.prepare import corpus as drawn

ROOT = Path(__file__).parents[2]
BASE = ROOT / "train_unifer/checkpoints/UniFER-Tiny-Base"


@pytest.fixture(scope="module")
def identity() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((BASE / "manifest.json").read_text(encoding="utf-8"))[
        "identity"
    ]
    return found


def test_the_rows_it_learned_are_drawn_again(identity: dict[str, dict[str, object]], tmp_path: Path) -> None:
    drawn.write_action_unit_corpus(tmp_path, [drawn.free_face("base", index) for index in range(24_000)])
    assert runs.describe_file(tmp_path / "action_units.json") == identity["rows"]


@pytest.mark.slow
def test_it_started_from_the_weights_that_build_makes(
    identity: dict[str, dict[str, object]], tiny: Path
) -> None:
    assert runs.describe_checkpoint(tiny)["fingerprint"] == identity["checkpoint"]["fingerprint"]


def test_it_was_trained_as_the_config_says(identity: dict[str, dict[str, object]]) -> None:
    import yaml

    recipe = yaml.safe_load((ROOT / "train_unifer/configs/tiny_base.yaml").read_text(encoding="utf-8"))
    optimisation = identity["optimisation"]
    assert {name: recipe[name] for name in optimisation if name in recipe} == {
        name: optimisation[name] for name in optimisation if name in recipe
    }
    assert identity["global_batch"] == recipe["per_device_train_batch_size"]


def test_it_is_small_enough_to_be_committed() -> None:
    assert sum(path.stat().st_size for path in BASE.iterdir()) < 10_000_000
