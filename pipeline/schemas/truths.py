"""truths: which solutions are right by the tasks' reference tests; only the report and benchmarks read it."""

import pyarrow as pa

from pipeline.tables import Table

TRUTHS = Table(
    name="truths",
    key=("solution_id",),
    stage="report",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("correct", pa.bool_(), nullable=False),  # passes every reference test of its task
        ]
    ),
)
