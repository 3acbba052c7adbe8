"""rewrites: the model's faster versions of slow trusted solutions."""

import pyarrow as pa

from pipeline.schemas.solutions import SOLUTION_COLUMNS
from pipeline.tables import Table

REWRITES = Table(
    name="rewrites",
    key=("solution_id",),
    stage="optimize",
    schema=pa.schema(
        [
            *SOLUTION_COLUMNS,
            pa.field(
                "shown_prompt", pa.string(), nullable=False
            ),  # what the model was shown, profile included
        ]
    ),
)
