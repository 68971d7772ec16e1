"""Training: rows on disk -> checkpoint, by TRL's trainers. Knows neither how rows were made nor how a
checkpoint is judged.
"""
