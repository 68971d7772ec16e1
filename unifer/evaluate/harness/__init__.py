"""Our datasets as tasks of inspect_ai, any of whose providers can then answer them; its logs and our
predictions, each from the other.
"""
