"""One family: a clear variant of an emotion's prototype on a person in a scene, and eleven faces beside it.

Each of the eleven differs from the base in one thing. Everything follows from a seed text, an index and the
emotion. Knows AUs, people and scenes; no files (`writing`), and not how an AU looks (`prepare/faces`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import copysign
from random import Random

from PIL.Image import Image

from unifer.action_units import ACTION_UNITS, PROTOTYPES
from unifer.au_reader import core_units, read_units
from unifer.counterfactuals import SIZE, Change, CounterfactualFace
from unifer.emotions import EMOTIONS
from unifer.prepare import faces
from unifer.prepare.faces.conditions import Backdrop
from unifer.prepare.faces.expressions import IMPOSSIBLE, ActiveUnit, Expression, Side
from unifer.prepare.faces.geometry import measure
from unifer.prepare.faces.head import outline
from unifer.prepare.faces.identity import HAIR_COLOURS, HairStyle, Identity

EMOTIONAL = EMOTIONS[1:]
"""The emotions of base faces; neutral is what the removal of a core AU leaves of most."""
_LOOKS: tuple[Change, ...] = ("intensity", "person", "pose", "light")
_NUISANCES: tuple[Change, ...] = ("glasses", "hair", "background")
_UNIT_CHANGES = SIZE - 3 - len(_LOOKS)
"""Faces of a family with an AU more or less: all but base, control, looks and one nuisance."""
_LEAST_ADDED = 2
_ADDABLE = tuple(sorted({number for units in PROTOTYPES.values() for number in units}))
_OTHER_SKIN = 150
"""By how much the skin of the other person is lighter or darker at least: sum of the three channels."""


@dataclass(frozen=True, slots=True)
class DrawnVariant:
    """One face of a family before it is drawn."""

    face: CounterfactualFace
    expression: Expression
    identity: Identity
    conditions: faces.Conditions

    def draw(self, size: int = 112) -> Image:
        """The picture, RGB, `size` pixels square."""
        return faces.draw(self.expression, self.identity, self.conditions, size)


@lru_cache
def clear_variants(emotion: str) -> tuple[tuple[int, ...], ...]:
    """The parts of an emotion's prototype that are read as it clearly, and hang on one AU at least.

    Each holds half of the prototype or more. The whole hangs on no AU but contempt's: one less leaves it what
    it was. Parts with too few further AUs to add or to remove are left out.
    """
    prototype = PROTOTYPES[emotion]
    sizes = range((len(prototype) + 1) // 2, len(prototype) + 1)
    parts = (part for size in sizes for part in combinations(prototype, size))
    return tuple(
        part
        for part in parts
        if read_units(part) == (emotion, True) and _core(part) and _has_enough(emotion, part)
    )


def _has_enough(emotion: str, units: tuple[int, ...]) -> bool:
    changes = len(_core(units)) + len(_spare(units)) + len(_addable(emotion, units))
    return changes >= _UNIT_CHANGES and len(_addable(emotion, units)) >= _LEAST_ADDED


def _core(units: tuple[int, ...]) -> list[int]:
    """The core AUs of a face without which it is read clearly too."""
    return [n for n in sorted(core_units(units)) if _read_clearly(units, without=n)]


def _spare(units: tuple[int, ...]) -> list[int]:
    """The AUs without which a face is read as before, and clearly."""
    return [n for n in units if n not in core_units(units) and _read_clearly(units, without=n)]


def _addable(emotion: str, units: tuple[int, ...]) -> list[int]:
    """AUs of other prototypes that can show beside these, and leave the reading as it is, and clear."""
    possible = (
        n
        for n in _ADDABLE
        if n not in PROTOTYPES[emotion] and not any(frozenset((n, other)) in IMPOSSIBLE for other in units)
    )
    return [n for n in possible if read_units({*units, n}) == (emotion, True)]


def _read_clearly(units: tuple[int, ...], *, without: int) -> bool:
    return read_units(set(units) - {without}).clear


def make_family(seed: str, index: int, emotion: str) -> list[DrawnVariant]:
    """The faces of family `index`, the base first; ids and readings are theirs for good."""
    rng = Random(f"counterfactual/{seed}/{index}")
    base = _base(emotion, rng)
    identity = replace(Identity.sample(rng), glasses="none")
    scene = replace(faces.Conditions.sample(rng), occluder="none", blur=0.0)
    drawn: list[tuple[Change, int | None, Expression, Identity, faces.Conditions]] = [
        ("base", None, base, identity, scene),
        ("control", None, base, identity, scene),
    ]
    for change, number in _unit_changes(emotion, base, rng):
        drawn.append((change, number, _with_change(base, change, number, rng), identity, scene))
    for change in (*_LOOKS, _NUISANCES[index % len(_NUISANCES)]):
        unit = rng.choice(base.numbers) if change == "intensity" else None
        look = _CHANGED[change](identity, scene, rng) if change in _CHANGED else (identity, scene)
        drawn.append((change, unit, _with_change(base, change, unit, rng), *look))
    family = f"f{index:04d}"
    return [
        DrawnVariant(
            _face(family, emotion, place, change, unit, base, shown_by, person), shown_by, person, view
        )
        for place, (change, unit, shown_by, person, view) in enumerate(drawn)
    ]


def _base(emotion: str, rng: Random) -> Expression:
    units = rng.choice(clear_variants(emotion))
    side: Side = rng.choice(("L", "R")) if emotion == "contempt" else "both"
    level = rng.uniform(3.4, 4.6)
    return Expression(
        tuple(ActiveUnit(n, round(min(5.0, level + rng.uniform(-0.4, 0.4)), 1), side) for n in units)
    )


def _unit_changes(emotion: str, base: Expression, rng: Random) -> list[tuple[Change, int]]:
    """Every core AU removed, AUs of other prototypes added, then the AUs that are not core removed."""
    core, spare, added = _core(base.numbers), _spare(base.numbers), _addable(emotion, base.numbers)
    for numbers in (spare, added):
        rng.shuffle(numbers)
    first = len(core) + _LEAST_ADDED
    changes: list[tuple[Change, int]] = [
        *(("removed", n) for n in core),
        *(("added", n) for n in added[:_LEAST_ADDED]),
        *(("removed", n) for n in spare[: max(0, _UNIT_CHANGES - first)]),
        *(("added", n) for n in added[_LEAST_ADDED:]),
    ]
    return changes[:_UNIT_CHANGES]


def _with_change(base: Expression, change: Change, number: int | None, rng: Random) -> Expression:
    if number is None:
        return base
    if change == "added":
        return Expression((*base.units, ActiveUnit(number, round(rng.uniform(3.2, 4.4), 1))))
    if change == "removed":
        return base.without([number])
    weaker = round(rng.uniform(2.0, 2.6), 1)
    return Expression(
        tuple(unit._replace(intensity=weaker) if unit.number == number else unit for unit in base.units)
    )


_HAIR_STYLES: tuple[HairStyle, ...] = ("bald", "short", "side", "long", "bun", "curly")
_BACKDROPS: tuple[Backdrop, ...] = ("plain", "split", "stripes", "discs")
Look = tuple[Identity, faces.Conditions]


def _person(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    """Somebody else: skin, age, sex as drawn, proportions, hair."""
    while True:
        other = replace(Identity.sample(rng), glasses="none")
        if abs(sum(other.skin) - sum(identity.skin)) >= _OTHER_SKIN:
            return other, scene


def _pose(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    yaw, pitch, roll = (-copysign(rng.uniform(0.6, 1.0), at) for at in (scene.yaw, scene.pitch, scene.roll))
    return identity, replace(scene, yaw=12.0 * yaw, pitch=7.0 * pitch, roll=8.0 * roll)


def _light(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    return identity, replace(
        scene,
        light=(scene.light + rng.uniform(120.0, 240.0)) % 360.0,
        light_strength=rng.uniform(0.2, 0.25),
        brightness=0.84 if scene.brightness > 0.92 else 1.0,
    )


def _glasses(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    return replace(identity, glasses=rng.choice(("round", "square"))), scene


def _hair(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    styles = [style for style in _HAIR_STYLES if style != identity.hair_style]
    colours = [colour for colour in HAIR_COLOURS if abs(sum(colour) - sum(identity.hair)) >= 60]
    return replace(identity, hair_style=rng.choice(styles), hair=rng.choice(colours)), scene


def _background(identity: Identity, scene: faces.Conditions, rng: Random) -> Look:
    grey = 90 if sum(scene.background[0]) > 450 else 200
    tones = [(grey + rng.randint(-25, 25), grey, grey + rng.randint(-25, 25)) for _ in range(2)]
    backdrop = rng.choice([each for each in _BACKDROPS if each != scene.backdrop])
    return identity, replace(scene, backdrop=backdrop, background=(tones[0], tones[1]))


_CHANGED: dict[Change, Callable[[Identity, faces.Conditions, Random], Look]] = {
    "person": _person,
    "pose": _pose,
    "light": _light,
    "glasses": _glasses,
    "hair": _hair,
    "background": _background,
}


def _face(
    family: str,
    emotion: str,
    place: int,
    change: Change,
    number: int | None,
    base: Expression,
    expression: Expression,
    identity: Identity,
) -> CounterfactualFace:
    with_it = base if change == "removed" else expression
    return CounterfactualFace(
        id=f"{family}-{place:02d}",
        family=family,
        emotion=emotion,
        change=change,
        reading=read_units(expression.numbers).emotion,
        intensities=expression.intensities,
        of=None if change == "base" else f"{family}-00",
        action_unit=number,
        core=number is not None and change != "intensity" and number in core_units(with_it.numbers),
        sides={unit.number: unit.side for unit in expression.units if unit.side != "both"},
        side_effects=() if number is None else tuple(_side_effects(number, base, expression, identity)),
    )


def _side_effects(number: int, one: Expression, other: Expression, identity: Identity) -> Iterator[str]:
    """The parts outside the AU's own region whose measures differ between two expressions."""
    before, after = _parts(one, identity), _parts(other, identity)
    own = ACTION_UNITS[number].region
    yield from (part for part in before if part != own and before[part] != after[part])


_FURROWS = {
    "brows": ("forehead_inner", "forehead_outer", "glabella"),
    "eyes": ("crow", "tense_lid", "bag"),
    "nose and cheeks": ("nose", "fold_top", "fold_mid", "fold_smile", "cheek", "puff"),
    "mouth": ("dimple", "pouch", "stretch", "lower_lip_line"),
    "jaw": ("masseter", "hollow"),
}


def _parts(expression: Expression, identity: Identity) -> dict[str, object]:
    """Part of the face -> its measures: the five regions of AUs, and the outline."""
    face = measure(expression, identity)
    own = {
        "brows": [half.brow for half in face.halves],
        "eyes": [(half.lid_upper, half.lid_lower, half.crease) for half in face.halves],
        "nose and cheeks": [half.wing for half in face.halves],
        "mouth": [face.mouth, *((half.corner, half.corner_bend) for half in face.halves)],
        "jaw": [face.jaw.chin_raise, face.jaw.thrust],
    }
    parts: dict[str, object] = {
        part: (own[part], [half.furrows[name] for half in face.halves for name in _FURROWS[part]])
        for part in own
    }
    return parts | {"outline": outline(face.jaw, identity).tolist()}
