"""What everything that asks a model behind an API must know.

Whole replies, kinds of failure, budgets, and keys kept out of messages.
"""
