"""Which completions are trained on, and that leaving out those without advantage changes nothing."""

from __future__ import annotations

import pytest
import torch

from unifer.train.down_sampling import strongest, teaching


def test_the_largest_advantages_of_each_group_are_kept_whatever_their_sign() -> None:
    advantages = torch.tensor([0.1, -2.0, 0.5, 1.0, 0.0, 0.3, -0.2, 0.3])
    assert strongest(advantages, 4, 2).tolist() == pytest.approx([0.0, -2.0, 0.0, 1.0, 0.0, 0.3, 0.0, 0.3])


def test_equal_advantages_are_kept_in_their_order() -> None:
    assert strongest(torch.tensor([1.0, -1.0, 1.0, -1.0]), 4, 2).tolist() == [1.0, -1.0, 0.0, 0.0]


def batch() -> dict[str, object]:
    """Four rows of one image each, of 1, 2, 3 and 4 patches; completions of 4, 2, 3 and 1 tokens."""
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]])
    patches = torch.tensor([1, 2, 3, 4])
    return {
        "prompt_ids": torch.arange(8).view(4, 2),
        "prompt_mask": torch.ones(4, 2, dtype=torch.long),
        "completion_ids": torch.arange(16).view(4, 4),
        "completion_mask": mask,
        "mm_token_type_ids": torch.cat([torch.ones(4, 2), torch.zeros(4, 4)], dim=1),
        "sampling_per_token_logps": -torch.arange(16.0).view(4, 4),
        "ref_per_token_logps": -torch.arange(16.0).view(4, 4) / 2,
        "advantages": torch.tensor([0.0, 1.0, -1.0, 0.0]),
        "pixel_values": torch.repeat_interleave(patches, patches).unsqueeze(1).float(),
        "image_grid_thw": torch.stack(
            [torch.ones(4, dtype=torch.long), torch.ones(4, dtype=torch.long), patches], dim=1
        ),
        "num_images": [1, 1, 1, 1],
        "num_items_in_batch": torch.tensor(10),
    }


def test_rows_without_advantage_leave_with_their_images_and_padding() -> None:
    taken, share = teaching(batch())
    assert share == 0.5
    assert taken["prompt_ids"].tolist() == [[2, 3], [4, 5]]
    assert taken["completion_ids"].tolist() == [[4, 5, 6], [8, 9, 10]], "the longest of the rest has 3 tokens"
    assert taken["sampling_per_token_logps"].shape == (2, 3)
    assert taken["ref_per_token_logps"].tolist() == [[-2.0, -2.5, -3.0], [-4.0, -4.5, -5.0]], (
        "the KL term is that of the rows that stay"
    )
    assert taken["mm_token_type_ids"].tolist() == [[1, 1, 0, 0, 0]] * 2
    assert taken["pixel_values"].flatten().tolist() == [2.0, 2.0, 3.0, 3.0, 3.0]
    assert taken["image_grid_thw"][:, 2].tolist() == [2, 3]
    assert taken["num_images"] == [1, 1]
    assert taken["num_items_in_batch"] == 10, "the loss still divides by the tokens of all completions"


def test_a_batch_that_teaches_whole_is_left_as_it_is() -> None:
    inputs = batch() | {"advantages": torch.ones(4)}
    taken, share = teaching(inputs)
    assert taken is inputs
    assert share == 1.0


def test_a_batch_that_teaches_nothing_keeps_one_row_so_that_every_rank_runs_its_model() -> None:
    taken, share = teaching(batch() | {"advantages": torch.zeros(4)})
    assert len(taken["completion_ids"]) == 1
    assert share == 0.25


def test_ranks_keep_equally_many_rows_whatever_teaches_on_each() -> None:
    """Two ranks with 3 and 2 rows gathered figures of unequal length, and one aborted within a step."""
    taken, share = teaching(batch(), least=3)
    assert share == 0.75
    assert taken["advantages"].tolist() == [0.0, 1.0, -1.0], "an idle row fills up, in its place"
    assert taken["pixel_values"].flatten().tolist() == [1.0, 2.0, 2.0, 3.0, 3.0, 3.0]
    assert teaching(batch(), least=4)[1] == 1.0


def test_ratios_of_a_whole_row_keep_their_width() -> None:
    taken, _ = teaching(batch() | {"importance_sampling_ratio": torch.ones(4, 1)})
    assert taken["importance_sampling_ratio"].shape == (2, 1)
    taken, _ = teaching(batch() | {"importance_sampling_ratio": torch.ones(4, 4)})
    assert taken["importance_sampling_ratio"].shape == (2, 3)
