"""The report: one self-contained HTML page about runs, written by `building.write_report`.

`summary` and `samples` arrange what `evaluate` computed, `thumbnails` packs images, `training` finds curves;
the page's own template, style and scripts lie beside them.
"""
