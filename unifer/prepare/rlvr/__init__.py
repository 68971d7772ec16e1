"""Rows of several builders -> one file of reward rows: no copies, nothing of a test set, classes and datasets
in chosen shares.
"""
