"""What each damage does to the pixels of an upright RGB picture, the same in every run.

Chance (a direction, a side, the grain) is drawn from the damage's name and the row's key alone: all levels of
a damage share it, so a severity curve is of one picture getting worse, and no order of rows matters. Lengths
are shares of the picture's short side. Thread-safe; an effect takes at most 4 ms at 224 x 224.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from unifer.dialogue.damage.kinds import VERSION, Damage

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray
    from PIL.Image import Image

    from unifer.dialogue.images import ImageRule

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

EYES, MOUTH = 0.42, 0.74
"""Where eyes and mouth are, from the top, in a crop of an upright face, as a share of its height.

Between the drawn faces (eyes 0.42, mouth 0.72), crops of this package with their margin (0.42, 0.69) and
tighter aligned ones (0.46, 0.82); a bar is centred on the line.
"""
_WIDTH = {"eyes": 0.8, "mouth": 0.6}
"""Of a bar, as a share of the picture's width; the bar stands in its middle."""
_BAR = {"eyes": (30, 30, 34), "mouth": (196, 208, 216)}
"""Colours: of dark glasses, of a paper mask."""
_DISK, _LINE = 4.0, 32.0
"""Pixels: a disk of a larger radius, a longer line, is laid over the picture at a half, a quarter, ..."""
_FINE = 4
"""Points of a line per pixel of its length."""
_LIGHTS = 2**16
"""Steps of linear light that are told apart."""


def change_for(damage: Damage | None, key: str, rule: ImageRule) -> Callable[[Image], Image] | None:
    """What `images.load` does to the picture of the row `key` before it fits it; None: nothing."""
    return None if damage is None else partial(damaged, damage=damage, key=key, side=rule.size)


def damaged(image: Image, damage: Damage, key: str, side: int | None = None) -> Image:
    """`image`, RGB and upright, under `damage`, as drawn for the row `key`.

    A picture whose short side is over `side` pixels is shrunk to it first: grain and JPEG blocks of a large
    photograph would vanish again when the image rule makes it small.
    """
    from PIL.Image import Resampling

    short = min(image.size)
    if side is not None and short > side:
        size = round(image.width * side / short), round(image.height * side / short)
        image = image.resize(size, Resampling.BICUBIC)
    digest = hashlib.blake2b(f"{VERSION}\0{damage.name}\0{key}".encode(), digest_size=8).digest()
    draw = np.random.default_rng(int.from_bytes(digest, "big"))
    return EFFECTS[damage.name](image, damage.value, draw)


def _lowres(image: Image, pixels: float, draw: Generator) -> Image:
    """Averaged down to `pixels` on the short side and enlarged again; a smaller picture stays as it is."""
    from PIL.Image import Resampling

    short = min(image.size)
    if short <= pixels:
        return image
    small = max(1, round(image.width * pixels / short)), max(1, round(image.height * pixels / short))
    return image.resize(small, Resampling.BOX).resize(image.size, Resampling.BICUBIC)


def _jpeg(image: Image, quality: float, draw: Generator) -> Image:
    """Through a JPEG file of that quality by libjpeg's scale, colours at half the resolution."""
    from PIL import Image

    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=int(quality), subsampling="4:2:0")
    with Image.open(stored) as read:
        return read.convert("RGB")


def _defocus(image: Image, share: float, draw: Generator) -> Image:
    """Under a disk of that radius: what a lens makes of a point out of focus."""
    radius = share / 100 * min(image.size)
    scale = _halved(radius, _DISK)
    return _blurred(image, _disk(radius / scale), scale)


def _motion(image: Image, share: float, draw: Generator) -> Image:
    """Along a straight path of that length, in a direction drawn by row."""
    length = share / 100 * min(image.size)
    scale = _halved(length, _LINE)
    return _blurred(image, _line(length / scale, draw.uniform(0, math.pi)), scale)


def _noise(image: Image, decibels: float, draw: Generator) -> Image:
    """Gaussian noise per pixel and channel; SNR: power of the picture's values over that of the noise."""
    pixels = np.asarray(image)
    power = (
        float(np.square(np.arange(256)) @ np.reshape(image.histogram(), (3, 256)).sum(axis=0)) / pixels.size
    )
    # Whole numbers from a table of quantiles: a fifth of the time of drawing normal floats.
    grains = (_quantiles() * math.sqrt(power) * 10 ** (-decibels / 20)).round().astype(np.int16)
    chance = np.frombuffer(draw.bytes(2 * pixels.size), np.uint16).reshape(pixels.shape)
    noisy = grains[chance & (len(grains) - 1)]
    noisy += pixels
    return _of_array(noisy.clip(0, 255).astype(np.uint8))


def _dark(image: Image, stops: float, draw: Generator) -> Image:
    """Linear light times 2^EV."""
    light = (_linear() * 2.0**stops).round().astype(np.int32)
    return image.point(_srgb()[light].tolist() * 3)


def _glare(image: Image, stops: float, draw: Generator) -> Image:
    """White light added from a spot on a circle around the middle, falling off as a Gaussian.

    The spot is 0.45 of the short side from the middle, the fall-off's sigma 0.4 of it; at the spot 2^EV of
    white is added, in linear light.
    """
    short, angle = min(image.size), draw.uniform(0, 2 * math.pi)
    middle = (
        image.width / 2 + 0.45 * short * math.cos(angle),
        image.height / 2 + 0.45 * short * math.sin(angle),
    )
    across, down = (
        np.exp(-np.square((np.arange(length) + 0.5 - at) / (0.4 * short)) / 2)
        for length, at in zip(image.size, middle, strict=True)
    )
    light = _linear()[np.asarray(image)]
    light += (np.outer(down, across) * 2.0**stops * (_LIGHTS - 1)).astype(np.int32)[..., None]
    return _of_array(_srgb().take(light, mode="clip"))


def _occlude(image: Image, share: float, draw: Generator, *, part: str) -> Image:
    """A bar of that height over the eyes or the mouth, in one colour."""
    covered, line = image.copy(), EYES if part == "eyes" else MOUTH
    width, height = image.size
    half = share / 200
    top, bottom = round((line - half) * height), round((line + half) * height)
    left, right = round((1 - _WIDTH[part]) / 2 * width), round((1 + _WIDTH[part]) / 2 * width)
    covered.paste(_BAR[part], (left, top, max(left + 1, right), max(top + 1, bottom)))
    return covered


def _rotate(image: Image, degrees: float, draw: Generator) -> Image:
    """Turned about its middle to a side drawn by row; new corners take the mean colour of the edge."""
    from PIL.Image import Resampling

    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).mean(axis=0)
    sign = 1 if draw.random() < 0.5 else -1
    colour = tuple(round(value) for value in edge.tolist())
    return image.rotate(sign * degrees, Resampling.BICUBIC, fillcolor=colour)


def _crop(image: Image, share: float, draw: Generator) -> Image:
    """Cut at the left or right, and at the top or bottom, by that share; proportions stay."""
    width, height = image.size
    across, down = (max(1, round(side * (1 - share / 100))) for side in image.size)
    left, top = (gap if draw.random() < 0.5 else 0 for gap in (width - across, height - down))
    return image.crop((left, top, left + across, top + down))


EFFECTS: Mapping[str, Callable[[Image, float, Generator], Image]] = {
    "lowres": _lowres,
    "jpeg": _jpeg,
    "defocus": _defocus,
    "motion": _motion,
    "noise": _noise,
    "dark": _dark,
    "glare": _glare,
    "occlude-eyes": partial(_occlude, part="eyes"),
    "occlude-mouth": partial(_occlude, part="mouth"),
    "rotate": _rotate,
    "crop": _crop,
}


# --- blur and light -----------------------------------------------------------------------------------------


def _halved(length: float, most: float) -> int:
    """The power of two by which `length` must be divided to be at most `most`."""
    return 1 if length <= most else 2 ** math.ceil(math.log2(length / most))


def _disk(radius: float) -> Floats:
    """Weights of a disk, the pixels on its rim by how far they lie within it: (2 n + 1, 2 n + 1)."""
    reach = math.ceil(radius + 0.5)
    offsets = np.arange(-reach, reach + 1)
    distance = np.hypot(offsets[:, None], offsets[None])
    weights = np.clip(radius + 0.5 - distance, 0, 1).round(4)
    disk: Floats = (weights / weights.sum()).astype(np.float32)
    return disk


def _line(length: float, angle: float) -> Floats:
    """Weights of the pixels under a line through the middle, by their part of it: (2 n + 1, 2 n + 1)."""
    points = max(1, round(_FINE * length))
    along = (2 * np.arange(points) - points + 1) / points * length / 2
    places = np.outer(along, [math.sin(angle), math.cos(angle)])
    reach = math.ceil(length / 2) + 1
    weights = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    np.add.at(weights, tuple(np.floor(places + 0.5).astype(int).T + reach), np.float32(1 / points))
    line: Floats = weights.round(5)
    return line


def _blurred(image: Image, kernel: Floats, scale: int) -> Image:
    """`image` under `kernel`, which is laid over it at 1/`scale` of its size; edges go on as they are."""
    from PIL.Image import Resampling

    small = image if scale == 1 else image.reduce(scale)
    pixels = np.asarray(small)
    reach, (height, width) = len(kernel) // 2, pixels.shape[:2]
    padded = np.pad(pixels, ((reach, reach), (reach, reach), (0, 0)), mode="edge").astype(np.uint16)
    total = np.zeros(pixels.shape, np.float32)
    # Pixels of one weight are summed as whole numbers first: three times as fast, and 257 of them fit.
    for weight in np.unique(kernel[kernel > 0]):
        alike = np.zeros(pixels.shape, np.uint16)
        for down, across in np.argwhere(kernel == weight):
            alike += padded[down : down + height, across : across + width]
        total += weight * alike
    picture = _picture(total)
    return picture if scale == 1 else picture.resize(image.size, Resampling.BICUBIC)


def _picture(values: Floats) -> Image:
    """Values that may lie outside 0 to 255 -> a picture, rounded and clipped."""
    return _of_array(np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8))


def _of_array(pixels: Bytes) -> Image:
    from PIL import Image

    return Image.fromarray(pixels)


@lru_cache
def _quantiles() -> NDArray[np.float64]:
    """The middles of 4,096 equal parts of the standard normal distribution: (4096,)."""
    return np.array([NormalDist().inv_cdf((index + 0.5) / 4096) for index in range(4096)])


@lru_cache
def _linear() -> NDArray[np.int32]:
    """Linear light, 0 to `_LIGHTS` - 1, of each 8-bit sRGB value (IEC 61966-2-1): (256,)."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return ((_LIGHTS - 1) * light).round().astype(np.int32)


@lru_cache
def _srgb() -> Bytes:
    """The 8-bit sRGB value of each step of linear light: (`_LIGHTS`,)."""
    light = np.arange(_LIGHTS) / (_LIGHTS - 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * value).round().astype(np.uint8)
