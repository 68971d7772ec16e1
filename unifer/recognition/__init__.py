"""A photo in, a reading out: find faces, crop, ask the model, grade and type its reply."""
