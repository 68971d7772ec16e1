"""The leaderboard: runs on disk and published results, one line per model, as Markdown, CSV and HTML.

`published` reads results of others, `entries` scores runs into `cells`, `ranks` says who is ahead and who is
not told apart, `lines` and `boards` arrange them into tables, and `text`, `csv_rows` and `html` write those.
"""
