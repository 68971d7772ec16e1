"""Official dataset trees -> rows: one small file of facts a dataset, over shared code.

`build.build` reads one split into faces; `rows` turns faces into question or reward rows; `image_root` lays
out a folder in which the rows' image paths resolve.
"""

from __future__ import annotations

from types import MappingProxyType

from unifer.prepare.builders import (
    affectnet,
    bp4d,
    disfa,
    faba,
    fea20k,
    fer2013,
    ferplus,
    folder,
    rafau,
    rafdb,
    sfew,
    table,
)
from unifer.prepare.builders.source import Builder

_MODULES = (rafdb, ferplus, affectnet, sfew, fer2013, disfa, bp4d, rafau, faba, fea20k, folder, table)

BUILDERS: MappingProxyType[str, Builder] = MappingProxyType(
    {module.BUILDER.name: module.BUILDER for module in _MODULES}
)
"""Every builder by the name that the user types."""
