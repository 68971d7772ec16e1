"""How good the reasoning of replies is: by a reference text, by the AUs of the face, by a judge.

`rege` compares texts and adds that to the recognition score, `judge` asks another model, whose `marks` lie on
disk, and `scores` asks whether reasoning and answer hold together, and puts all of it together for one run.
"""
