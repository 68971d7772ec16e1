"""Held-out questions while a run trains: the score, who answers what, and which model is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import Trainer

from unifer import files
from unifer.dialogue.images import ImageRule
from unifer.records import Json, Question
from unifer.train import heldout
from unifer.train.history import read_held_out, read_metrics

LABELS = ("happy", "sad", "neutral")


def question(index: int, label: str, units: tuple[int, ...] | None = None) -> Question:
    return Question(f"images/{index}.jpg", label, "Which?", LABELS, id=f"q{index}", action_units=units)


def reply(label: str, reasoning: str = "AU12 is there.") -> str:
    return f"<think>{reasoning}</think>\n<answer>{label}</answer>"


def test_the_score_counts_what_the_metric_counts() -> None:
    questions = [
        question(0, "happy", (12,)),
        question(1, "sad", (15,)),
        question(2, "sad"),
        question(3, "neutral", ()),
    ]
    replies = [reply("Happy"), reply("happy"), "I cannot say", reply("neutral", "Nothing moves.")]
    scored = heldout.score(questions, replies)
    assert scored["war"] == 0.5
    assert scored["asked"] == 4
    assert scored["no_answer"] == 1
    assert scored["recall"] == {"happy": 1.0, "neutral": 1.0, "sad": 0.0}
    assert scored["uar"] == pytest.approx(2 / 3)
    assert scored["au_f1"] == pytest.approx((1 + 0 + 1) / 3), (
        "one face is not annotated, one claims the wrong unit"
    )
    assert heldout.score(questions[2:3], replies[2:3])["au_f1"] is None


class FakeTrainer:
    """A rank that answers every question by its label, and remembers what it was asked."""

    def __init__(self, out: Path, wars: list[float] | None = None) -> None:
        self.out, self.wars, self.logged = out, list(wars or []), list[Json]()
        self.control = SimpleNamespace(should_log=True)

    def save_model(self, folder: str) -> None:
        files.write_text(Path(folder) / "model.safetensors", f"weights of {Path(folder).name}")


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_question_is_answered_once_whatever_the_ranks(
    ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [question(index, LABELS[index % 3]) for index in range(7)]
    shares: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(heldout, "load_image", lambda *args: None)
    monkeypatch.setattr(
        heldout, "_by_generate", lambda trainer, texts, images, most: [reply("happy")] * len(texts)
    )
    monkeypatch.setattr(
        heldout, "gather_object", lambda rows: [*(row for share in shares for row in share), *rows]
    )
    asked = heldout.HeldOut(Path("q.json"), questions, None, ImageRule(224), 16)
    for rank in range(ranks):
        trainer = SimpleNamespace(accelerator=SimpleNamespace(num_processes=ranks, process_index=rank))
        own: list[list[tuple[str, str]]] = []
        with monkeypatch.context() as patch:
            if rank < ranks - 1:
                patch.setattr(
                    heldout,
                    "gather_object",
                    lambda rows, own=own: own.append(list(rows)) or [(q.key, "") for q in questions],
                )
            scored = asked.measure(trainer)
        shares += own
    assert scored["asked"] == 7
    assert scored["war"] == pytest.approx(3 / 7)
    assert len({len(share) for share in shares}) <= 1, (
        "a server answers all ranks in one call: they must ask alike often"
    )


def run(out: Path, wars: dict[int, float], *, steps: int, resumed: int = 0, keep_best: bool = True) -> None:
    """Steps `resumed` + 1 to `steps` of a run that measures every 10 steps and has `wars` by step."""
    state = SimpleNamespace(global_step=resumed, max_steps=steps, is_world_process_zero=True)

    class Held(heldout.HeldOut):
        def __init__(self) -> None:
            pass

        def measure(self, trainer: Any) -> Json:
            return {"war": wars[state.global_step], "uar": 0.5, "au_f1": None}

    trainer = FakeTrainer(out)
    watch = heldout.Watch(Held(), trainer, out, every=10, keep_best=keep_best, resumed=resumed)
    watch.on_train_begin(None, state, None)
    for step in range(resumed + 1, steps + 1):
        state.global_step = step
        watch.on_step_end(None, state, None)
        assert trainer.control.should_log, "the step's own figures would be lost with this log"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def log(trainer: Any, values: Json) -> None:
        trainer.logged.append(values)
        trainer.control.should_log = False  # as transformers does: what is logged needs no logging

    monkeypatch.setattr(Trainer, "log", log)


def test_measured_before_the_first_step_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    run(tmp_path, {0: 0.1, 10: 0.3, 20: 0.2, 25: 0.2}, steps=25)
    rows = read_held_out(tmp_path)
    assert [row["step"] for row in rows] == [0, 10, 20, 25]
    assert [row["best"] for row in rows] == [True, True, False, False]


def test_the_best_model_takes_the_place_of_the_last(tmp_path: Path) -> None:
    run(tmp_path, {0: 0.1, 10: 0.3, 20: 0.4, 30: 0.2}, steps=30)
    assert [folder.name for folder in heldout.best_folders(tmp_path)] == ["best-20"]
    files.write_text(tmp_path / "model.safetensors", "weights of the last step")
    assert heldout.restore_best(tmp_path, tmp_path) == 20
    assert (tmp_path / "model.safetensors").read_text() == "weights of best-20"
    assert not heldout.best_folders(tmp_path)


def test_nothing_is_kept_where_the_start_was_best(tmp_path: Path) -> None:
    """The run then ends with its last model: a checkpoint that it did not train is not its result."""
    run(tmp_path, {0: 0.9, 10: 0.3, 20: 0.2}, steps=20)
    assert heldout.restore_best(tmp_path, tmp_path) is None


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, {0: 0.1, 10: 0.3, 20: 0.9}, steps=20)
    run(tmp_path, {20: 0.35, 30: 0.2}, steps=30, resumed=10)
    assert [(row["step"], row["war"]) for row in read_held_out(tmp_path)] == [
        (0, 0.1),
        (10, 0.3),
        (20, 0.35),
        (30, 0.2),
    ]
    assert [folder.name for folder in heldout.best_folders(tmp_path)] == ["best-20"], (
        "0.9 was of a model that is gone"
    )


def test_without_keep_best_no_model_is_written(tmp_path: Path) -> None:
    run(tmp_path, {0: 0.1, 10: 0.3}, steps=10, keep_best=False)
    assert not heldout.best_folders(tmp_path)


def test_the_curves_show_held_out_scores_at_their_steps(tmp_path: Path) -> None:
    files.write_rows(tmp_path / "metrics.jsonl", [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.4}])
    files.write_rows(tmp_path / "heldout.jsonl", [{"step": 0, "war": 0.1}, {"step": 20, "war": 0.4}])
    assert read_metrics(tmp_path) == [
        {"step": 0, "heldout/war": 0.1},
        {"step": 10, "loss": 0.5},
        {"step": 20, "loss": 0.4, "heldout/war": 0.4},
    ]
