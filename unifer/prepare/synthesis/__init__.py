"""Self-synthesis: a trained model reasons about labelled faces; what passes the filter is trained on next.

`pool` asks, `quality` and `correcting` judge, `choosing` and `selection` choose, `mixing` writes the training
rows and keeps held-out faces out of them, `review` shows rows to people. How a round is trained and scored is
the command line's business.
"""
