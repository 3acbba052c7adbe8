"""solution_scores: how far each solution can be trusted, one column a ranker."""

from typing import Literal, get_args

import pyarrow as pa

from pipeline.tables import Table

Ranker = Literal[
    "tests_passed",
    "codedpo",
    "codet",
    "b4",
    "mbr_exec",
    "pagerank",
    "consensus",
    "class_truth",
    "pairsmith",
]
RANKERS: tuple[str, ...] = get_args(Ranker)

SOLUTION_SCORES = Table(
    name="solution_scores",
    key=("solution_id",),
    stage="rank",
    schema=pa.schema(
        [
            pa.field("solution_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            *(pa.field(ranker, pa.float64(), nullable=False) for ranker in RANKERS),
            pa.field("score", pa.float64(), nullable=False),  # the chosen ranker's
            pa.field("p_correct", pa.float64(), nullable=False),  # calibrated, in [0, 1]
            pa.field(
                "behavior_id", pa.string(), nullable=False
            ),  # equal for solutions that act alike on every call
            pa.field("trusted", pa.bool_(), nullable=False),  # p_correct reaches rank.min_p_correct
        ]
    ),
)
