"""Which of two programs is faster, by how much, and how sure that is: seconds in, claims out.

Two programs are timed in turn, in several interpreter processes of many rounds each. What is compared is
never a time but the ratio of two times of one round, which bursts of the machine hit alike:

1.  Within a process, the logarithms of these ratios are summed up by their Hodges-Lehmann estimate, the
    median of all pairwise means; Wilcoxon's signed-rank interval says how well that is known.
2.  Between processes, memory lies elsewhere and hashes differ, and the ratio moves with them. A few processes
    cannot tell by how much, so their spread is blended with what is expected: what the rounds say, plus a
    floor. The blend is worth `PRIOR_DEGREES` processes.
3.  The mean over processes then has a Student-t interval.

Where a program has no time, or the figures are not positive and finite, there is no claim: nothing that
failed can turn into a speedup.

Sources: Hodges and Lehmann, Estimates of location based on rank tests, 1963; Kalibera and Jones, Rigorous
benchmarking in reasonable time, 2013 (variation between processes); Gelman, Prior distributions for variance
parameters, 2006 (the blend is the scaled inverse chi-squared posterior).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

PRIOR_DEGREES = 8.0
# What still moves the log ratio of two processes of the same two programs when the rounds say nothing.
PROCESS_SD = 0.005
# The middle of a process's rounds is steadier than their spread suggests: with all of the spread, 99 of 100
# intervals held the true ratio, not 95; with this share, 96 on a quiet machine and 97 beside spinning
# processes (benchmarks.efficiency). Of made-up rounds of independent noise it would be about 90.
ROUNDS_SHARE = 0.3
LEAST_ROUNDS = 8

# process -> seconds of one call, round by round; None in a round it was left out of
Times = Mapping[int, Sequence[float | None]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """How many times as long the slower program takes as the faster.

    ratio: the estimate; low, high: its 95 % interval; all positive.
    p_above_one: P(the slower is the slower), in [0, 1].
    """

    ratio: float
    low: float
    high: float
    p_above_one: float
    processes: int

    def certified(self, least: float) -> bool:
        """Whether the interval says that the ratio exceeds `least`."""
        return self.low > least

    def undecided(self, least: float) -> bool:
        """Whether more processes are likely to certify a ratio above `least`, one way or the other.

        An estimate within half of that ratio (in logarithms) is a tie, however wide its interval: to go on
        would cost the most where there is the least to gain.
        """
        if abs(math.log(self.ratio)) < math.log(least) / 2:
            return False
        return self.low <= least < self.high or self.low < 1 / least <= self.high

    def inverse(self) -> "Claim":
        """The claim about the two programs the other way round."""
        return Claim(1 / self.ratio, 1 / self.high, 1 / self.low, 1 - self.p_above_one, self.processes)


def time_claim(slower: Times, faster: Times) -> Claim | None:
    """The claim about two programs timed in the same rounds of the same processes.

    None where fewer than two processes, or fewer than eight rounds in one of them, hold positive finite times
    of both.
    """
    by_process = [_log_ratios(slower[process], faster[process]) for process in slower if process in faster]
    if len(by_process) < 2 or any(ratios is None for ratios in by_process):
        return None
    locations = np.array([_location(ratios) for ratios in by_process if ratios is not None])
    return _pooled(locations[:, 0], locations[:, 1])


def _log_ratios(slower: Sequence[float | None], faster: Sequence[float | None]) -> Floats | None:
    if len(slower) != len(faster):
        return None
    both = [(a, b) for a, b in zip(slower, faster, strict=True) if a is not None and b is not None]
    if len(both) < LEAST_ROUNDS:
        return None
    times = np.array(both, dtype=np.float64).T
    if not (np.isfinite(times).all() and (times > 0).all()):
        return None
    logs: Floats = np.log(times[0]) - np.log(times[1])
    return logs


def _location(values: Floats) -> tuple[float, float]:
    """The Hodges-Lehmann estimate and its standard error, from Wilcoxon's 95 % interval."""
    n = len(values)
    first, second = np.triu_indices(n)
    means = np.sort((values[first] + values[second]) / 2)
    half_width = 1.96 * np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    outside = max(0, int(len(means) / 2 - half_width))
    error = (means[-outside - 1] - means[outside]) / (2 * 1.96)
    return float(np.median(means)), float(error)


def _pooled(estimates: Floats, errors: Floats) -> Claim:
    n = len(estimates)
    expected = PROCESS_SD**2 + ROUNDS_SHARE * float(np.mean(errors**2))
    spread = float(np.sum((estimates - estimates.mean()) ** 2))
    degrees = PRIOR_DEGREES + n - 1
    error = np.sqrt((PRIOR_DEGREES * expected + spread) / degrees / n)
    center = float(estimates.mean())
    half_width = float(stats.t.ppf(0.975, degrees)) * error
    return Claim(
        ratio=float(np.exp(center)),
        low=float(np.exp(center - half_width)),
        high=float(np.exp(center + half_width)),
        p_above_one=float(stats.t.cdf(center / error, degrees)),
        processes=n,
    )


def seconds_claim(times: Times) -> tuple[float, float, float] | None:
    """CPU seconds of a call with their 95 % interval: the mean over processes of each process's median.

    Unlike a ratio this is a figure of one machine in one hour, and must not be compared with another's.
    """
    taken = [[s for s in rounds if s is not None] for rounds in times.values()]
    if not taken or not all(rounds and min(rounds) > 0 for rounds in taken):
        return None
    logs = np.array([np.log(np.median(rounds)) for rounds in taken])
    if not np.isfinite(logs).all():
        return None
    n = len(logs)
    spread = float(np.sum((logs - logs.mean()) ** 2))
    degrees = PRIOR_DEGREES + n - 1
    # Absolute times move with the machine's clock and neighbors: a tenth is what to expect between processes.
    error = np.sqrt((PRIOR_DEGREES * 0.1**2 + spread) / degrees / n)
    half_width = float(stats.t.ppf(0.975, degrees)) * error
    center = float(logs.mean())
    return float(np.exp(center)), float(np.exp(center - half_width)), float(np.exp(center + half_width))
