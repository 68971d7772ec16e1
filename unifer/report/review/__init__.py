"""The page on which a person accepts or rejects synthesised test rows; style and scripts are the report's
(`report/page`).
"""
