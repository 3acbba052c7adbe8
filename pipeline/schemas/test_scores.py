"""test_scores: how far each test can be trusted."""

import pyarrow as pa

from pipeline.tables import Table

TEST_SCORES = Table(
    name="test_scores",
    key=("test_id",),
    stage="rank",
    schema=pa.schema(
        [
            pa.field("test_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("p_valid", pa.float64(), nullable=False),  # calibrated, in [0, 1]
            pa.field(
                "credible", pa.bool_(), nullable=False
            ),  # p_valid reaches rank.min_p_valid, and it discriminates
        ]
    ),
)
