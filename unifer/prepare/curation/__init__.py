"""From labelled faces to reasoned training rows: a teacher model is asked, a filter keeps what is worth
learning from.
"""
