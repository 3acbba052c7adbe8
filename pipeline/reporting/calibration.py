"""Probabilities against what came true: reliability, expected calibration error, Brier score, AUC."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 10
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """The predictions in one tenth of [0, 1] that holds any.

    mean_probability: of the predictions, in [0, 1].
    share_true: of them that came true, in [0, 1].
    """

    mean_probability: float
    share_true: float
    count: int


def reliability(probabilities: Sequence[float], came_true: Sequence[bool]) -> list[Bin]:
    """Predictions in ten bins of equal width, in ascending order; empty bins are left out.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 2.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(came_true, np.bool_)
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return [
        Bin(float(p[place == at].mean()), float(y[place == at].mean()), int((place == at).sum()))
        for at in np.unique(place)
    ]


def expected_calibration_error(bins: Iterable[Bin]) -> float | None:
    """The mean gap between probability and share that came true, weighted by count; None without bins.

    Source: Guo et al. 2017, equation 3.
    """
    listed = list(bins)
    total = sum(one.count for one in listed)
    if not total:
        return None
    return sum(one.count * abs(one.mean_probability - one.share_true) for one in listed) / total


def brier_score(probabilities: Sequence[float], came_true: Sequence[bool]) -> float | None:
    """The mean squared difference between probability and outcome, in [0, 1]; None without predictions.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability".
    """
    if not probabilities:
        return None
    p, y = np.asarray(probabilities, np.float64), np.asarray(came_true, np.float64)
    return float(np.mean((p - y) ** 2))


def auc(scores: Sequence[float], came_true: Sequence[bool]) -> float | None:
    """P(a true one scores above a false one), ties half; None where all or none are true."""
    s, y = np.asarray(scores, np.float64), np.asarray(came_true, np.bool_)
    if not y.any() or y.all():
        return None
    gap = s[y][:, None] - s[~y][None, :]
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())


def precision_by_yield(confidences: Sequence[float], came_true: Sequence[bool]) -> list[tuple[float, float]]:
    """(share kept, share of the kept that are true) when only the surest are kept, surest first.

    Predictions of equal confidence are kept or dropped together.
    """
    p, y = np.asarray(confidences, np.float64), np.asarray(came_true, np.float64)
    order = np.argsort(-p, kind="stable")
    precision = np.cumsum(y[order]) / np.arange(1, len(p) + 1)
    is_last_of_tie = np.append(np.diff(p[order]) != 0, True)[: len(p)]
    kept = np.arange(1, len(p) + 1) / max(len(p), 1)
    return [
        (float(k), float(q)) for k, q in zip(kept[is_last_of_tie], precision[is_last_of_tie], strict=True)
    ]
