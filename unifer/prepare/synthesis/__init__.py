"""Self-synthesis: a trained model reasons about labelled faces, and what passes the filter becomes the next
training set.

`generating` asks, `quality` judges, `selection` chooses, `mixing` writes the training files, `leaks` keeps
held-out faces out of it all. How a round is trained and scored is the command line's business.
"""
