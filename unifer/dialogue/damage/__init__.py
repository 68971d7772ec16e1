"""Damaged pictures: eleven damages that a person meets, each in five levels set by a stated quantity.

`kinds` says what they are and reads their names; `effects` does them to pixels. Both know no model.
"""
