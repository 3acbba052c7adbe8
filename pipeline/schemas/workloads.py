"""workloads: the inputs on which a task's solutions were measured or compared."""

import pyarrow as pa

from pipeline.tables import Table

MAIN = "main"  # solutions are timed on it
SMALL = "small"  # lines are profiled on it
CHECK = "check"  # rewrites must agree with their parents on it

WORKLOADS = Table(
    name="workloads",
    key=("workload_id",),
    stage="profile",
    schema=pa.schema(
        [
            pa.field("workload_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("role", pa.string(), nullable=False),  # main | small | check
            pa.field("call", pa.string(), nullable=False),  # the test's call it grew from
            # as_written | random | sorted | reversed | repeated | tiled | small_integers | magnitude | odd |
            # next_prime
            pa.field("shape", pa.string(), nullable=False),
            # what it was grown to: elements, or the largest integer's magnitude
            pa.field("size", pa.int64(), nullable=False),
            # (call, shape, size, seed) makes the arguments again: pipeline.inputs.enlarge
            pa.field("seed", pa.int64(), nullable=False),
            pa.field("agreed_by", pa.int32(), nullable=False),  # how many trusted solutions returned the same
            pa.field("growth_ended", pa.string(), nullable=False),  # enough | costly | disagree | error | ...
            pa.field("value_digest", pa.string()),  # of what they returned; role main
        ]
    ),
)
