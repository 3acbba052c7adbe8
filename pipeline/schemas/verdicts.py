"""verdicts: who passes what."""

import pyarrow as pa

from pipeline.tables import Table

VERDICTS = Table(
    name="verdicts",
    key=("solution_id", "test_id"),
    stage="execute",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("test_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("verdict", pa.string(), nullable=False),  # pass | fail | the status that prevented both
        ]
    ),
)
