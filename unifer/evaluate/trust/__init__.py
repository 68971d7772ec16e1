"""Does the model mean what it says: faithfulness, human votes, damage, calibration, fairness.

Each module measures one of them on predictions and ends in a `Sheet` of rates (`sheets`), which reports read.
"""
