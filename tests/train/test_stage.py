"""The frame of a training command: how it ends, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unifer import progress

pytest.importorskip("transformers", reason="training needs the full environment")


def test_the_sampler_ends_before_the_process_group_that_it_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to the interpreter's exit, vLLM took down groups that were gone: a traceback after good runs."""
    from unifer.train import stage

    happened: list[str] = []

    def note(name: str) -> Any:
        return lambda *_, **__: happened.append(name)

    engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=note("engine ends")))
    trainer: Any = SimpleNamespace(
        save_model=note("saved"), vllm_generation=SimpleNamespace(llm=SimpleNamespace(llm_engine=engine))
    )
    ranks = SimpleNamespace(wait_for_everyone=note("wait"), destroy_process_group=note("group ends"))
    run: Any = SimpleNamespace(
        out=tmp_path,
        config=SimpleNamespace(distributed_state=ranks, process_index=0),
        model=SimpleNamespace(use_peft=False),
        fer=SimpleNamespace(keep="last"),
        manifest={},
    )
    monkeypatch.setattr(stage, "check_checkpoint", note("checked"))
    monkeypatch.setattr("unifer.train.run_folder.write_manifest", note("finished"))
    stage._finish(trainer, run, {})
    assert happened == ["saved", "wait", "checked", "finished", "wait", "engine ends", "group ends"]


@pytest.mark.parametrize(
    "trainer", [SimpleNamespace(), SimpleNamespace(vllm_generation=SimpleNamespace())], ids=["none", "server"]
)
def test_a_trainer_without_an_engine_of_its_own_ends_too(trainer: Any) -> None:
    from unifer.train import stage

    stage.close_sampler(trainer)


def test_a_run_that_somebody_waits_for_tells_instead_of_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Two bars on one terminal overwrite each other."""
    from unifer.train.callbacks import TrainingBar

    told = tmp_path / "told"
    monkeypatch.setenv(progress.VARIABLE, str(told))
    bar, state = (
        TrainingBar("GRPO tiny"),
        SimpleNamespace(is_world_process_zero=True, max_steps=4, global_step=1),
    )
    args: Any = SimpleNamespace()
    bar.on_train_begin(args, state, None)
    assert progress.heard(told) == progress.Progress("GRPO tiny", 1, 4, "steps")
    bar.on_log(args, state, None, {"heldout/war": 0.742})
    bar.on_log(args, state, None, {"loss": -0.01, "reward": 2.314})
    for _ in range(3):
        bar.on_step_end(args, state, None)
    bar.on_train_end(args, state, None)
    assert progress.heard(told) == progress.Progress("GRPO tiny", 4, 4, "steps", "WAR 74.2 %, reward 2.31")
    assert capsys.readouterr().err == ""


def test_another_rank_tells_and_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from unifer.train.callbacks import TrainingBar

    told = tmp_path / "told"
    monkeypatch.setenv(progress.VARIABLE, str(told))
    bar, state = (
        TrainingBar("GRPO tiny"),
        SimpleNamespace(is_world_process_zero=False, max_steps=4, global_step=0),
    )
    args: Any = SimpleNamespace()
    bar.on_train_begin(args, state, None)
    bar.on_step_end(args, state, None)
    bar.on_train_end(args, state, None)
    assert not told.exists()
    assert capsys.readouterr().err == ""


def test_what_deepspeed_repeats_at_every_gather_is_not_logged() -> None:
    """1,339 warnings for three steps of a tiny model under ZeRO-3; a 7B run would write tens of gigabytes."""
    import warnings

    import torch.distributed as distributed

    from unifer.train import stage

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        stage.speak()
        for collective in (distributed.reduce_scatter_tensor, distributed.all_gather_into_tensor):
            with pytest.raises(TypeError, match=r"torch\.Tensor"):
                collective(None, None)
        warnings.warn("something else", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in said] == ["something else"]
