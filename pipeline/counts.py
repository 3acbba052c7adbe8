"""What a stage kept and what it dropped, by reason: one flat JSON a stage, gathered by the report."""

import json
from collections import Counter
from pathlib import Path

from pipeline.errors import TableError

COUNTS = Path("outputs/counts")


def write_counts(stage: str, counts: Counter[str]) -> None:
    """Write outputs/counts/<stage>.json, sorted by name; a zero says that nothing was dropped."""
    COUNTS.mkdir(parents=True, exist_ok=True)
    path = COUNTS / f"{stage}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dict(sorted(counts.items())), indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def read_counts(stage: str) -> Counter[str]:
    """The counts a stage wrote.

    Raises:
        TableError: the stage has not run.
    """
    path = COUNTS / f"{stage}.json"
    try:
        return Counter(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise TableError(
            f"The counts of {stage!r} are not there", where=str(path), next_step=f"dvc repro {stage}"
        ) from None
