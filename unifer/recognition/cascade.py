"""The detector that needs nothing but the install: scikit-image's frontal LBP cascade, its windows merged.

The cascade alone finds every face many times over, and a false one here and there: windows that overlap are
merged, and a face counts from `LEAST_WINDOWS` on. Pictures are searched at one size (`SIDE`), so that one
count means the same for all of them, and the search takes about 0.15 s whatever the photo's size. Faces below
a thirteenth of the longer side are not found; nor are turned or tilted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unifer.errors import InputError
from unifer.recognition.detectors import Lending, overlap
from unifer.recognition.readings import Face

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 320
"""Pixels of the longer side at which a picture is searched."""
LEAST_WINDOWS = 9
"""The least number of merged windows that make a face. In scikit-image's own photos faces have 15 and more,
what is no face has 7 at most.
"""
_WINDOW = 24
"""Pixels of the smallest window, which is what the cascade was trained on."""
_STEP = 1.2
"""How much larger each further window is."""
_SAME = 0.4
"""Overlap (intersection over union) from which two windows show one face."""
_LARGEST_BLOW_UP = 4.0


class Cascade:
    """Frontal faces by local binary patterns."""

    name = "cascade"

    def __init__(self, side: int = SIDE, least_windows: int = LEAST_WINDOWS) -> None:
        self._side, self._least = side, least_windows
        path = _model_path()
        # A search writes into its object, so that each thread needs one.
        self._models = Lending(lambda: _loaded(path))

    def detect(self, image: Image) -> Sequence[Face]:
        import numpy as np
        from PIL.Image import Resampling

        scale = min(self._side / max(image.size), _LARGEST_BLOW_UP)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        if min(size) < _WINDOW:
            return []
        pixels = np.asarray(image.resize(size, Resampling.LANCZOS, reducing_gap=3.0).convert("L"))
        with self._models.one() as model:
            windows = model.detect_multi_scale(
                pixels,
                scale_factor=_STEP,
                step_ratio=1,
                min_size=(_WINDOW, _WINDOW),
                max_size=(min(size), min(size)),
                min_neighbor_number=1,
                intersection_score_threshold=2.0,  # never reached: merging, with counts, is ours
            )
        boxes = [(w["c"], w["r"], w["c"] + w["width"], w["r"] + w["height"]) for w in windows]
        found = [(box, count) for box, count in merge_boxes(boxes) if count >= self._least]
        back = image.width / size[0], image.height / size[1]
        return [
            Face(
                (box[0] * back[0], box[1] * back[1], box[2] * back[0], box[3] * back[1]),
                float(count),
                detector=self.name,
            )
            for box, count in found
        ]


def merge_boxes(boxes: Sequence[tuple[float, float, float, float]]) -> list[tuple[tuple[float, ...], int]]:
    """Groups of boxes that overlap, as (median box, how many), the largest group first."""
    import numpy as np

    groups: list[list[tuple[float, float, float, float]]] = []
    means: list[Any] = []
    for box in sorted(boxes, key=lambda each: each[0] - each[2]):
        near = next((at for at, mean in enumerate(means) if overlap(mean, box) >= _SAME), None)
        if near is None:
            groups.append([box])
            means.append(np.array(box, dtype=float))
        else:
            groups[near].append(box)
            means[near] = np.mean(groups[near], axis=0)
    medians = [(tuple(float(side) for side in np.median(group, axis=0)), len(group)) for group in groups]
    return sorted(medians, key=lambda each: -each[1])


def _loaded(path: str) -> Any:
    from skimage.feature import Cascade as Frontal

    return Frontal(path)


def _model_path() -> str:
    """The cascade's file in scikit-image. Raises InputError where that is not installed."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(
            f"the detector cascade needs scikit-image ({error}); install it (`uv pip install scikit-image` "
            "in the active environment), or choose another: whole reads the picture as it is"
        ) from None
    untyped: Any = data
    path: str = untyped.lbp_frontal_face_cascade_filename()
    return path
