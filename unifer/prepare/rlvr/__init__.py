"""Rows of several builders -> one file of reward rows.

It holds no copies and nothing of a test set, with classes and datasets in chosen shares.
"""
