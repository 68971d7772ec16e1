"""Questions -> predictions: what is asked of a local engine, how rows are kept, and several processes at
once. Grades nothing.
"""
