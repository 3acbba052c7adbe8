"""solutions: what the model wrote for each task, one row a distinct code."""

import pyarrow as pa

from pipeline.tables import Table

SOLUTION_COLUMNS = [
    pa.field("solution_id", pa.string(), nullable=False),  # hash of task_id and code
    pa.field("task_id", pa.string(), nullable=False),
    pa.field("code", pa.string(), nullable=False),  # a whole module that defines the entry point
    pa.field(
        "completion", pa.string(), nullable=False
    ),  # the first completion that gave this code, untouched
    pa.field("sample_count", pa.int32(), nullable=False),  # how many samples gave this code
    pa.field("n_tokens", pa.int32(), nullable=False),  # of that first completion
    pa.field("model", pa.string(), nullable=False),  # name and revision
    pa.field("seed", pa.int64(), nullable=False),
    pa.field("parent_id", pa.string()),  # the solution this one rewrites; null for a sample
    pa.field("round", pa.int32(), nullable=False),  # 0 for a sample
]

SOLUTIONS = Table(
    name="solutions", key=("solution_id",), stage="generate", schema=pa.schema(SOLUTION_COLUMNS)
)
