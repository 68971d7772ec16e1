"""How many rows of each class and dataset: shares add up, and no class gives more than it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.errors import InputError
from unifer.prepare.rlvr.shares import Balance, Shares, apportioned, even, take, weights

SIZES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 60), min_size=1)
GROUPS = st.dictionaries(
    st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["", "happy", "sad"])),
    st.integers(1, 30),
    min_size=1,
)


def grouped(sizes: dict[tuple[str, str], int]) -> dict[tuple[str, str], list[int]]:
    """Row numbers 0, 1, ... group by group."""
    groups, at = {}, 0
    for group, size in sizes.items():
        groups[group] = list(range(at, at + size))
        at += size
    return groups


@given(SIZES, st.integers(0, 400))
def test_even_parts_sum_up_stay_within_supply_and_differ_only_where_supply_does(
    sizes: dict[str, int], total: int
) -> None:
    parts = even(sizes, total)
    assert sum(parts.values()) == min(total, sum(sizes.values()))
    assert all(0 <= parts[name] <= sizes[name] for name in sizes)
    short = [parts[name] for name in sizes if parts[name] < sizes[name]]
    assert not short or max(parts.values()) - min(short) <= 1


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 10), min_size=1), st.integers(0, 1000))
def test_apportioned_parts_sum_up_and_are_within_one_of_their_share(
    shares: dict[str, float], total: int
) -> None:
    whole = sum(shares.values())
    portions = {name: share / whole for name, share in shares.items()}
    parts = apportioned(portions, total)
    assert sum(parts.values()) == total
    assert all(abs(parts[name] - total * portions[name]) < 1 + 1e-6 for name in parts)


@given(
    GROUPS,
    st.sampled_from(["none", "classes", "weights"]),
    st.none() | st.integers(1, 200),
    st.integers(0, 3),
)
def test_what_is_taken_is_there_once_and_the_same_again(
    sizes: dict[tuple[str, str], int], balance: Balance, count: int | None, seed: int
) -> None:
    groups = grouped(sizes)
    mix = {dataset: 1.0 for dataset, _ in sizes}
    for shares in (Shares(balance, count, {}, str(seed)), Shares(balance, count, mix, str(seed))):
        taken = take(groups, shares)
        assert taken == sorted(set(taken))
        assert set(taken) <= {row for rows in groups.values() for row in rows}
        assert len(taken) <= (count or 10**6)
        assert taken == take(dict(reversed(groups.items())), shares)


def sizes_of(taken: list[int], groups: dict[tuple[str, str], list[int]]) -> dict[tuple[str, str], int]:
    return {group: len(set(rows) & set(taken)) for group, rows in groups.items()}


GROUPED = grouped({("x", "happy"): 50, ("x", "sad"): 10, ("y", "happy"): 30, ("y", "fear"): 20})


def test_balanced_classes_are_as_large_as_the_smallest_over_all_datasets() -> None:
    sizes = sizes_of(take(GROUPED, Shares("classes")), GROUPED)
    assert sizes["x", "happy"] + sizes["y", "happy"] == sizes["x", "sad"] == sizes["y", "fear"] == 10


def test_balanced_classes_with_a_count_use_what_there_is() -> None:
    sizes = sizes_of(take(GROUPED, Shares("classes", count=60)), GROUPED)
    assert (sizes["x", "sad"], sizes["y", "fear"], sizes["x", "happy"] + sizes["y", "happy"]) == (10, 20, 30)


def test_a_mix_holds_its_proportions_and_is_as_large_as_they_allow() -> None:
    sizes = sizes_of(take(GROUPED, Shares(mix={"x": 3, "y": 1})), GROUPED)
    assert (sizes["x", "happy"] + sizes["x", "sad"], sizes["y", "happy"] + sizes["y", "fear"]) == (60, 20)
    none = sizes_of(take(GROUPED, Shares(mix={"x": 0, "y": 1})), GROUPED)
    assert (none["x", "happy"], none["y", "happy"], none["y", "fear"]) == (0, 30, 20)


def test_a_mix_with_balanced_classes_balances_within_each_dataset() -> None:
    sizes = sizes_of(take(GROUPED, Shares("classes", mix={"x": 1, "y": 2})), GROUPED)
    assert sizes == {("x", "happy"): 10, ("x", "sad"): 10, ("y", "happy"): 20, ("y", "fear"): 20}


def test_another_seed_takes_other_rows() -> None:
    assert take(GROUPED, Shares(count=20, seed="1")) != take(GROUPED, Shares(count=20, seed="2"))


def test_weights_make_every_class_weigh_the_same_and_rows_of_aus_one() -> None:
    counts = {group: len(rows) for group, rows in GROUPED.items()} | {("z", ""): 7}
    found = weights(counts)
    assert found["z", ""] == 1
    sums = {
        label: sum(found[group] * counts[group] for group in counts if group[1] == label)
        for label in ("happy", "sad", "fear")
    }
    assert sums["happy"] == pytest.approx(sums["sad"], abs=1e-3) == pytest.approx(sums["fear"], abs=1e-3)
    assert sum(sums.values()) == pytest.approx(110, abs=1e-3)


@pytest.mark.parametrize("mix", [{"x": 1}, {"x": 1, "y": 1, "z": 1}])
def test_a_mix_must_speak_of_every_dataset_there_is(mix: dict[str, float]) -> None:
    with pytest.raises(InputError, match="the rows left are of x, y"):
        take(GROUPED, Shares(mix=mix))


@pytest.mark.parametrize(
    ("count", "mix"), [(0, {}), (None, {"x": -1.0}), (None, {"x": float("nan")}), (None, {"x": 0.0})]
)
def test_shares_out_of_range_are_refused(count: int | None, mix: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"--(count|mix)"):
        Shares(count=count, mix=mix)
