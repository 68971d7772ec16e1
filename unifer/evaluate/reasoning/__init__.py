"""How good the reasoning of replies is: against a reference text, against the AUs of the face, and by a
judge.

`rouge` compares texts, `rege` adds that to the recognition score, `checks` asks whether reasoning and answer
hold together, `judge` asks another model, and `scores` puts them together for one run.
"""
