"""Which prompts come next: shares by error, turns within a label, one draw on all ranks and resumes."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from unifer.train.curriculum import Curriculum

LABELS = ["anger", "contempt", "fear", "neutral"] * 25


def draw(
    strength: float = 0.5, *, prompts: int = 8, group: int = 2, repeats: int = 1, seed: int = 0
) -> Curriculum:
    return Curriculum(LABELS, prompts=prompts, group=group, repeats=repeats, strength=strength, seed=seed)


def batches(curriculum: Curriculum, count: int, wrong: dict[str, float] | None = None) -> list[list[int]]:
    """`count` batches as a loader takes them, one ahead of what is noted.

    `wrong`: label -> share of wrong samples.
    """
    source, size, made = iter(curriculum), 16, []
    for _ in range(count):
        made.append(list(islice(source, size)))
        if wrong is not None:
            labels = [label for label, share in wrong.items() for _ in range(10)]
            right = [place >= 10 * share for share in wrong.values() for place in range(10)]
            curriculum.note(labels, right)
    return made


def labels_of(batch: list[int]) -> Counter[str]:
    return Counter(LABELS[index] for index in batch[::2])


def test_groups_stand_together_and_rows_of_a_batch_differ() -> None:
    for batch in batches(draw(), 5):
        assert batch[::2] == batch[1::2]
        assert len(set(batch)) == 8


def test_without_errors_every_label_has_its_share_of_each_batch() -> None:
    for batch in batches(draw(), 6):
        assert labels_of(batch) == dict.fromkeys(("anger", "contempt", "fear", "neutral"), 2)


def test_a_label_that_the_policy_gets_wrong_comes_more_often() -> None:
    wrong = {"anger": 0.3, "contempt": 0.9, "fear": 0.3, "neutral": 0.0}
    later = batches(draw(0.5), 12, wrong)[4:]
    counts = sum((labels_of(batch) for batch in later), Counter[str]())
    assert counts["contempt"] > 1.5 * counts["anger"] > counts["neutral"] > 0
    assert counts["contempt"] / counts.total() == pytest.approx(
        draw(0.5).shares(wrong)["contempt"], abs=0.08
    ), "64 draws"


def test_strength_0_draws_all_alike_and_1_by_errors_alone() -> None:
    wrong = {"anger": 0.3, "contempt": 0.9, "fear": 0.6, "neutral": 0.0}
    assert set(draw(0.0).shares(wrong).values()) == {0.25}
    assert draw(1.0).shares(wrong) == pytest.approx(
        {"anger": 1 / 6, "contempt": 1 / 2, "fear": 1 / 3, "neutral": 0.0}
    )


def test_a_policy_without_errors_is_asked_about_everything() -> None:
    assert set(draw(1.0).shares(dict.fromkeys(LABELS, 0.0)).values()) == {0.25}


def test_rows_of_a_label_take_turns() -> None:
    seen = Counter(index for batch in batches(draw(0.0), 12) for index in batch[::2])
    assert max(seen.values()) == 1, "96 draws of 100 rows"


def test_a_batch_repeats_for_every_iteration_on_it() -> None:
    source = iter(draw(repeats=3))
    first = [list(islice(source, 16)) for _ in range(4)]
    assert first[0] == first[1] == first[2] != first[3]


def test_errors_noted_after_the_loader_drew_ahead_do_not_change_what_it_drew() -> None:
    """The loader is a batch ahead: a draw that knew the newest errors would differ by when they came."""
    early, late = draw(1.0), draw(1.0)
    wrong = ["anger", "contempt"], [True, False]
    one, two = iter(early), iter(late)
    ahead = [list(islice(one, 16)), list(islice(one, 16))]
    early.note(*wrong)
    in_step = [list(islice(two, 16))]
    late.note(*wrong)
    in_step.append(list(islice(two, 16)))
    assert ahead == in_step


def test_a_resumed_run_draws_what_the_first_one_would_have(tmp_path: Path) -> None:
    wrong = {"anger": 0.2, "contempt": 0.8, "fear": 0.5, "neutral": 0.1}
    whole = draw(0.7)
    expected = batches(whole, 9, wrong)
    stopped = draw(0.7)
    batches(stopped, 5, wrong)
    stopped.save(tmp_path)
    resumed = draw(0.7)
    resumed.load(tmp_path)
    source = iter(resumed)
    again = [list(islice(source, 16)) for _ in range(5)]  # a trainer skips these
    assert again == expected[:5]
    for batch in expected[5:]:
        assert list(islice(source, 16)) == batch
        resumed.note(
            [label for label in wrong for _ in range(10)],
            [place >= 10 * share for share in wrong.values() for place in range(10)],
        )


def test_a_second_pass_goes_on_where_the_first_ended() -> None:
    """A loader starts its sampler again for every epoch: the same order would be no second epoch."""
    curriculum = draw(0.0)
    first = list(curriculum)
    assert len(first) == len(curriculum) == 12 * 16
    curriculum.set_epoch(1)
    second = list(curriculum)
    assert len(second) == len(first)
    assert second != first
    seen = Counter((first + second)[::2])
    assert max(seen.values()) - min(seen.values()) <= 1, "rows take turns over the border of the epochs too"
    again = draw(0.0)
    again.set_epoch(1)  # a run that goes on in its second epoch
    assert list(again) == second


def test_other_seeds_draw_other_rows() -> None:
    assert batches(draw(seed=1), 2) != batches(draw(seed=2), 2)
