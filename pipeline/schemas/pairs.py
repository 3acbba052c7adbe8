"""pairs: preference pairs with scores, margins and confidence."""

import pyarrow as pa

from pipeline.tables import Table

CORRECTNESS = "correctness"
EFFICIENCY = "efficiency"
TRAIN = "train"
VALIDATION = "validation"

PAIRS = Table(
    name="pairs",
    key=("pair_id",),
    stage="pairs",
    schema=pa.schema(
        [
            pa.field("pair_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("kind", pa.string(), nullable=False),  # correctness | efficiency
            pa.field("prompt", pa.string(), nullable=False),
            pa.field("chosen", pa.string(), nullable=False),
            pa.field("rejected", pa.string(), nullable=False),
            pa.field("chosen_id", pa.string(), nullable=False),
            pa.field("rejected_id", pa.string(), nullable=False),
            pa.field("chosen_score", pa.float64(), nullable=False),  # p_correct
            pa.field("rejected_score", pa.float64(), nullable=False),
            # correctness: chosen_score - rejected_score; efficiency: share of time (or, of a leaner one, of
            # memory) saved
            pa.field("margin", pa.float64(), nullable=False),
            pa.field("confidence", pa.float64(), nullable=False),  # P(the pair is right)
            # rejected's time / chosen's time; null for correctness, and for a leaner one where neither takes
            # longer on larger inputs
            pa.field("speedup", pa.float64()),
            pa.field("speedup_low", pa.float64()),  # 95 % interval, on this workload, machine and run
            pa.field("speedup_high", pa.float64()),
            # rejected's peak / chosen's peak of Python memory: below 1, chosen needs more; null for
            # correctness and where a peak was not measured
            pa.field("memory_ratio", pa.float64()),
            pa.field("workload_id", pa.string()),  # what both were measured on; null for correctness
            # d log(cpu_s) / d log(size) as in profiles: about 1 is linear, 2 quadratic; null for a rewrite,
            # for what was not measured, and with few sizes
            pa.field("chosen_scaling_exponent", pa.float64()),
            pa.field("rejected_scaling_exponent", pa.float64()),
            pa.field(
                "is_rewrite", pa.bool_(), nullable=False
            ),  # chosen is a verified rewrite of rejected's line
            pa.field("model", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),  # train | validation; all of a task in one
        ]
    ),
)
