"""Images in captioned rows on one sheet, for a person to look at.

Knows layout alone; not what the images show.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_INK = (38, 38, 42)


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]],
    title: str = "",
    gap: int = 6,
    caption_width: int = 96,
    font_size: int = 15,
) -> Image.Image:
    """One row of images per (caption, images), on white. Rows may differ in length; the tallest image sets a
    row's height.
    """
    widths = [sum(image.width + gap for image in images) for _, images in rows]
    heights = [max((image.height for image in images), default=font_size) + gap for _, images in rows]
    top = gap + (2 * font_size if title else 0)
    sheet = Image.new("RGB", (caption_width + max(widths, default=0) + gap, top + sum(heights)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(font_size)
    if title:
        pen.text((gap, gap), title, fill=_INK, font=font)
    for (caption, images), height in zip(rows, heights, strict=True):
        pen.text((gap, top + (height - gap) // 2), caption, fill=_INK, font=font, anchor="lm")
        left = caption_width
        for image in images:
            sheet.paste(image, (left, top))
            left += image.width + gap
        top += height
    return sheet
