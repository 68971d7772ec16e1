"""Our datasets as tasks of inspect_ai; its logs and our predictions, each from the other."""
