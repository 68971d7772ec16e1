"""Every dataset that `unifer data build` knows, by the name that the user types."""

from __future__ import annotations

from types import MappingProxyType

from unifer.prepare.builders.affectnet import AFFECTNET
from unifer.prepare.builders.au_videos import BP4D, DISFA
from unifer.prepare.builders.faba import FABA
from unifer.prepare.builders.fea20k import FEA20K
from unifer.prepare.builders.fer2013 import FER2013, FERPLUS
from unifer.prepare.builders.own_sets import FOLDER, TABLE
from unifer.prepare.builders.raf import RAFAU, RAFDB
from unifer.prepare.builders.sfew import SFEW
from unifer.prepare.builders.source import Builder

BUILDERS: MappingProxyType[str, Builder] = MappingProxyType(
    {
        builder.name: builder
        for builder in (
            *(RAFDB, FERPLUS, AFFECTNET, SFEW, FER2013, DISFA, BP4D, RAFAU),
            *(FABA, FEA20K, FOLDER, TABLE),
        )
    }
)
"""In the order of `--list`."""
