"""What `dvc plots show` draws: one CSV a plot in outputs/report/plots; dvc.yaml names the axes."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.reporting.calibration import precision_by_yield, reliability

Predictions = Mapping[str, tuple[Sequence[float], Sequence[bool]]]


def write_plots(
    folder: Path, predictions: Predictions, pairs: pd.DataFrame, verdicts: Mapping[str, int]
) -> None:
    """Write reliability, precision_yield, verdicts and speedups as CSV files into `folder`.

    Args:
        folder: made if missing.
        predictions: what -> probabilities and what came true.
        pairs: the pairs table.
        verdicts: verdict -> how many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "reliability.csv",
        ("what", "probability", "share_true", "count"),
        (
            (what, one.mean_probability, one.share_true, one.count)
            for what, (probabilities, came_true) in predictions.items()
            for one in reliability(probabilities, came_true)
        ),
    )
    _write(
        folder / "precision_yield.csv", ("share_kept", "precision"), precision_by_yield(*predictions["pairs"])
    )
    _write(folder / "verdicts.csv", ("verdict", "count"), verdicts.items())
    fast = pairs[pairs.speedup.notna()].sort_values(["speedup", "pair_id"])
    bounds = zip(fast.speedup, fast.speedup_low, fast.speedup_high, strict=True)
    _write(
        folder / "speedups.csv",
        ("pair", "speedup", "speedup_low", "speedup_high"),
        ((number, *bound) for number, bound in enumerate(bounds, start=1)),
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
