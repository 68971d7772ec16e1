"""A YuNet-like ONNX file without any package for that: bright squares are faces, with made-up points.

The wire format of protobuf is a key (field number and kind) before each value; of ONNX a dozen fields are
needed. Every head is a convolution with the stride of its grid: `cls` and `obj` give the mean brightness of a
cell, `bbox` and `kps` the same constants everywhere. Decoding, merging and thresholds are OpenCV's own.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

STRIDES = (8, 16, 32)
_CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
POINTS = (-1.0, -1.0, 1.0, -1.0, 0.0, 0.0, -1.0, 1.0, 1.0, 1.0)
"""Where the five points stand off the middle of their cell, in cells."""


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _tensor(name: str, shape: Sequence[int], values: Sequence[float], whole: bool = False) -> bytes:
    raw = struct.pack(f"<{len(values)}{'q' if whole else 'f'}", *values)
    dims = b"".join(_field(1, size) for size in shape)
    return dims + _field(2, 7 if whole else 1) + _field(8, name) + _field(9, raw)


def _numbers(name: str, values: Sequence[int]) -> bytes:
    body = b"".join(_field(8, value) for value in values)
    return _field(1, name) + body + _field(20, 7)


def _node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    named = b"".join(_field(1, each) for each in inputs)
    return (
        named
        + _field(2, output)
        + _field(3, output)
        + _field(4, kind)
        + b"".join(_field(5, attribute) for attribute in attributes)
    )


def _value(name: str, dims: Sequence[int | str]) -> bytes:
    shape = b"".join(_field(1, _field(1 if isinstance(dim, int) else 2, dim)) for dim in dims)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, shape)))


def _head(kind: str, stride: int) -> tuple[list[bytes], list[bytes]]:
    """(nodes, initializers) of one output, `[1, cells, channels]`."""
    name, channels = f"{kind}_{stride}", _CHANNELS[kind]
    size = channels * 3 * stride * stride
    bright = kind in ("cls", "obj")
    weights = [1 / (3 * stride * stride * 255) if bright else 0.0] * size
    bias = {"cls": [0.0], "obj": [0.0], "bbox": [0.5, 0.5, 1.0, 1.0], "kps": list(POINTS)}[kind]
    stored = [
        _tensor(f"{name}_w", (channels, 3, stride, stride), weights),
        _tensor(f"{name}_b", (channels,), bias),
        _tensor(f"{name}_s", (3,), (1, -1, channels), whole=True),
    ]
    strides = _numbers("strides", (stride, stride)), _numbers("kernel_shape", (stride, stride))
    nodes = [
        _node("Conv", ("input", f"{name}_w", f"{name}_b"), f"{name}_c", *strides),
        _node("Transpose", (f"{name}_c",), f"{name}_t", _numbers("perm", (0, 2, 3, 1))),
        _node("Reshape", (f"{name}_t", f"{name}_s"), name),
    ]
    return nodes, stored


def write_yunet(path: Path, *, dynamic: bool = False) -> Path:
    """Write the file; its input is 640 x 640, or of any size where `dynamic`."""
    nodes, stored, outputs = [], [], []
    for kind, channels in _CHANNELS.items():
        for stride in STRIDES:
            more, values = _head(kind, stride)
            nodes += more
            stored += values
            cells = "cells" if dynamic else (640 // stride) ** 2
            outputs.append(_value(f"{kind}_{stride}", (1, cells, channels)))
    sides: tuple[int | str, int | str] = ("height", "width") if dynamic else (640, 640)
    graph = (
        b"".join(_field(1, node) for node in nodes)
        + _field(2, "bright squares")
        + b"".join(_field(5, each) for each in stored)
        + _field(11, _value("input", (1, 3, *sides)))
        + b"".join(_field(12, each) for each in outputs)
    )
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
    path.write_bytes(model)
    return path
