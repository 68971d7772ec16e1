"""What everything that asks a model behind an API must know: whole replies, kinds of failure, keys kept out
of messages.
"""
