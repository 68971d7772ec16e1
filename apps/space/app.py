"""A Gradio page for a hub Space: one photo in, its readings out.

Asks a running `unifer serve` (`UNIFER_URL`, with `UNIFER_API_KEY` if it wants one), else a model in this
process (`UNIFER_MODEL`, by the transformers engine): the same `Recognizer` either way, so the same answer as
`unifer predict`. The package `unifer/` lies beside this file (README.md says how the Space is put together).
"""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import gradio as gr
import httpx
from PIL import Image, ImageOps

from unifer.recognition.drawing import draw
from unifer.recognition.readings import Reading

URL = os.environ.get("UNIFER_URL", "").rstrip("/")
SECONDS = 300.0
NOTICE = (
    "A reading says what an expression looks like to a model: not what a person feels, no diagnosis, and no "
    "basis for decisions about people. Read only photos of people who agreed."
)
_recognizer: Any = None


def ask_server(photo: Image.Image, votes: int) -> list[Reading]:
    """The readings by the server at `UNIFER_URL`. Raises gr.Error with its own line."""
    store = io.BytesIO()
    photo.save(store, "PNG")
    body: dict[str, Any] = {"image": base64.b64encode(store.getvalue()).decode()}
    if votes > 1:
        body |= {"votes": votes}
    key = os.environ.get("UNIFER_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.post(f"{URL}/v1/read", json=body, headers=headers, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise gr.Error(f"{URL} does not answer: {error}; is `unifer serve` running there?") from None
    content = answer.json()
    if answer.status_code != 200:
        raise gr.Error(str(content.get("error", answer.text)))
    return [Reading.from_json(row) for row in content["readings"]]


def ask_model(photo: Image.Image, votes: int) -> list[Reading]:
    """The readings by a model in this process, which loads with the first photo."""
    global _recognizer
    from unifer import Recognizer
    from unifer.errors import InputError

    try:
        if _recognizer is None:
            _recognizer = Recognizer(os.environ.get("UNIFER_MODEL"), engine="transformers")
        return list(_recognizer(photo, **({"votes": votes} if votes > 1 else {})))
    except InputError as error:
        raise gr.Error(str(error)) from None


def read(
    photo: Image.Image | None, votes: float
) -> tuple[Image.Image, dict[str, float] | str | None, str, Any]:
    """The photo with boxes and AU marks, the first face's shares, the reasoning of every face, and JSON."""
    if photo is None:
        raise gr.Error("no photo given; drop one, paste one, or take one")
    photo = ImageOps.exif_transpose(photo).convert("RGB")
    readings = (ask_server if URL else ask_model)(photo, int(votes))
    failed = next((reading.error for reading in readings if reading.error), None)
    if failed:
        raise gr.Error(failed)
    first = readings[0]
    # One greedy reply says nothing of how sure it is: a label without a share.
    shares = first.votes.shares if first.votes else first.label
    return (
        draw(photo, readings),
        shares,
        "\n\n".join(map(in_words, readings)),
        [r.to_json() for r in readings],
    )


def in_words(reading: Reading) -> str:
    """One face in Markdown: label, how sure, AUs, reasoning, warnings."""
    label = reading.label or f"no label ({reading.outcome})"
    unsure = ", not sure" if reading.sure is False else ""
    units = ", ".join(f"AU{claim.number} {claim.name}" for claim in reading.action_units) or "none"
    lines = [f"**Face {reading.index + 1}: {label}{unsure}**", f"Action Units: {units}", reading.reasoning]
    return "\n\n".join([*lines, *(f"*{warning}*" for warning in reading.warnings)])


def page() -> gr.Interface:
    """The page and its API, `/read`; one photo at a time, as one engine answers."""
    return gr.Interface(
        read,
        [
            gr.Image(type="pil", label="photo"),
            gr.Slider(1, 16, 1, step=1, label="votes (1: one greedy reply)"),
        ],
        [
            gr.Image(type="pil", label="faces and Action Units", format="png"),
            gr.Label(label="first face"),
            gr.Markdown(label="reasoning"),
            gr.JSON(label="readings"),
        ],
        title="UniFER: a photo in, a reading out",
        description=NOTICE,
        api_name="read",
        concurrency_limit=1,
        flagging_mode="never",
    )


if __name__ == "__main__":
    page().launch()
