"""observations: what each solution did on each call; says nothing about what it should have done."""

import pyarrow as pa

from pipeline.tables import Table

OBSERVATIONS = Table(
    name="observations",
    key=("solution_id", "call_id"),
    stage="execute",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("call_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("status", pa.string(), nullable=False),  # pipeline.sandbox's closed vocabulary
            pa.field("value_digest", pa.string()),  # status ok: equal digests are equal values of equal types
            pa.field("value_repr", pa.string()),  # status ok: readable, cut at 200 characters
            # CPU seconds of the call alone; below a millisecond in a shared process, the time that passed;
            # null where it was not run or its process died
            pa.field("cpu_s", pa.float64()),
            # peak resident memory of the whole process, Python's own included, where the call had a process
            # to itself; null elsewhere, which is nearly always. What a solution itself needs is in profiles.
            pa.field("peak_bytes", pa.int64()),
        ]
    ),
)
