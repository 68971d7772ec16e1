"""What a call of `Recognizer` gives back: a list of readings that can be saved, tabulated and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from unifer.recognition.inputs import Photo
from unifer.recognition.readings import Reading
from unifer.records import Json

if TYPE_CHECKING:
    import pandas
    from PIL.Image import Image


class Readings(list[Reading]):
    """Readings in the order of their photos, faces from left to right."""

    def __init__(
        self, by_photo: Sequence[Sequence[Reading]] = (), again: Callable[[], Iterator[Photo]] | None = None
    ) -> None:
        """`by_photo` in the order of the photos, which `again` opens a second time, for `draw`."""
        super().__init__(reading for readings in by_photo for reading in readings)
        self._by_photo, self._again = by_photo, again

    def to_json(self) -> list[Json]:
        """One object per reading, as `unifer predict` writes them."""
        return [reading.to_json() for reading in self]

    def to_pandas(self) -> pandas.DataFrame:
        """One row per reading: its flat fields, `share_<label>` per label, `AU12` per claimed AU."""
        import pandas

        return pandas.DataFrame([flat(reading) for reading in self])

    def draw(self) -> list[Image]:
        """Each photo that could be opened, with its boxes, labels and AU marks."""
        from unifer.recognition.drawing import draw

        opened = self._again() if self._again is not None else ()
        return [
            draw(photo.open(), readings)
            for photo, readings in zip(opened, self._by_photo, strict=True)
            if not readings[0].failed
        ]


def flat(reading: Reading) -> Json:
    """The reading as one row of a table."""
    box = reading.face.box if reading.face else (None,) * 4
    row: Json = {
        "photo": reading.photo,
        "time": reading.time,
        "track": reading.track,
        "face": reading.index if reading.face else None,
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        "detector": reading.detector,
        "label": reading.label,
        "outcome": reading.outcome,
        "sure": reading.sure,
        "confidence": reading.votes.confidence if reading.votes else None,
        "entropy": reading.votes.entropy if reading.votes else None,
        "seconds": reading.seconds,
        "warnings": "; ".join(reading.warnings),
        "error": reading.error,
    }
    if reading.votes is not None:
        row |= {f"share_{label}": share for label, share in reading.votes.shares.items()}
        return row | dict(reading.votes.au_shares)
    return row | {f"AU{claim.number}": 1.0 for claim in reading.action_units}
