"""Intervals, differences between runs, and what stands against reading two figures side by side.

Knows no file formats.
"""
