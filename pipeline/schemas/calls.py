"""calls: every distinct call of a task that was run on its solutions."""

import pyarrow as pa

from pipeline.tables import Table

CALLS = Table(
    name="calls",
    key=("call_id",),
    stage="execute",
    schema=pa.schema(
        [
            pa.field("call_id", pa.string(), nullable=False),  # hash of task_id and call
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("call", pa.string(), nullable=False),  # the call expression
            pa.field("origin", pa.string(), nullable=False),  # test | probe (a mutation of a test's input)
        ]
    ),
)
