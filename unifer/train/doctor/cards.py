"""What a GPU can do on paper, and how much of it a run is assumed to reach, each figure with its source.

Bandwidths are bytes per second in one direction. No figure here was measured by this project:
docs/measurements.md has none from a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from unifer.errors import InputError

Source = Literal["data sheet", "measured", "assumed"]
_GB = 2**30


@dataclass(frozen=True)
class Card:
    """One kind of GPU, and the machine of eight that it usually stands in.

    `flops`: dense bf16 FLOP/s with float32 accumulation. `memory`: bytes. `hbm`: of its own memory. `link`:
    to the GPUs of its machine, half of what the maker gives for both directions. `network`: its share of the
    machine's network cards. All but the network are from the maker's data sheet.
    """

    name: str
    title: str
    flops: float
    memory: float
    hbm: float
    link: float
    network: float
    network_source: Source = "data sheet"
    note: str = ""


GPUS_PER_MACHINE = 8

CARDS: Mapping[str, Card] = {
    card.name: card
    for card in (
        Card(
            "a100",
            "A100 SXM 80 GB",
            312e12,
            80 * _GB,
            2.039e12,
            300e9,
            25e9,
            note="network: DGX A100, 8 x 200 Gb/s",
        ),
        Card(
            "a800",
            "A800 SXM 80 GB",
            312e12,
            80 * _GB,
            2.039e12,
            200e9,
            25e9,
            network_source="assumed",
            note="network: as the A100",
        ),
        Card(
            "h100",
            "H100 SXM 80 GB",
            989e12,
            80 * _GB,
            3.35e12,
            450e9,
            50e9,
            note="network: DGX H100, 8 x 400 Gb/s",
        ),
        Card(
            "h200",
            "H200 SXM 141 GB",
            989e12,
            141 * _GB,
            4.8e12,
            450e9,
            50e9,
            note="network: DGX H200, 8 x 400 Gb/s",
        ),
        Card(
            "rtx4090",
            "GeForce RTX 4090 24 GB",
            165.2e12,
            24 * _GB,
            1.008e12,
            32e9,
            1.5625e9,
            network_source="assumed",
            note="link: PCIe 4.0 x16; network: 100 Gb/s per machine of 8",
        ),
    )
}


def card(name: str) -> Card:
    """The card of that name. Raises InputError naming those there are."""
    known = CARDS.get(name.lower())
    if known is None:
        raise InputError(f"--card {name}: its figures are not known here; allowed are {', '.join(CARDS)}")
    return known


@dataclass(frozen=True)
class Ratios:
    """What is reached of a card's figures, and what the host adds: assumed, and frozen before any prediction.

    Seconds unless a name says otherwise; `REASONS` says why each was chosen.
    """

    matmul: float = 0.40
    bandwidth: float = 0.70
    links: float = 0.70
    hidden: float = 0.50
    eager_layer: float = 1e-3
    engine_token: float = 3e-3
    all_reduce: float = 20e-6
    load_tensor: float = 1e-3
    wake: float = 1.0
    disk: float = 2e9


REASONS: Mapping[str, str] = {
    "matmul": "share of the peak FLOP/s in a pass, recomputation counted (Llama 3 reports 0.38 to 0.43 "
    "without it: arXiv 2407.21783)",
    "bandwidth": "share of the memory bandwidth that reading weights and keys and values reaches",
    "links": "share of the link or network bandwidth that NCCL reaches",
    "hidden": "share of the communication that runs beside computation",
    "eager_layer": "least seconds of a pass of transformers per layer or vision block: the host launches its "
    "kernels",
    "engine_token": "seconds that vLLM's scheduler and sampler add to each token of a batch",
    "all_reduce": "seconds of latency of one all-reduce between GPUs of a machine, two per layer under "
    "tensor parallelism",
    "load_tensor": "seconds in which vLLM takes over one tensor",
    "wake": "seconds in which a sleeping vLLM maps its memory again",
    "disk": "bytes per second that all ranks together write to a shared file system",
}
"""Why each ratio is what it is."""

RATIOS = Ratios()


def ratios() -> list[tuple[str, float, str]]:
    """(name, value, reason) of every assumption, in order."""
    return [(each.name, getattr(RATIOS, each.name), REASONS[each.name]) for each in fields(Ratios)]
