"""Damages: the same pixels in every run, worse level by level, each by the quantity that it states."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unifer.dialogue import images
from unifer.dialogue.damage.effects import EFFECTS, EYES, MOUTH, change_for, damaged
from unifer.dialogue.damage.kinds import GRID, KINDS, LEVELS, Damage, damage_in, parse_damages
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.prepare import corpus


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(float)


@pytest.fixture(scope="module")
def face() -> Image.Image:
    return corpus.emotional_face("damage", 3, "happiness").draw().resize((224, 224))


def spot(side: int = 223) -> Image.Image:
    """A white square of 7 x 7 in the middle of black: a single pixel would round to nothing."""
    pixels = np.zeros((side, side, 3), np.uint8)
    middle = slice(side // 2 - 3, side // 2 + 4)
    pixels[middle, middle] = 255
    return Image.fromarray(pixels)


def spread(image: Image.Image) -> np.ndarray:
    """Variances of where a spot's light went, in square pixels, along the two main axes, the larger first."""
    light = array(image).sum(axis=2)
    places = np.argwhere(light > 0).astype(float)
    weights = light[light > 0]
    own = (7**2 - 1) / 12
    return np.sort(np.linalg.eigvalsh(np.cov(places.T, aweights=weights, ddof=0)))[::-1] - own


def test_every_name_has_an_effect_and_five_values_that_get_worse() -> None:
    assert list(EFFECTS) == list(KINDS)
    assert len(GRID) == 55
    for kind in KINDS.values():
        steps = np.diff(kind.values)
        assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("damage", GRID, ids=str)
def test_a_row_gets_the_same_pixels_in_every_run(face: Image.Image, damage: Damage) -> None:
    """A grid that is resumed, or answered by other processes, must ask about the same pictures."""
    before = face.tobytes()
    once, again = damaged(face, damage, "row 7", 224), damaged(face, damage, "row 7", 224)
    assert once.tobytes() == again.tobytes() != before
    assert face.tobytes() == before
    assert once.mode == "RGB"


@pytest.mark.parametrize("name", ["motion", "noise", "glare", "rotate", "crop"])
def test_rows_differ_where_chance_is_drawn(face: Image.Image, name: str) -> None:
    pictures = {damaged(face, Damage(name, 3), f"row {row}", 224).tobytes() for row in range(12)}
    assert len(pictures) > 1


@pytest.mark.parametrize("name", KINDS)
def test_each_level_is_farther_from_the_picture_than_the_one_before(face: Image.Image, name: str) -> None:
    """With a direction drawn by level, a curve could rise: level 3 may be luckier than level 2."""
    rule = ImageRule(224)
    distances = [
        np.abs(array(images.fit(damaged(face, Damage(name, level), "row", 224), rule)) - array(face)).mean()
        for level in LEVELS
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (300, 2), (48, 48), (500, 375)])
def test_any_size_is_damaged_and_keeps_it_but_for_crops_and_large_ones(size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 60).convert("RGB")
    for damage in GRID:
        result = damaged(image, damage, "row", 224)
        if damage.name != "crop":
            assert result.size == (size if min(size) <= 224 else (299, 224))


def test_noise_has_the_stated_ratio_to_the_signal() -> None:
    grey = Image.new("RGB", (224, 224), (128, 128, 128))
    noise = array(damaged(grey, Damage("noise", 2), "row")) - 128
    assert 10 * math.log10(128**2 / np.square(noise).mean()) == pytest.approx(20, abs=0.2)


def test_dark_takes_stops_of_linear_light() -> None:
    """Halving sRGB values would be more than two stops."""
    grey = Image.new("RGB", (4, 4), (188, 188, 188))  # half of white's light
    assert array(damaged(grey, Damage("dark", 1), "row"))[0, 0, 0] == pytest.approx(137, abs=1)  # a quarter


def test_defocus_spreads_a_point_over_a_disk_of_the_stated_radius() -> None:
    for level, share in zip(LEVELS, KINDS["defocus"].values, strict=True):
        both = spread(damaged(spot(), Damage("defocus", level), "row"))
        # A uniform disk has the variance r^2 / 4 along each axis; reducing and enlarging adds a little.
        assert np.sqrt(4 * both) == pytest.approx(share / 100 * 223, rel=0.2)


def test_motion_spreads_a_point_along_a_line_of_the_stated_length() -> None:
    for level, share in zip(LEVELS, KINDS["motion"].values, strict=True):
        along, across = spread(damaged(spot(), Damage("motion", level), "row"))
        assert math.sqrt(12 * along) == pytest.approx(share / 100 * 223, rel=0.15)
        assert across < 0.5


def test_jpeg_is_the_file_of_that_quality(face: Image.Image) -> None:
    stored = io.BytesIO()
    face.save(stored, "JPEG", quality=10, subsampling="4:2:0")
    assert np.array_equal(array(Image.open(stored)), array(damaged(face, Damage("jpeg", 4), "row")))


def test_lowres_leaves_a_smaller_picture_alone(face: Image.Image) -> None:
    small = face.resize((16, 20))
    assert damaged(small, Damage("lowres", 4), "row").tobytes() == small.tobytes()
    assert damaged(small, Damage("lowres", 5), "row").tobytes() != small.tobytes()


@pytest.mark.parametrize(("name", "line"), [("occlude-eyes", EYES), ("occlude-mouth", MOUTH)])
def test_a_bar_covers_its_line_and_grows_around_it(name: str, line: float) -> None:
    white = Image.new("RGB", (200, 200), (255, 255, 255))
    for level, share in zip(LEVELS, KINDS[name].values, strict=True):
        covered = np.flatnonzero((array(damaged(white, Damage(name, level), "row")) < 255).any(axis=(1, 2)))
        assert len(covered) == pytest.approx(2 * share, abs=1)
        assert covered.mean() == pytest.approx(200 * line, abs=1)


def test_crop_cuts_the_stated_share_and_keeps_proportions(face: Image.Image) -> None:
    assert damaged(face, Damage("crop", 5), "row", 224).size == (157, 157)


def test_a_large_photograph_is_made_small_first(face: Image.Image) -> None:
    """Else JPEG blocks and grain of twelve megapixels vanish when the rule makes them 224 x 224."""
    large = face.resize((1120, 1120))
    for name in ("jpeg", "noise"):
        change = change_for(Damage(name, 4), "row", ImageRule(224))
        assert change is not None
        assert change(large).size == (224, 224)
    assert change_for(None, "row", ImageRule(224)) is None


def test_damage_comes_after_the_turn_and_before_the_size(tmp_path: Path) -> None:
    """Bars over a picture that is still on its side would hide an ear."""
    image = Image.new("RGB", (60, 40), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned: 40 wide, 60 high
    image.save(tmp_path / "a.jpg", exif=exif)
    rule = ImageRule(224)
    change = change_for(Damage("occlude-eyes", 5), "row", rule)
    dark = array(images.load(tmp_path / "a.jpg", rule, change=change)).max(axis=2) < 100
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert rows.mean() == pytest.approx(224 * EYES, abs=4)
    assert len(columns) > 2 * len(rows)


def test_what_a_user_may_write() -> None:
    assert parse_damages(()) == (None,)
    assert parse_damages(["defocus:3"]) == (Damage("defocus", 3),)
    assert parse_damages(["Jpeg", "jpeg:2", "noise:0"]) == (*(Damage("jpeg", each) for each in LEVELS), None)
    assert parse_damages(["all"]) == (None, *GRID)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("defocuss:3", "did you mean defocus"),
        ("blur", "there are lowres, jpeg"),
        ("jpeg:6", "has levels 1 to 5 and 0"),
        ("jpeg:-1", "NAME:LEVEL is expected"),
        ("all:3", "there is no such damage"),
        ("jpeg:", "NAME:LEVEL is expected"),
        ("", "NAME:LEVEL is expected"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_damages([text])


def test_a_file_names_its_damage(tmp_path: Path) -> None:
    for damage in GRID:
        assert damage_in(damage.path(tmp_path / "UniFER-7B.sample_qa.jsonl")) == damage
    for name in ("M.jsonl", "M.damage-blur-3.jsonl", "M.damage-jpeg-6.jsonl", "M.damage.json"):
        assert damage_in(tmp_path / name) is None
