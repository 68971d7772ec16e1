"""From faces and labels to rows on disk. Knows no model."""
