"""Engines: ways to get replies from a model, one protocol (`base`)."""

from unifer.models.engines.base import (
    ENGINES,
    Engine,
    EngineName,
    EngineSpec,
    GenerationSettings,
    Reply,
    Request,
    default_engine,
)

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "EngineSpec",
    "GenerationSettings",
    "Reply",
    "Request",
    "default_engine",
]
