"""Recall and precision of the search for copied pictures, beside a plain 64-bit perceptual hash, on drawn
faces.

Every copy of a face is changed in one way; found is a pair of a face and its own copy, false is any other
pair. `another expression` are pairs of the same person in the same scene, half of which no copy must be taken
for. Figures are in docs/data_checks.md. Run: python benchmarks/duplicates.py [--faces 3000] [--copies 1000]
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from unifer.emotions import EMOTIONS
from unifer.parallel import in_chunks
from unifer.prepare import corpus, faces
from unifer.prepare.checks import duplicates, pictures

HASH_LIMITS = (4, 8, 12)

Picture = Image.Image
Thumbnails = Any


def jpeg(picture: Picture, quality: int) -> Picture:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")


def cut(picture: Picture, rng: Random) -> Picture:
    width, height = picture.size
    left, top, right, bottom = (rng.uniform(0, 0.03) for _ in range(4))
    return picture.crop(
        (round(left * width), round(top * height), round(width * (1 - right)), round(height * (1 - bottom)))
    )


def resized(picture: Picture, factor: float) -> Picture:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))


def brightened(picture: Picture, factor: float) -> Picture:
    return ImageEnhance.Brightness(picture).enhance(factor)


CHANGES: dict[str, Callable[[Picture, Random], Picture]] = {
    "JPEG 95": lambda picture, rng: jpeg(picture, 95),
    "JPEG 60": lambda picture, rng: jpeg(picture, 60),
    "JPEG 30": lambda picture, rng: jpeg(picture, 30),
    "half size": lambda picture, rng: jpeg(resized(picture, 0.5), 90),
    "0.5 to 2 times": lambda picture, rng: resized(picture, rng.uniform(0.5, 2)),
    "gray": lambda picture, rng: picture.convert("L"),
    "cut to 3 % an edge": cut,
    "cut, then JPEG 60": lambda picture, rng: jpeg(cut(picture, rng), 60),
    "15 % darker": lambda picture, rng: brightened(picture, 0.85),
    "15 % brighter": lambda picture, rng: brightened(picture, 1.15),
    "all of these": lambda picture, rng: jpeg(
        resized(cut(brightened(picture, rng.uniform(0.85, 1.15)), rng), rng.uniform(0.5, 2)),
        rng.randint(30, 95),
    ),
    "mirrored, JPEG 60": lambda picture, rng: jpeg(ImageOps.mirror(picture), 60),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=3000)
    parser.add_argument("--copies", type=int, default=1000, help="of each change")
    args = parser.parse_args()
    drawn = list(
        in_chunks(_drawn, [(index, index < args.copies) for index in range(args.faces)], os.cpu_count() or 1)
    )
    originals = np.concatenate([chunk[0] for chunk in drawn])
    print(
        f"{args.faces:,} faces, {args.copies:,} copies of each change; hash N: Hamming distance of at "
        "most N of 64 bits\n"
    )
    print(
        f"{'change':<22}{'recall':>8}{'false':>7}"
        + "".join(f"{f'hash {limit}':>9}{'false':>7}" for limit in HASH_LIMITS)
    )
    for name in CHANGES:
        copied = np.concatenate([chunk[1][name] for chunk in drawn if len(chunk[1][name])])
        print(_line(name, originals, copied))
    _other_expressions([chunk[2] for chunk in drawn])


def _drawn(wanted: Sequence[tuple[int, bool]]) -> tuple[Thumbnails, dict[str, Thumbnails], Thumbnails]:
    """Thumbnails of faces, of their copies by change, and of pairs of one person with two expressions."""
    shown, pairs = [], []
    copied: dict[str, list[Picture]] = {name: [] for name in CHANGES}
    for index, with_copies in wanted:
        picture = jpeg(corpus.emotional_face("duplicates", index, EMOTIONS[index % len(EMOTIONS)]).draw(), 90)
        shown.append(picture)
        if with_copies:
            for name, change in CHANGES.items():
                copied[name].append(change(picture, Random(f"{name}/{index}")))
            pairs.append(_one_person(index))
    thumbnails = {name: _thumbnails(changed) for name, changed in copied.items()}
    return (
        _thumbnails(shown),
        thumbnails,
        np.stack([_thumbnails(pair) for pair in pairs]) if pairs else np.zeros((0, 2, 32, 32), np.uint8),
    )


def _one_person(index: int) -> list[Picture]:
    rng = Random(f"person/{index}")
    person, scene = faces.Identity.sample(rng), faces.Conditions.sample(rng)
    return [
        faces.draw(faces.sample_expression(emotion, rng), person, scene)
        for emotion in rng.sample(EMOTIONS, 2)
    ]


def _thumbnails(shown: Sequence[Picture]) -> Thumbnails:
    side = pictures.SIDE
    return (
        np.stack([np.asarray(pictures.thumbnail(each)) for each in shown])
        if shown
        else np.zeros((0, side, side), np.uint8)
    )


def _found(thumbnails: Thumbnails) -> list[duplicates.CopyPair]:
    """Pairs among pictures of which no two have the same pixels."""
    digests = [str(index).encode() for index in range(len(thumbnails))]
    looks = [pictures.Look()] * len(thumbnails)
    return duplicates.copies(pictures.Fingerprints(looks, digests, digests, thumbnails)).alike


def _line(name: str, originals: Thumbnails, copied: Thumbnails) -> str:
    count, every = len(copied), np.concatenate([originals, copied])
    pairs = {(pair.first, pair.second) for pair in _found(every)}
    right = {(index, len(originals) + index) for index in range(count)}
    line = f"{name:<22}{len(pairs & right) / count:>8.3f}{len(pairs - right):>7,}"
    mirrored = name.startswith("mirrored")
    hashes = _hashes(np.concatenate([originals, copied[:, :, ::-1] if mirrored else copied]))
    for limit in HASH_LIMITS:
        own = int((np.bitwise_count(hashes[:count] ^ hashes[len(originals) :]) <= limit).sum())
        total = sum(
            int((np.bitwise_count(hashes[at] ^ hashes[at + 1 :]) <= limit).sum()) for at in range(len(hashes))
        )
        line += f"{own / count:>9.3f}{total - own:>7,}"
    return line


def _hashes(thumbnails: Thumbnails) -> Any:
    """The usual hash: is a low DCT coefficient above the median of them?"""
    low = duplicates.low_frequencies(thumbnails)
    bits = np.concatenate(
        [np.zeros((len(low), 1), bool), low > np.median(low, axis=1, keepdims=True)], axis=1
    )
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _other_expressions(chunks: Sequence[Thumbnails]) -> None:
    pairs = np.concatenate(chunks)
    every = pairs.reshape(-1, pictures.SIDE, pictures.SIDE)
    taken = sum(pair.first // 2 == pair.second // 2 for pair in _found(every))
    hashes = _hashes(every)
    line = f"{'another expression':<22}{'':>8}{taken:>7,}"
    for limit in HASH_LIMITS:
        line += f"{'':>9}{int((np.bitwise_count(hashes[::2] ^ hashes[1::2]) <= limit).sum()):>7,}"
    print(f"{line}   of {len(pairs):,} pairs")


if __name__ == "__main__":
    main()
