"""The detector YuNet (Wu, Peng and Yu, 2023) through OpenCV: small and turned faces, five points.

OpenCV's wheel does not hold the model file. It is named by its user, or fetched once from the publisher's hub
and checked by the digest that the publisher states. OpenCV's zoo has the same weights twice: `2023mar` with a
fixed input of 640 x 640, `2026may` with a free one, which OpenCV 5 wants where it runs ONNX Runtime. Pictures
are therefore always brought into a square of 640, which either file takes in either engine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer import files
from unifer.errors import InputError
from unifer.places import cache_folder
from unifer.recognition.detectors import Lending
from unifer.recognition.readings import Face

if TYPE_CHECKING:
    from PIL.Image import Image

VARIABLE = "UNIFER_YUNET"
"""Names the model file, where no flag does."""
HUB, NAME = "opencv/face_detection_yunet", "face_detection_yunet_2023mar.onnx"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""As the pointer in OpenCV's zoo and the hub state it."""
COMMAND = "unifer predict --fetch-yunet"
SIDE = 640
SCORE = 0.7
"""Least score of a face; OpenCV's own default of 0.9 misses turned ones."""
_SAME = 0.3
"""Overlap from which two boxes are one face."""
_MOST = 5000


class YuNet:
    """Faces with five points. `model` is its file; None: `UNIFER_YUNET`, else where `fetch` puts it.

    Raises InputError where there is no such file, or OpenCV does not take it.
    """

    name = "yunet"

    def __init__(self, model: Path | None = None, score: float = SCORE) -> None:
        path = model_file(model)
        # OpenCV's networks are not to be shared between threads.
        self._nets = Lending(lambda: _loaded(path, score))
        with self._nets.one():
            pass  # a file that is no network is refused now

    def detect(self, image: Image) -> Sequence[Face]:
        import numpy as np
        from PIL import Image as pillow

        scale = SIDE / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        square = pillow.new("RGB", (SIDE, SIDE))
        square.paste(image.resize(size, pillow.Resampling.BILINEAR, reducing_gap=3.0))
        blue_first = np.ascontiguousarray(np.asarray(square)[:, :, ::-1])
        with self._nets.one() as net:
            _, rows = net.detect(blue_first)
        back = image.width / size[0], image.height / size[1]
        return [self._face(row, back, image.size) for row in (() if rows is None else rows)]

    def _face(self, row: Any, back: tuple[float, float], size: tuple[int, int]) -> Face:
        left, top, width, height, *points, score = (float(value) for value in row)
        box = (
            *(max(0.0, left * back[0]), max(0.0, top * back[1])),
            *(min(size[0], (left + width) * back[0]), min(size[1], (top + height) * back[1])),
        )
        pairs = zip(points[::2], points[1::2], strict=True)
        return Face(box, round(score, 4), tuple((x * back[0], y * back[1]) for x, y in pairs), self.name)


def _loaded(path: Path, score: float) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            f"the detector yunet needs OpenCV ({error}); install it (`uv pip install opencv-python-headless` "
            "in the active environment), or choose another: cascade, whole"
        ) from None
    level = cv2.utils.logging.getLogLevel()
    try:
        # OpenCV 5 warns that its new engine knows no targets, of which it asks for the only one.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        return cv2.FaceDetectorYN.create(str(path), "", (SIDE, SIDE), score, _SAME, _MOST)
    except cv2.error as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: OpenCV does not take it as a YuNet model ({reason}); `{COMMAND}` fetches one"
        ) from None
    finally:
        cv2.utils.logging.setLogLevel(level)


def model_file(named: Path | None) -> Path:
    """The model file that is meant. Raises InputError with the command that fetches it."""
    from_environment = os.environ.get(VARIABLE)
    path = named or (Path(from_environment) if from_environment else place())
    if path.is_file():
        return path
    raise InputError(
        f"{path}: no such file; the detector yunet needs its model file, {NAME}: `{COMMAND}` fetches it "
        f"once, or name it with --yunet FILE or {VARIABLE}"
    )


def place() -> Path:
    """Where the fetched file lies."""
    return cache_folder() / NAME


def fetch() -> Path:
    """Bring the publisher's file to its place, unless it is there; its place.

    Raises InputError: not reached, damaged.
    """
    path = place()
    if path.is_file() and files.sha256(path) == SHA256:
        return path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        came = Path(hf_hub_download(HUB, NAME))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise InputError(
            f"{HUB}: {NAME} did not come ({reason}); check network and proxy, or bring the file from "
            f"https://huggingface.co/{HUB} to {path} by hand"
        ) from None
    if (digest := files.sha256(came)) != SHA256:
        raise InputError(
            f"{HUB}: {NAME} came with the digest {digest[:12]}, the publisher states {SHA256[:12]}; it was "
            "not taken, run the same command again"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(came.read_bytes())
    part.replace(path)
    return path
