"""From labelled faces to reasoned training rows: a teacher is asked, a filter chooses."""
