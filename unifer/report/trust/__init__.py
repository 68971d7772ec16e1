"""Trust sheets for people: sections of the report, figures for papers, and the card of one model.

Reads sheets and computes no rate.
"""
