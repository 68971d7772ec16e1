"""From AU intensities to the measures of a face.

They say where brows, lids, lips and jaw are, and how deep each furrow is. Knows what each AU moves (FACS
manual, 2002, appearance changes) and by how much; not how the result is drawn (`upper_face`, `lower_face`,
`head`). Lengths are in hundred-and-twelfths of the frame, y downwards, (0, 0) the frame's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

from unifer.prepare.faces.expressions import Expression
from unifer.prepare.faces.identity import Identity
from unifer.prepare.faces.shapes import Pair

Amounts = dict[int, float]

_NUMBERS = tuple(range(100))


@dataclass(frozen=True, slots=True)
class Half:
    """One side of the face; x counts outwards from the middle of the face.

    Furrows run from 0 (absent) to about 1 (deep).
    """

    sign: int
    brow: tuple[Pair, Pair, Pair, Pair]
    eye: Pair
    eye_width: float
    lid_upper: float
    lid_lower: float
    crease: float
    corner: Pair
    corner_bend: float
    wing: Pair
    furrows: dict[str, float]


@dataclass(frozen=True, slots=True)
class Mouth:
    """The middle of the mouth: its line and the gap around it.

    The gap above and below that line, lip thickness, and what shows in the gap.
    """

    x: float
    y: float
    gap_upper: float
    gap_lower: float
    squareness: float
    upper_lip: float
    lower_lip: float
    upper_raise: float
    lower_drop: float
    upper_teeth: float
    lower_teeth: float
    tongue: float
    bite: float
    press: float
    suck: float
    pucker: float
    tight: float


@dataclass(frozen=True, slots=True)
class Jaw:
    """Chin position, masseter bulge, chin raise and thrust."""

    x: float
    y: float
    drop: float
    bulge: float
    thrust: float
    chin_raise: float
    hollow: float


@dataclass(frozen=True, slots=True)
class FaceGeometry:
    """All measures of one face; `halves` are the image's left and right."""

    halves: tuple[Half, Half]
    mouth: Mouth
    jaw: Jaw


def measure(expression: Expression, identity: Identity) -> FaceGeometry:
    """The face that an expression makes of a person."""
    right_of_image, left_of_image = _amounts(expression.on("L")), _amounts(expression.on("R"))
    both = {n: (right_of_image[n] + left_of_image[n]) / 2 for n in _NUMBERS}
    jaw = _jaw(both, identity, sideways=right_of_image[30] - left_of_image[30] or both[30])
    halves = (_half(-1, left_of_image, both, jaw, identity), _half(1, right_of_image, both, jaw, identity))
    return FaceGeometry(halves, _mouth(both, jaw, identity), jaw)


def _amounts(intensities: dict[int, float]) -> Amounts:
    """AU number -> how far it acts, 0 to 1; concave, so that a trace (intensity 1) is already seen."""
    amounts = dict.fromkeys(_NUMBERS, 0.0)
    amounts.update((number, (intensity / 5) ** 0.7) for number, intensity in intensities.items())
    return amounts


def _jaw(a: Amounts, identity: Identity, sideways: float) -> Jaw:
    drop = max(8.5 * a[26], 11.5 * a[27], 2.0 * a[19], 2.5 * a[16] * a[25])
    y = 43.5 * identity.chin_length + drop + 2.5 * a[29] - 1.8 * a[17]
    return Jaw(9.0 * sideways, y, drop, 4.5 * a[31], a[29], a[17], a[27])


def _half(sign: int, a: Amounts, both: Amounts, jaw: Jaw, identity: Identity) -> Half:
    eye_y = -8.5
    lower = 3.5 + 0.5 * a[5] - 3.2 * a[7] - 1.9 * a[6] - 1.2 * a[9]
    upper = 5.0 + 4.4 * a[5] - 1.7 * a[7] - 1.3 * a[6] - 1.5 * a[9] - 0.7 * a[4]
    lower, upper = max(0.4, lower * identity.eye_size), max(1.3, upper * identity.eye_size)
    upper += (0.6 - lower - upper) * a[43]
    wing = (
        6.8 * identity.nose_width + 1.2 * a[9] + 1.4 * a[10],
        10.0 * identity.nose_length - 4.2 * a[9] - 1.6 * a[10],
    )
    return Half(
        sign=sign,
        brow=_brow(a, identity),
        eye=(17.0 * identity.eye_spacing, eye_y),
        eye_width=9.2 * identity.eye_size,
        lid_upper=upper,
        lid_lower=lower,
        crease=max(0.0, 1.0 - a[5]) * (1.0 - 0.6 * a[43]),
        corner=_corner(a, both, jaw, identity),
        corner_bend=2.0 + 2.6 * a[13] + 0.9 * a[15] - 0.4 * a[12] + 2.0 * a[14],
        wing=wing,
        furrows=_furrows(a, identity),
    )


def _brow(a: Amounts, identity: Identity) -> tuple[Pair, Pair, Pair, Pair]:
    """Inner end, inner body, peak and tail.

    AU4 pulls a raised inner end (AU1) together rather than down: the oblique brow.
    """
    arch = 1.6 * identity.brow_arch
    inner = -7.5 * a[1] + 5.6 * a[4] * (1.0 - 0.85 * a[1]) + 2.6 * a[9]
    body = -4.0 * a[1] - 4.0 * a[2] + 4.6 * a[4] * (1.0 - 0.5 * a[1]) + 1.8 * a[9]
    peak = 0.6 * a[1] * (1 - a[2]) - 7.5 * a[2] + 2.6 * a[4] + 0.9 * a[6]
    tail = 1.2 * a[1] * (1 - a[2]) - 6.8 * a[2] + 0.4 * a[4] + 1.2 * a[6]
    squeeze = 3.6 * a[4] + 0.8 * a[9]
    return (
        (7.6 - squeeze, -20.0 + inner),
        (14.0 - 0.7 * squeeze, -21.0 - arch * 0.6 + body),
        (22.5 - 0.2 * squeeze, -21.2 - arch + peak),
        (29.0, -18.2 + tail),
    )


def _corner(a: Amounts, both: Amounts, jaw: Jaw, identity: Identity) -> Pair:
    """Lip corner: outwards from the mouth's middle, and height."""
    narrow = (
        (1 - 0.55 * both[18])
        * (1 - 0.34 * both[22])
        * (1 - 0.2 * both[27])
        * (1 - 0.33 * both[23])
        * (1 - 0.1 * both[26])
    )
    out = 14.6 * identity.mouth_width * narrow
    out += 6.2 * a[12] + 0.8 * a[13] + 2.4 * a[14] + 1.0 * a[15] + 7.0 * a[20] + 0.8 * a[24] + 0.6 * a[10]
    rise = (
        -6.6 * a[12] - 8.2 * a[13] - 5.8 * a[14] + 6.6 * a[15] + 2.2 * a[20] + 2.0 * a[17] + 0.38 * jaw.drop
    )
    return max(5.0, out), 25.0 + rise


def _mouth(a: Amounts, jaw: Jaw, identity: Identity) -> Mouth:
    full = identity.lip_fullness
    sealed = (1 - 0.9 * a[24]) * (1 - 0.6 * a[28]) * (1 - 0.6 * a[32])
    thin = (1 - 0.6 * a[23]) * (1 - 0.88 * a[24]) * (1 - 0.98 * a[28])
    stretched = 1 - 0.3 * a[20] - 0.15 * a[12] - 0.15 * a[15]
    opened = 2.4 * a[25] + 1.0 * jaw.drop + 3.0 * a[27] + 1.3 * a[22] + 1.6 * a[19]
    return Mouth(
        x=0.7 * jaw.x,
        y=25.0
        + 1.4 * a[12]
        + 0.6 * a[13]
        - 1.8 * a[15]
        - 3.0 * a[17]
        - 1.2 * a[29]
        + 0.22 * jaw.drop * (1 - a[17]),
        gap_upper=(1.6 * a[25] + 0.14 * jaw.drop + 1.0 * a[22]) * sealed + 2.2 * a[10] * (1 - 0.8 * a[24]),
        gap_lower=opened * sealed * (1 - 0.25 * a[17]) + 3.4 * a[16] * (1 - 0.8 * a[24]) + 0.5 * a[28],
        squareness=2.0 + 4.0 * a[20] + 2.0 * a[10] + 1.5 * a[16] - 0.4 * a[18],
        upper_lip=3.0 * full * thin * stretched * (1 - 0.2 * a[10]) + 2.4 * a[22] + 1.7 * a[18],
        lower_lip=3.9 * full * thin * stretched * (1 - 0.7 * a[32])
        + 2.8 * a[22]
        + 1.9 * a[18]
        + 0.7 * a[17]
        + 1.8 * a[29],
        upper_raise=3.4 * a[10] + 1.2 * a[9],
        lower_drop=2.4 * a[16],
        upper_teeth=1.0 - 0.6 * a[18],
        lower_teeth=a[16],
        tongue=a[19],
        bite=a[32],
        press=a[24],
        suck=a[28],
        pucker=max(a[18], 0.45 * a[22]),
        tight=a[23],
    )


def _furrows(a: Amounts, identity: Identity) -> dict[str, float]:
    """Depth of each furrow and bulge of one side, with what age has left there for good."""
    age = identity.age
    return {
        "forehead_inner": a[1] * (1 - 0.3 * a[4]) + 0.2 * age,
        "forehead_outer": a[2] + 0.2 * age,
        "glabella": a[4] + 0.35 * a[9],
        "crow": a[6] + 0.25 * a[12] * a[6] + 0.2 * age,
        "cheek": a[6] + 0.2 * a[12],
        "tense_lid": a[7],
        "bag": 0.45 * age,
        "nose": a[9],
        "fold_top": max(a[9], a[10]),
        "fold_mid": max(a[11], 0.7 * a[9]),
        "fold_smile": max(a[12], 0.35 * a[10]) + 0.25 * age,
        "puff": a[13],
        "dimple": a[14],
        "pouch": a[15] + 0.15 * age,
        "stretch": a[20],
        "hollow": a[27],
        "masseter": a[31],
        "lower_lip_line": max(a[16], 0.5 * a[29]),
    }
