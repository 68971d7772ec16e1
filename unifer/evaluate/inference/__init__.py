"""Questions -> predictions: what a local engine is asked, how rows are kept, processes.

Grades nothing.
"""
