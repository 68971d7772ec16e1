"""Many models x many datasets: what is asked of whom, within one budget, each model lost alone.

The command is `cli/bench`.
"""
