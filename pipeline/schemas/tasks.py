"""tasks: programming tasks, deduplicated and decontaminated.

reference_tests and reference_solution are for evaluation only: no stage but report may read them.
"""

import pyarrow as pa

from pipeline.tables import Table

TASKS = Table(
    name="tasks",
    key=("task_id",),
    stage="tasks",
    schema=pa.schema(
        [
            pa.field("task_id", pa.string(), nullable=False),  # slug of source_id + hash of the content
            pa.field("source_id", pa.string(), nullable=False),  # the id the source gave
            pa.field("prompt", pa.string(), nullable=False),  # the task in plain words
            pa.field("entry_point", pa.string(), nullable=False),  # the function to write
            pa.field(
                "starter_code", pa.string(), nullable=False
            ),  # imports, signature, docstring with one example
            pa.field(
                "example_tests", pa.list_(pa.string()), nullable=False
            ),  # public `assert f(x) == y`, in the prompt
            pa.field("source", pa.string(), nullable=False),  # file or dataset id
            pa.field("tags", pa.list_(pa.string()), nullable=False),
            pa.field("reference_tests", pa.list_(pa.string()), nullable=False),  # may be empty
            pa.field("reference_solution", pa.string()),
        ]
    ),
)
