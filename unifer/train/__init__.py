"""Training: rows on disk -> checkpoint, by TRL's trainers; knows not how rows were made, nor who judges."""
