"""The detector YuNet, with a small network that the test writes, in OpenCV's own reader."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.recognition.onnx_files import write_yunet
from unifer.cli import main
from unifer.errors import InputError
from unifer.recognition import yunet
from unifer.recognition.detectors import detector, overlap
from unifer.recognition.yunet import YuNet

pytest.importorskip("cv2", reason="comes with the full environment")


def picture(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGB", size)
    image.paste("white", box)
    return image


@pytest.mark.parametrize("dynamic", [False, True], ids=["2023mar", "2026may"])
@pytest.mark.parametrize("size", [(640, 640), (320, 200), (1280, 900)])
def test_a_face_is_found_with_five_points_in_the_photos_own_pixels(
    dynamic: bool, size: tuple[int, int], tmp_path: Path
) -> None:
    scale = max(size) / 640
    box = tuple(round(edge * scale) for edge in (256, 128, 288, 160))
    net = YuNet(write_yunet(tmp_path / "net.onnx", dynamic=dynamic))
    found = net.detect(picture(size, box))  # type: ignore[arg-type]
    best = max(found, key=lambda face: overlap(face.box, box))
    assert best.score is not None
    assert best.score > 0.9
    assert best.landmarks is not None
    (x0, y0), (x1, _), _, (_, y3), _ = best.landmarks
    assert x0 < x1
    assert y0 < y3
    assert all(box[0] - 40 * scale <= x <= box[2] + 40 * scale for x, _ in best.landmarks)
    assert best.detector == "yunet"


def test_nothing_bright_is_no_face_and_boxes_stay_within_the_picture(tmp_path: Path) -> None:
    net = YuNet(write_yunet(tmp_path / "net.onnx"))
    assert net.detect(Image.new("RGB", (300, 200))) == []
    for face in net.detect(picture((640, 480), (0, 0, 32, 32))):
        assert face.box[0] >= 0
        assert face.box[1] >= 0


def test_every_thread_has_a_network_of_its_own(tmp_path: Path) -> None:
    net = YuNet(write_yunet(tmp_path / "net.onnx"))
    image = picture((640, 640), (256, 128, 288, 160))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tuple(net.detect(image)), range(12)))
    assert len(set(answers)) == 1
    assert answers[0]


def test_the_file_is_named_by_flag_environment_or_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIFER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"unifer predict --fetch-yunet"):
        detector("yunet")
    own = write_yunet(tmp_path / "own.onnx")
    assert yunet.model_file(own) == own
    monkeypatch.setenv(yunet.VARIABLE, str(own))
    assert yunet.model_file(None) == own
    (tmp_path / "no.onnx").write_bytes(b"\x08\x01 not a network")
    with pytest.raises(InputError, match="OpenCV does not take it"):
        YuNet(tmp_path / "no.onnx")


def test_it_is_fetched_once_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import huggingface_hub

    monkeypatch.setenv("UNIFER_CACHE", str(tmp_path / "cache"))
    body = write_yunet(tmp_path / "hub.onnx")
    asked: list[tuple[Any, ...]] = []

    def download(*names: Any) -> str:
        asked.append(names)
        return str(body)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert main(["predict", "--fetch-yunet"]) == 2
    assert "the publisher states 8f2383e4dd3c" in capsys.readouterr().err
    assert not yunet.place().exists()
    monkeypatch.setattr(yunet, "SHA256", hashlib.sha256(body.read_bytes()).hexdigest())
    assert main(["predict", "--fetch-yunet"]) == 0
    assert main(["predict", "--fetch-yunet"]) == 0
    assert asked == [(yunet.HUB, yunet.NAME)] * 2
    assert YuNet().detect(picture((640, 640), (256, 128, 288, 160)))


def test_an_unreachable_hub_is_one_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNIFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["predict", "--fetch-yunet"]) == 2
    error = capsys.readouterr().err
    assert "by hand" in error
    assert "Traceback" not in error
