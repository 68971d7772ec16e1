"""What `/openapi.json` says of requests and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from unifer.recognition.readings import Face, Reading
from unifer.records import Json
from unifer.serving.answers import NOTICE

ABOUT = NOTICE


@dataclass
class RegionMarks:
    """Where to draw the Action Units of one reading."""

    placed_by: Literal["points", "box"]
    """By the face's five points, or by the proportions of its box, which is a guess."""
    regions: dict[str, tuple[float, float, float, float, float]]
    """Region -> x, y, half width, half height (pixels of the photo), angle (degrees)."""


@dataclass
class ReadAnswer:
    """The readings of one photo, from its left to its right."""

    format: int
    photo: str
    model: str
    width: int
    height: int
    faces: int
    detector: str
    readings: list[Reading]
    marks: list[RegionMarks | None]
    warnings: list[str]
    notice: str


@dataclass
class FacesAnswer:
    """The faces of one photo, from its left to its right."""

    format: int
    photo: str
    width: int
    height: int
    detector: str
    faces: list[Face]


@dataclass
class ErrorAnswer:
    """Why there is no reading, in one line."""

    error: str


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "the request is malformed, or asks for what is not there"},
    401: {"model": ErrorAnswer, "description": "the server wants a key"},
    408: {"model": ErrorAnswer, "description": "the request did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "the photo's file is too large"},
    415: {"model": ErrorAnswer, "description": "neither a form nor JSON"},
    422: {
        "model": ErrorAnswer,
        "description": "the photo cannot be decoded, or is too much at once",
    },
    429: {"model": ErrorAnswer, "description": "the queue is full; Retry-After says when to come again"},
    503: {"model": ErrorAnswer, "description": "the model could not be asked"},
    504: {"model": ErrorAnswer, "description": "no answer within the time limit"},
}
READ_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"model": ReadAnswer}, **_REFUSALS}
FACES_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"model": FacesAnswer}, **_REFUSALS}

_DETECTOR: Json = {
    "type": "string",
    "enum": ["cascade", "yunet", "whole"],
    "description": "how faces are found; whole: the photo is one face already",
}
_MODEL: Json = {"type": "string", "description": "one of the server's models; default: its first"}
_READ_OPTIONS: Json = {
    "model": _MODEL,
    "detector": _DETECTOR,
    "which": {"type": "string", "enum": ["all", "largest"], "description": "faces that are read"},
    "faces": {
        "type": "array",
        "items": {"type": "integer"},
        "description": "faces that are read, counted from 0 at the left",
    },
    "boxes": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        "description": "the faces, in place of a detector: left, top, right, bottom in pixels",
    },
    "votes": {"type": "integer", "description": "replies per face; several give shares"},
    "temperature": {"type": "number", "description": "of sampling; 0 is greedy"},
}
_FACES_OPTIONS: Json = {"model": _MODEL, "detector": _DETECTOR}


def photo_body(read: bool) -> Json:
    """`requestBody` of a path that takes a photo, with the options of `/v1/read` or of `/v1/faces`."""
    options = _READ_OPTIONS if read else _FACES_OPTIONS
    file = {"type": "string", "format": "binary", "description": "the photo's file"}
    text = {"type": "string", "format": "byte", "description": "base64 of the photo's file, no address"}
    name = {"type": "string", "description": "what the answer calls the photo"}
    forms = {
        "multipart/form-data": {"file": file, **options},
        "application/json": {"image": text, "name": name, **options},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "object", "required": [next(iter(fields))], "properties": fields}}
                for kind, fields in forms.items()
            },
        }
    }
