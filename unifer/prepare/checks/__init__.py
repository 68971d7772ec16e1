"""What is wrong with row files and their images: found, named and counted, never mended here.

Knows no model.
"""
