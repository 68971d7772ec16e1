"""The leaderboard: runs on disk and published results, one row a model, as Markdown, CSV and HTML.

`published` reads results of others, `entries` scores runs, `ranks` says who is ahead and who is not told
apart, `boards` arranges both into tables, and `markdown`, `table` and `page` write them.
"""
