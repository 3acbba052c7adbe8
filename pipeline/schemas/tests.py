"""tests: the model's tests and the tasks' public examples, one row a distinct test."""

import pyarrow as pa

from pipeline.tables import Table

VALUE = "value"  # assert <call> == <expected>: the call runs, the value is compared outside
CODE = "code"  # any other shape: runs as code next to the solution

TESTS = Table(
    name="tests",
    key=("test_id",),
    stage="generate",
    schema=pa.schema(
        [
            pa.field("test_id", pa.string(), nullable=False),  # hash of task_id and code
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("code", pa.string(), nullable=False),  # as the model wrote it, parsed and unparsed
            pa.field("kind", pa.string(), nullable=False),  # value | code
            pa.field("call", pa.string()),  # kind value: the call expression, normalized
            pa.field("expected", pa.string()),  # kind value: the expected expression
            pa.field(
                "sample_count", pa.int32(), nullable=False
            ),  # how many samples gave it; 0 for an example only
            pa.field("is_example", pa.bool_(), nullable=False),  # a public example of the task
            pa.field("mean_logprob", pa.float64()),  # mean token log-probability, where the engine gives it
        ]
    ),
)
