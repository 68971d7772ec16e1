"""What damage does to a model, for people: a table of 80 columns, severity curves, and a sheet of examples.

Reads a sheet of kind `damage` (`evaluate/trust/damage`); computes no score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.dialogue.damage.effects import damaged
from unifer.dialogue.damage.kinds import KINDS, LEVELS, Damage
from unifer.evaluate.trust.damage import RELATIVE_DROP
from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.records import Json
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import grid, notes_text, percent, plain, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

_COLUMNS = 4
_SIDE = 112
"""Pixels of an example's shorter side."""


def damage_text(sheet: Sheet) -> str:
    """The headline, a line per damage with the score at each level, and what else changed."""
    details = sheet.details
    head = f"{plain(sheet.model)} on {plain(sheet.dataset)} · damaged pictures · "
    lines = [head + f"{details['questions']:,} questions, {details['cells']} cells", ""]
    lines += [_rate_line(rate) for rate in sheet.rates if not rate.name.startswith("drop: ")]
    rows = [_row(damage) for damage in details["damages"]]
    lines += [
        "",
        grid((f"{details['score']} at level", *map(str, LEVELS), "drop", "95 %", "AUs kept"), rows),
        "",
        wrapped(
            "percent; drop: clean score minus the mean over levels, paired; AUs kept: F1 between the AUs "
            "claimed on the damaged and on the clean picture, at the highest level"
        ),
    ]
    return "\n".join(lines) + ("\n" + notes_text(sheet.notes) if sheet.notes else "")


def _rate_line(rate: TrustRate) -> str:
    bounds = "" if rate.low is None else f"  [{percent(rate.low)}, {percent(rate.high)}]"
    return f"  {rate.name:<20} {percent(rate.value):>6}{bounds}"


def _row(damage: Json) -> tuple[str, ...]:
    levels = {each["level"]: each for each in damage["levels"]}
    scores = [percent(levels[level]["score"]["value"]) if level in levels else "" for level in LEVELS]
    drop, last = damage["drop"], damage["levels"][-1]
    bounds = "" if drop["low"] is None else f"{percent(drop['low'])}-{percent(drop['high'])}"
    kept = percent(last["claimed_aus_kept"]["value"])
    return damage["name"], *scores, percent(drop["value"]), bounds, kept


def damage_png(path: Path, sheet: Sheet) -> None:
    """Severity curves, a panel per damage: the score by level with its interval, the clean one dashed."""
    damages = sheet.details["damages"]
    rows = -(-len(damages) // _COLUMNS)
    figure = new_figure(2.7 * min(_COLUMNS, len(damages)) + 0.4, 2.1 * rows + 0.7)
    panels = figure.subplots(rows, min(_COLUMNS, len(damages)), squeeze=False, sharey=True)
    clean = sheet.details["clean"]["score"]
    top = max(_highest(damage) for damage in [*damages, {"levels": [{"score": clean}]}])
    for axes, damage in zip(panels.flat, damages, strict=False):
        _panel(axes, damage, clean)
        axes.set_ylim(0, min(100, 10 * (int(top / 10) + 1)))
    for axes in list(panels.flat)[len(damages) :]:
        axes.set_axis_off()
    for row in panels:
        row[0].set_ylabel(f"{sheet.details['score']}, %", fontsize=8.5)
    drop = sheet.rate(RELATIVE_DROP)
    told = "" if drop is None or drop.value is None else f" · relative drop {percent(drop.value)} %"
    title = f"{plain(sheet.model)} on {plain(sheet.dataset)}{told} · bands: 95 %, dashed: as it is"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    save_png(figure, path)


def _highest(damage: Json) -> float:
    return max(100 * (each["score"]["high"] or each["score"]["value"] or 0) for each in damage["levels"])


def _panel(axes: Axes, damage: Json, clean: Json) -> None:
    points: list[tuple[int, str, Json]] = [(0, "as is", clean)]
    points += [(each["level"], f"{each['value']:g}", each["score"]) for each in damage["levels"]]
    places = [place for place, _, _ in points]
    values: list[Any] = [100 * score["value"] for _, _, score in points]
    if all(score["low"] is not None for _, _, score in points):
        low, high = ([100 * score[end] for _, _, score in points] for end in ("low", "high"))
        axes.fill_between(places, low, high, color=PALETTE[4], alpha=0.35, linewidth=0)
    axes.axhline(values[0], color=INK, linewidth=0.8, linestyle="--")
    axes.plot(places, values, color=PALETTE[0], marker="o", markersize=3.5, linewidth=1.5)
    axes.set_xticks(places, [text for _, text, _ in points])
    unit = f", {damage['unit']}" if damage["unit"] else ""
    axes.set_xlabel(f"{damage['quantity']}{unit}", fontsize=8)
    axes.set_title(damage["name"], loc="left", fontsize=9.5)
    axes.tick_params(labelsize=7.5, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def examples(picture: Image, key: str = "example") -> Image:
    """A contact sheet: a row per damage, `picture` as it is and at each level."""
    from PIL.Image import Resampling

    from unifer.prepare import faces

    scale = _SIDE / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    rows: list[tuple[str, Sequence[Image]]] = []
    for name in KINDS:
        series = [picture, *(damaged(picture, Damage(name, level), key, 224) for level in LEVELS)]
        kind = KINDS[name]
        values = ", ".join(f"{value:g}" for value in kind.values)
        caption = f"{name}\n{kind.quantity}\n{values}{kind.unit.split(' of ')[0]}"
        rows.append((caption, [each.resize(size, Resampling.BICUBIC) for each in series]))
    return faces.contact_sheet(rows, "as it is, then levels 1 to 5", caption_width=186)
