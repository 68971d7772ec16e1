"""Synthetic schematic faces: drawn from FACS Action Units with intensities, for any person, in any scene.

Knows how AUs look and which of them an emotion shows; not the rows that are written about the faces. Every
image is synthetic.
"""

from __future__ import annotations

from unifer.prepare.faces.conditions import Conditions
from unifer.prepare.faces.drawing import contact_sheet, draw
from unifer.prepare.faces.expressions import Expression, sample_expression, sample_free
from unifer.prepare.faces.identity import Identity

GENERATOR = "unifer.faces/1"
"""Written as the provenance of every drawn face; changes whenever the same arguments draw another face."""

__all__ = [
    "GENERATOR",
    "Conditions",
    "Expression",
    "Identity",
    "contact_sheet",
    "draw",
    "sample_expression",
    "sample_free",
]
