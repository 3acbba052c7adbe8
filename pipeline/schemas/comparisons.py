"""comparisons: which of two trusted solutions of a task is faster, by how much, and whether that is certain.

One row for every two measured trusted solutions of a task, the faster one (by the point estimate) first. An
uncertified row is a tie or undecided: it says how far the measurement got, and it is no ground for a pair.
"""

import pyarrow as pa

from pipeline.tables import Table

COMPARISONS = Table(
    name="comparisons",
    key=("faster_id", "slower_id"),
    stage="profile",
    schema=pa.schema(
        [
            pa.field("faster_id", pa.string(), nullable=False),
            pa.field("slower_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("workload_id", pa.string(), nullable=False),  # what both were measured on
            pa.field("speedup", pa.float64(), nullable=False),  # slower's time / faster's time, at least 1
            pa.field("speedup_low", pa.float64(), nullable=False),  # 95 % interval
            pa.field("speedup_high", pa.float64(), nullable=False),
            pa.field("p_faster", pa.float64(), nullable=False),  # P(faster_id is the faster), in [.5, 1]
            pa.field("memory_ratio", pa.float64()),  # slower's peak / faster's peak; null where not measured
            # d log(slower's time / faster's time) / d log(size); null where the sizes are too few
            pa.field("exponent_gap", pa.float64()),
            # speedup_low exceeds profile.min_speedup; one of the two takes longer on larger inputs; and the
            # faster one changes no argument that the slower one leaves alone
            pa.field("certified", pa.bool_(), nullable=False),
            pa.field("processes", pa.int32(), nullable=False),  # interpreter processes measured in
        ]
    ),
)
