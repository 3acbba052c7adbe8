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
            # accepted: faster | leaner
            # refused by tests: fails_tests | other_value (another value than its parent's on a believed call)
            # refused when measured: not_loaded | reaches_outside | fails | differs | unstable | no_answer |
            # parent_not_measured | other_effect (it changes an argument that its parent leaves alone, or in
            # another way) | not_cheaper (neither certainly faster nor leaner, or faster where neither of the
            # two takes longer on larger inputs)
            pa.field("reason", pa.string(), nullable=False),
            # it fails what its parent passes and what is surely right: a public example, or a test whose
            # p_valid reaches verify.min_p_sure
            pa.field("certainly_wrong", pa.bool_(), nullable=False),
            pa.field("workload_id", pa.string()),  # what both were measured on; null, with all below, if not
            # parent's time / rewrite's time; null where neither takes longer on larger inputs
            pa.field("speedup", pa.float64()),
            pa.field("speedup_low", pa.float64()),  # 95 % interval
            pa.field("speedup_high", pa.float64()),
            pa.field("memory_ratio", pa.float64()),  # parent's peak / rewrite's peak
        ]
    ),
)
