"""Where tasks come from: a JSONL or Parquet file, or a `datasets` id; checked row by row, refused as a whole.

files.py     JSONL or Parquet -> entries, each with its place
hub.py       a `datasets` id (or a local folder of data files) -> entries
starter.py   the code a model goes on from: checked, completed, or made from the public example
check.py     entries -> rows of the tasks table, or every problem with its line, column and reason
novelty.py   near-duplicates and tasks of a benchmark, found and named
"""
