"""measurements: the raw CPU times behind every claim; never mixed across machines."""

import pyarrow as pa

from pipeline.tables import Table

MEASUREMENTS = Table(
    name="measurements",
    key=("solution_id", "workload_id", "process", "round"),
    stage="profile",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("workload_id", pa.string(), nullable=False),
            # interpreter process; rows of one (task, process, round) stood next to each other in time
            pa.field("process", pa.int32(), nullable=False),
            pa.field("round", pa.int32(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("cpu_s", pa.float64(), nullable=False),  # of one call: sample time / loops
            pa.field("loops", pa.int32(), nullable=False),  # calls a sample, as of the last process
            pa.field("machine_id", pa.string(), nullable=False),  # hash of machine
            pa.field("machine", pa.string(), nullable=False),  # processor, cores, system, Python
        ]
    ),
)
