"""Row files of other tools, read and written: each format says one `Sample` in its own words.

`sample` is what all formats speak of, and how what a format has no field for is kept beside its row, so that
a way there and back loses nothing; `row_files` (CoT, RLVR, questions, Facial-R1), `chat` (LLaMA-Factory,
ms-swift) and `parquet` know one family each; `conversion` goes from file to file.
"""
