"""How cost grows with the size of the input, from the rungs that were climbed: d log(time) / d log(size)."""

from collections.abc import Sequence

import numpy as np

LEAST_RUNGS = 3
# Below this a call's own overhead and the clock's hide what the input costs.
LEAST_SECONDS = 5e-6
TOP_RUNGS = 6


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """The slope of log time over log size on the largest rungs; null with fewer than three usable ones.

    About 0 for constant cost, 1 for linear, 2 for quadratic; a logarithm adds a little. What is exponential
    in size shows as a large number, larger on larger inputs.
    """
    points = [
        (size, taken)
        for size, taken in zip(sizes, seconds, strict=True)
        if taken >= LEAST_SECONDS and size > 0
    ]
    return _slope(points)


def exponent_gap(sizes: Sequence[int], slower: Sequence[float], faster: Sequence[float]) -> float | None:
    """The slope of the log time ratio over log size: the difference of two exponents, without their noise.

    Positive where the slower falls behind more and more; about 0 where a constant factor lies between them.
    """
    points = [
        (size, a / b)
        for size, a, b in zip(sizes, slower, faster, strict=True)
        if min(a, b) >= LEAST_SECONDS / 5 and max(a, b) >= LEAST_SECONDS and size > 0
    ]
    return _slope(points)


def _slope(points: Sequence[tuple[int, float]]) -> float | None:
    top = points[-TOP_RUNGS:]
    if len(top) < LEAST_RUNGS or top[0][0] == top[-1][0]:
        return None
    logs = np.log(np.array(top, dtype=np.float64))
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
