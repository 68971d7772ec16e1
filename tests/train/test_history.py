"""The two logs of a run: torn at any byte, rewound, gone on with; no step twice, no whole row lost."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unifer import files
from unifer.errors import InputError
from unifer.train.history import (
    METRICS,
    ROLLOUTS,
    MetricsLog,
    RolloutLog,
    number,
    prompt_id,
    read_metrics,
    read_rollouts,
)

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
"""Each example starts its run over in one folder."""


def rollout(step: int, index: int = 0, **changed: Any) -> dict[str, Any]:
    row = {
        "key": f"face-{index}",
        "image_path": f"/{index}.png",
        "prompt_id": prompt_id("Which?"),
        "completion": f"reply {step}/{index} 笑",
    }
    return {
        **row,
        "tokens": 9,
        "rewards": {"accuracy": 1.0, "au_f1": None},
        "reward": 1.0,
        "advantage": -0.5,
        "clipped": False,
        **changed,
    }


def run_metrics(folder: Path, first: int, last: int) -> None:
    with MetricsLog(folder) as log:
        log.rewind(first - 1)
        for step in range(first, last + 1):
            log.append(step, {"reward": step / 7, "kl": math.nan})


def run_rollouts(folder: Path, first: int, last: int, steps_per_part: int = 3) -> None:
    with RolloutLog(folder, steps_per_part) as log:
        log.rewind(first - 1)
        for step in range(first, last + 1):
            log.append(step, [rollout(step, index) for index in range(2)])


def parts(folder: Path) -> list[Path]:
    return sorted((folder / ROLLOUTS).iterdir())


def steps_of(folder: Path) -> list[int]:
    return [row["step"] for row in read_rollouts(folder)]


def test_a_row_holds_what_was_logged_and_null_for_what_json_cannot_hold(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.append(
            1,
            {"reward": 1 / 3, "kl": math.nan, "grad_norm": math.inf, "au": None, "num_tokens": 4},
            ["step 1: look"],
        )
    expected = {
        "step": 1,
        "reward": 1 / 3,
        "kl": None,
        "grad_norm": None,
        "au": None,
        "num_tokens": 4,
        "alarms": ["step 1: look"],
    }
    assert read_metrics(tmp_path) == [expected]


@same_folder
@given(last=st.integers(1, 9), kept=st.integers(0, 9), cut=st.integers(0, 400))
def test_metrics_torn_at_any_byte_and_resumed_hold_each_step_once(
    tmp_path: Path, last: int, kept: int, cut: int
) -> None:
    (tmp_path / METRICS).unlink(missing_ok=True)
    run_metrics(tmp_path, 1, last)
    whole = (tmp_path / METRICS).read_bytes()
    torn = whole[: max(0, len(whole) - cut)]
    (tmp_path / METRICS).write_bytes(torn)
    checkpoint = min(kept, torn.count(b"\n"))  # a checkpoint is written after its step is logged
    run_metrics(tmp_path, checkpoint + 1, 10)
    assert [(row["step"], row["reward"]) for row in read_metrics(tmp_path)] == [
        (step, step / 7) for step in range(1, 11)
    ]
    assert (
        (tmp_path / METRICS).read_bytes().startswith(b"".join(whole.splitlines(keepends=True)[:checkpoint]))
    )


@same_folder
@given(last=st.integers(1, 9), kept=st.integers(0, 9), cut=st.integers(0, 1000))
def test_rollouts_torn_at_any_byte_and_resumed_hold_each_completion_once(
    tmp_path: Path, last: int, kept: int, cut: int
) -> None:
    for path in parts(tmp_path) if (tmp_path / ROLLOUTS).exists() else ():
        path.unlink()
    run_rollouts(tmp_path, 1, last)
    newest = parts(tmp_path)[-1]
    torn = newest.read_bytes()
    newest.write_bytes(torn[: max(0, len(torn) - cut)])
    left = steps_of(tmp_path)
    assert left == [step for step in range(1, last + 1) for _ in range(2)][: len(left)]
    checkpoint = min(kept, max(left, default=0))
    run_rollouts(tmp_path, checkpoint + 1, 10)
    rows = list(read_rollouts(tmp_path))
    assert rows == [{"step": step} | rollout(step, index) for step in range(1, 11) for index in range(2)]


def test_a_step_is_logged_once_even_where_the_trainer_repeats_it(tmp_path: Path) -> None:
    """TRL's closing summary (`train_runtime`) comes with the number of the last step."""
    with MetricsLog(tmp_path) as log:
        assert log.append(3, {"loss": 0.5})
        assert not log.append(3, {"train_runtime": 9.0})
    with MetricsLog(tmp_path) as log:
        assert not log.append(3, {"loss": 0.5})
    assert read_metrics(tmp_path) == [{"step": 3, "loss": 0.5}]


def test_a_resume_that_forgot_to_rewind_is_a_bug_and_says_so(tmp_path: Path) -> None:
    run_metrics(tmp_path, 1, 5)
    run_rollouts(tmp_path, 1, 5)
    with MetricsLog(tmp_path) as metrics, RolloutLog(tmp_path) as rollouts:
        with pytest.raises(ValueError, match=r"step 3 comes after step 5.*rewind"):
            metrics.append(3, {"loss": 1.0})
        with pytest.raises(ValueError, match="rewind"):
            rollouts.append(3, [rollout(3)])


def test_a_rank_that_writes_nothing_touches_nothing(tmp_path: Path) -> None:
    """Every rank makes the objects; only rank 0 may cut what a kill tore, or ranks would cut each other's."""
    run_metrics(tmp_path, 1, 2)
    with (tmp_path / METRICS).open("ab") as stream:
        stream.write(b'{"step": 3, "rew')
    before = (tmp_path / METRICS).read_bytes()
    with MetricsLog(tmp_path), RolloutLog(tmp_path):
        pass
    assert (tmp_path / METRICS).read_bytes() == before
    assert not (tmp_path / ROLLOUTS).exists()


def test_rollouts_rotate_and_zcat_reads_them(tmp_path: Path) -> None:
    run_rollouts(tmp_path, 1, 7)
    assert [path.name for path in parts(tmp_path)] == [
        f"rollouts-{number:06d}.jsonl.gz" for number in (1, 2, 3)
    ]
    lines = gzip.decompress(parts(tmp_path)[1].read_bytes()).decode("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 4, 5, 5, 6, 6]
    run_rollouts(tmp_path, 8, 10)  # the third part goes on with its two free places
    assert len(parts(tmp_path)) == 4


def test_a_step_may_come_in_several_appends_and_stays_in_one_part(tmp_path: Path) -> None:
    with RolloutLog(tmp_path, steps_per_part=1) as log:
        for step in (1, 1, 1, 2):
            log.append(step, [rollout(step)])
        log.append(2, [])
    assert len(parts(tmp_path)) == 2
    assert steps_of(tmp_path) == [1, 1, 1, 2]


def test_rewinding_removes_whole_parts_and_is_the_same_with_another_part_size(tmp_path: Path) -> None:
    run_rollouts(tmp_path, 1, 9)
    run_rollouts(tmp_path, 5, 6, steps_per_part=100)
    assert len(parts(tmp_path)) == 2
    assert steps_of(tmp_path) == [step for step in range(1, 7) for _ in range(2)]
    run_rollouts(tmp_path, 1, 1)
    assert steps_of(tmp_path) == [1, 1]


@pytest.mark.parametrize("completion", ["", "a\u2028b\u0085c\r\nd", "\ud83d", '"\\', "\x00"])
def test_any_completion_is_read_back(tmp_path: Path, completion: str) -> None:
    with RolloutLog(tmp_path) as log:
        log.append(1, [rollout(1, completion=completion), rollout(1, 1)])
    assert [row["completion"] for row in read_rollouts(tmp_path)] == [completion, "reply 1/1 笑"]


def test_a_reward_that_does_not_apply_is_null(tmp_path: Path) -> None:
    """TRL marks it NaN, which no JSON reader takes."""
    with RolloutLog(tmp_path) as log:
        log.append(1, [rollout(1, rewards={"accuracy": 1.0, "au_f1": math.nan}, advantage=math.inf)])
    row = next(read_rollouts(tmp_path))
    assert (row["rewards"], row["advantage"]) == ({"accuracy": 1.0, "au_f1": None}, None)


def test_a_full_disk_leaves_whole_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """Stands before a file: takes half of what it is given, then the disk is full."""

        def __init__(self, stream: Any) -> None:
            self.stream, self.half = stream, True

        def write(self, data: bytes) -> int:
            if not self.half:
                raise OSError(28, "No space left on device")
            self.half = False
            return int(self.stream.write(data[: len(data) // 2]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.stream, name)

    whole = files.append_whole
    with RolloutLog(tmp_path) as log:
        log.append(1, [rollout(1)])
        monkeypatch.setattr(files, "append_whole", lambda stream, data: whole(Full(stream), data))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="No space"):
            log.append(2, [rollout(2)])
        monkeypatch.undo()
        log.append(2, [rollout(2)])
    assert steps_of(tmp_path) == [1, 2]


def test_a_foreign_file_in_the_rollouts_is_named_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUTS / "rollouts-000001.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"hello\n"))
    with pytest.raises(InputError, match="holds no rollouts"):
        RolloutLog(tmp_path).rewind(0)
    assert path.exists()


def test_metrics_of_a_run_in_progress_end_with_the_last_whole_row(tmp_path: Path) -> None:
    run_metrics(tmp_path, 1, 2)
    with (tmp_path / METRICS).open("ab") as stream:
        stream.write(b'{"step": 3, "reward": 0.')
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2]


def test_a_supervised_run_is_read_from_its_last_whole_checkpoint(tmp_path: Path) -> None:
    history = [
        {"step": 10, "loss": 1.5},
        {"step": 20, "loss": math.nan},
        {"step": 20, "eval_loss": 0.7},
        {"step": 20, "train_runtime": 9.0},
    ]
    for step, text in ((20, json.dumps({"log_history": history})), (30, '{"log_hist')):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(text, encoding="utf-8")
    assert read_metrics(tmp_path) == [
        {"step": 10, "loss": 1.5},
        {"step": 20, "loss": None, "eval_loss": 0.7, "train_runtime": 9.0},
    ]


def test_what_cannot_be_read_is_refused_with_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; give the output_dir"):
        read_metrics(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no step in its metrics\.jsonl"):
        read_metrics(tmp_path)
    with pytest.raises(InputError, match="has no rollouts/"):
        list(read_rollouts(tmp_path))
    for line in ("{", "[1]", '{"reward": 1}', '{"step": "1"}'):
        (tmp_path / METRICS).write_text(f'{{"step": 1}}\n{line}\n', encoding="utf-8")
        with pytest.raises(InputError, match=r"metrics\.jsonl:2: .*remove this line"):
            read_metrics(tmp_path)


def test_the_logs_agree_with_the_readers_of_this_project(tmp_path: Path) -> None:
    run_metrics(tmp_path, 1, 3)
    assert [row for _, row in files.read_rows(tmp_path / METRICS)] == read_metrics(tmp_path)


def test_numbers_and_prompt_ids() -> None:
    assert [number(value) for value in (None, 3, 0.5, math.nan, -math.inf)] == [None, 3, 0.5, None, None]
    assert prompt_id("Which?") == prompt_id("Which?") != prompt_id("Which ?")
    assert len(prompt_id("")) == 12
