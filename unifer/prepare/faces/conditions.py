"""How the face is seen: pose, light, background, sensor and what stands before it.

Knows the scene alone; says nothing about the person (`identity`) or the expression (`expressions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from unifer.prepare.faces.shapes import RGB

Occluder = Literal["none", "hand", "bar", "strand", "mask"]
Backdrop = Literal["plain", "split", "stripes", "discs"]

OCCLUSION_RATE = 0.12


@dataclass(frozen=True, slots=True)
class Conditions:
    """One scene.

    Angles in degrees; `shift` in hundred-and-twelfths of the frame; `light` is where the light comes from, in
    degrees anticlockwise from the right of the image; `noise` and `blur` are in grey levels and pixels of a
    112-pixel image.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    light: float = 110.0
    light_strength: float = 0.12
    light_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    brightness: float = 0.97
    backdrop: Backdrop = "plain"
    background: tuple[RGB, RGB] = ((196, 206, 214), (176, 188, 198))
    occluder: Occluder = "none"
    occluder_place: float = 0.0
    occluder_colour: RGB = (120, 120, 120)
    noise: float = 0.0
    blur: float = 0.0
    seed: int = 0

    @classmethod
    def clear(cls) -> Conditions:
        """Frontal, evenly lit, plain background, nothing in the way: for contact sheets and tests."""
        return cls()

    @classmethod
    def sample(cls, rng: Random) -> Conditions:
        """A random scene: modest pose, some light, mild noise and blur, and sometimes an occluder.

        12 % of the faces are partly hidden.
        """
        grey = rng.randint(80, 215)
        tone = tuple(grey + rng.randint(-28, 28) for _ in range(3))
        second = rng.randint(-26, 26)
        background = (_rgb(tone), _rgb(tuple(channel + second for channel in tone)))
        warmth = rng.uniform(-0.05, 0.05)
        return cls(
            yaw=_bell(rng, 12.0),
            pitch=_bell(rng, 7.0),
            roll=_bell(rng, 8.0),
            scale=rng.uniform(0.95, 1.03),
            shift=(_bell(rng, 2.5), _bell(rng, 1.5)),
            light=rng.uniform(0.0, 360.0),
            light_strength=rng.uniform(0.05, 0.25),
            light_colour=(1.0 + warmth, 1.0, 1.0 - warmth),
            brightness=rng.uniform(0.82, 1.02),
            backdrop=rng.choice(("plain", "plain", "split", "stripes", "discs")),
            background=background,
            occluder=rng.choice(("hand", "bar", "strand", "mask"))
            if rng.random() < OCCLUSION_RATE
            else "none",
            occluder_place=rng.random(),
            occluder_colour=_rgb(tuple(rng.randint(60, 190) for _ in range(3))),
            noise=rng.uniform(0.0, 5.0),
            blur=rng.uniform(0.3, 0.7) if rng.random() < 0.2 else 0.0,
            seed=rng.getrandbits(32),
        )


def _bell(rng: Random, limit: float) -> float:
    """A value in [-limit, limit], more often near 0 than far from it."""
    return rng.triangular(-limit, limit, 0.0)


def _rgb(channels: tuple[int, ...]) -> RGB:
    red, green, blue = channels
    return red, green, blue
