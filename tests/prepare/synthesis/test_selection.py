"""Selection: difficulty, balance of classes and AUs, shares, and that chance plays no part."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prepare.synthesis.known import FILTER, LABELS, candidate, face
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.synthesis.pool import PoolFace
from unifer.prepare.synthesis.quality import Candidate, Rate
from unifer.prepare.synthesis.selection import choose_faces, choose_rows, difficulty
from unifer.prepare.synthesis.settings import SelectSettings

ANY = SelectSettings(rows=1000, faces=1000, easy_share=1, guided_share=1, class_cap=10, per_face=10)


def rates(of: dict[str, tuple[int, int]]) -> dict[str, Rate]:
    return {key: Rate(answered, right, right) for key, (right, answered) in of.items()}


def keys(
    candidates: list[Candidate],
    found: dict[str, Rate],
    settings: SelectSettings = ANY,
    filters: FilterSettings = FILTER,
) -> list[str]:
    return [item.key for item in choose_rows(candidates, found, settings, filters, seed=0).items]


def test_faces_never_or_always_right_teach_grpo_nothing() -> None:
    faces = [face(key) for key in ("never", "once", "thrice", "always", "silent")]
    found = rates({"never": (0, 4), "once": (1, 4), "thrice": (3, 4), "always": (4, 4), "silent": (0, 0)})
    assert {item.key for item in choose_faces(faces, found, ANY, seed=0).items} == {"once", "thrice"}
    narrow = SelectSettings(min_rate=0.25, max_rate=0.8)
    assert [item.key for item in choose_faces(faces, found, narrow, seed=0).items] == ["thrice"]


def test_faces_always_right_fill_their_share_and_no_more() -> None:
    hard = [candidate(face(f"hard{number}")) for number in range(8)]
    easy = [candidate(face(f"easy{number}")) for number in range(8)]
    found = rates({c.face.key: (1, 2) for c in hard} | {c.face.key: (2, 2) for c in easy})
    chosen = keys([*hard, *easy], found, SelectSettings(rows=100, easy_share=0.2, class_cap=3))
    assert Counter(key[:4] for key in chosen) == {"hard": 8, "easy": 2}, (
        "a fifth of the ten that were chosen, not of the hundred that could be"
    )
    assert not keys(easy, found, SelectSettings(easy_share=0.2)), (
        "without others, any of them would be more than a fifth"
    )
    assert not [
        key for key in keys([*hard, *easy], found, SelectSettings(easy_share=0)) if key.startswith("easy")
    ]


def test_a_mastered_class_keeps_its_place() -> None:
    """Happiness is read right always, fear sometimes.

    Without the easy share, happiness would vanish from the data.
    """
    hard = [candidate(face(f"fear{number}", "fear")) for number in range(40)]
    easy = [candidate(face(f"happy{number}", "happiness")) for number in range(40)]
    found = rates({c.face.key: (1, 2) for c in hard} | {c.face.key: (2, 2) for c in easy})
    chosen = keys([*hard, *easy], found, SelectSettings(rows=20, easy_share=0.25, class_cap=2))
    assert Counter(key[:4] for key in chosen) == {"fear": 15, "happ": 5}


def test_replies_that_were_shown_the_label_have_their_own_share() -> None:
    blind = [candidate(face(f"b{number}")) for number in range(6)]
    guided = [candidate(face(f"g{number}"), "guided-0", guided=True) for number in range(6)]
    found = rates({c.face.key: (1, 2) for c in blind} | {c.face.key: (0, 2) for c in guided})
    chosen = choose_rows(
        [*blind, *guided], found, SelectSettings(guided_share=0.25, class_cap=3), FILTER, seed=0
    )
    assert Counter(item.stratum for item in chosen.items) == {"between": 6, "guided": 2}
    assert chosen.to_json()["strata"] == {
        "between": {"available": 6, "taken": 6},
        "guided": {"available": 6, "taken": 2},
    }


def test_classes_are_balanced_and_capped_across_spellings() -> None:
    many = [candidate(face(f"many{number}", "happiness")) for number in range(60)]
    few = [candidate(face(f"few{number}", "fear")) for number in range(5)]
    found = rates({c.face.key: (1, 2) for c in [*many, *few]})
    chosen = keys([*many, *few], found, SelectSettings(rows=20, class_cap=1.5))
    assert Counter(key.rstrip("0123456789#") for key in chosen) == {"many": 15, "few": 5}
    assert [key[:3] for key in chosen[:10]] == ["few", "man"] * 5, (
        "the class with the fewest rows chooses next"
    )


def test_rare_action_units_come_before_common_ones() -> None:
    common = [candidate(face(f"common{number}", units=(6, 12))) for number in range(20)]
    rare = [
        candidate(face(f"rare{number}", units=units))
        for number, units in enumerate([(25,), (26,), (6, 12, 25), ()])
    ]
    found = rates({c.face.key: (1, 2) for c in [*common, *rare]})
    chosen = keys([*common, *rare], found, SelectSettings(rows=6, class_cap=3))
    assert {"rare0#0", "rare1#0", "rare3#0"} <= set(chosen), (
        "AU25, AU26 and a face at rest, among twenty smiles"
    )


def test_a_face_gives_so_many_rows_and_no_near_duplicate() -> None:
    one = face("one")
    replies = [
        candidate(
            one,
            sample,
            f"completely other words here number {sample} {'abc'[sample] * 3} {'xyz'[sample] * 4}",
        )
        for sample in range(3)
    ]
    found = rates({"one": (3, 4), "two": (1, 4)})
    assert len(keys(replies, found, SelectSettings(per_face=1, class_cap=5))) == 1
    assert len(keys(replies, found, SelectSettings(per_face=2, class_cap=5))) == 2
    twins = [
        candidate(one, 0, "the very same words about it"),
        candidate(one, 1, "the very same words about it"),
    ]
    chosen = choose_rows(twins, found, ANY, FILTER, seed=0)
    assert (len(chosen.items), len(chosen.near_duplicates)) == (1, 1)
    alike = [candidate(face(key), 0, "the very same words about it") for key in ("one", "two")]
    assert len(keys(alike, found)) == 2
    assert len(keys(alike, found, filters=FilterSettings(min_words=3, repeats=1))) == 1, (
        "over faces too, where the filter says so"
    )


def faces_and_rates(numbers: list[tuple[int, int, int]]) -> tuple[list[PoolFace], dict[str, Rate]]:
    faces = [
        face(f"f{at}", LABELS[label], (1, 4, 12)[:units]) for at, (label, units, _) in enumerate(numbers)
    ]
    return faces, {f"f{at}": Rate(4, right, right) for at, (_, _, right) in enumerate(numbers)}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 4)), max_size=40),
    st.integers(1, 30),
    st.floats(0, 1),
    st.floats(1, 3),
    st.randoms(use_true_random=False),
)
def test_whatever_there_is_the_bounds_hold_and_order_plays_no_part(
    numbers: list[tuple[int, int, int]], rows: int, share: float, cap: float, chance: random.Random
) -> None:
    faces, found = faces_and_rates(numbers)
    candidates = [candidate(each) for each in faces if found[each.key].right]
    settings = SelectSettings(rows=rows, faces=rows, easy_share=share, class_cap=cap)
    chosen = choose_rows(candidates, found, settings, FILTER, seed=3)
    assert len(chosen.items) <= rows
    assert len({item.key for item in chosen.items}) == len(chosen.items)
    easy = sum(item.stratum == "always" for item in chosen.items)
    assert easy <= share * len(chosen.items)
    classes = Counter(item.label for item in chosen.items)
    assert all(
        count <= -(-cap * rows // max(1, len({c.face.emotion for c in candidates})))
        for count in classes.values()
    )
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    assert choose_rows(shuffled, found, settings, FILTER, seed=3).items == chosen.items
    for item in choose_faces(faces, found, settings, seed=3).items:
        assert 0 < found[item.key].right < 4


def test_another_seed_chooses_others() -> None:
    candidates = [candidate(face(f"f{number}")) for number in range(50)]
    found = rates({c.face.key: (1, 2) for c in candidates})
    few = SelectSettings(rows=5, class_cap=5)
    chosen = {
        tuple(item.key for item in choose_rows(candidates, found, few, FILTER, seed).items)
        for seed in range(4)
    }
    assert len(chosen) == 4


def test_the_histogram_counts_every_face() -> None:
    found = rates({"a": (0, 4), "b": (4, 4), "c": (4, 4), "d": (0, 0)})
    assert difficulty(found.values()) == {"0/4": 1, "4/4": 2, "none": 1}


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_choose_from_is_no_error(count: int) -> None:
    candidates = [candidate(face("f"))][:count]
    assert not keys(candidates, rates({"f": (0, 4)}))
