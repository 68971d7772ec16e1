"""UniFER: post-training and benchmarking of multimodal LLMs that read facial expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unifer.recognition.recognizer import Recognizer as Recognizer

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Made when it is asked for (PEP 562): `import unifer` stays instant.
    if name == "Recognizer":
        from unifer.recognition.recognizer import Recognizer

        return Recognizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
