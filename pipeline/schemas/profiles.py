"""profiles: what each trusted solution costs on its task's main workload."""

import pyarrow as pa

from pipeline.tables import Table

PROFILES = Table(
    name="profiles",
    key=("solution_id",),
    stage="profile",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("workload_id", pa.string(), nullable=False),
            pa.field("cpu_s", pa.float64(), nullable=False),
            pa.field("cpu_s_low", pa.float64(), nullable=False),  # 95 % interval
            pa.field("cpu_s_high", pa.float64(), nullable=False),
            pa.field("peak_bytes", pa.int64()),  # Python memory one call needs beyond its arguments, exact
            pa.field("memory_integral_bytes_s", pa.float64()),  # of that memory over the call's time
            pa.field("scaling_exponent", pa.float64()),  # d log(cpu_s) / d log(size); null with few sizes
            pa.field("changes_arguments", pa.bool_()),  # a call leaves them not as they were; null: not seen
            # `line|%time|hits|+mem|code`, for people and prompts; may be empty
            pa.field("hot_lines", pa.string(), nullable=False),
        ]
    ),
)
