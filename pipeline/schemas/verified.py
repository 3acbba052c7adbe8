"""verified: every rewrite, accepted or not, and why."""

import pyarrow as pa

from pipeline.tables import Table

VERIFIED = Table(
    name="verified",
    key=("solution_id",),
    stage="verify",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("parent_id", pa.string(), nullable=False),
            pa.field("round", pa.int32(), nullable=False),
            pa.field("accepted", pa.bool_(), nullable=False),
            # faster | leaner, or why not: fails_tests | fails | differs | unstable | ... | not_faster
            pa.field("reason", pa.string(), nullable=False),
            # it certainly fails what its parent passes: credible tests, or calls on which trusted ones agree
            pa.field("certainly_wrong", pa.bool_(), nullable=False),
            pa.field("workload_id", pa.string()),
            pa.field("speedup", pa.float64()),  # parent's time / rewrite's time
            pa.field("speedup_low", pa.float64()),  # 95 % interval
            pa.field("speedup_high", pa.float64()),
            pa.field("memory_ratio", pa.float64()),  # parent's peak / rewrite's peak
        ]
    ),
)
