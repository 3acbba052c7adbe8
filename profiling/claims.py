"""Which of two programs is faster, by how much, and how sure that is: seconds in, claims out.

Two programs are timed in turn, in several interpreter processes of many rounds each. What is compared is
never a time but the ratio of two times of one round, which bursts of the machine hit alike:

1.  The estimate is the median of the logarithms of these ratios, over all rounds of all processes. Most
    rounds agree to a thousandth and some are off by a tenth: of all estimates tried, it came nearest to true
    ratios, twice as near as Hodges and Lehmann's.
2.  Within a process all rounds share where memory lies and how strings hash, and nothing in them tells how
    far the next process will be off: by a thousandth, or by a fiftieth. So a process is one observation, its
    median m, and the interval is Student's t over n of them: mean m +- t(n - 1) s / sqrt(n). Blended with a
    spread expected beforehand, it held the true ratio 70 times of 100 where processes differ by a fiftieth.
    From five processes on, a fifth is trimmed at each end, and s winsorized: one whose memory lay badly must
    not speak for all. Over two, intervals are wide: t is 12.7.
3.  Measuring goes on until something is certified, and looks each time. So the level is 95 % at the first
    look, over two processes, and higher at later ones. A ratio just at the threshold is still missed by 11 of
    100 intervals; all others by about 5.
4.  A floor is added for what moves all processes alike by a trifle.

Where a program has no time, or the figures are not positive and finite, there is no claim: nothing that
failed can turn into a speedup.

Sources: Kalibera and Jones, Rigorous benchmarking in reasonable time, 2013 (processes as observations);
Yuen, The two-sample trimmed t for unequal population variances, 1974 (the trimmed t); Pocock, Group
sequential methods in the design and analysis of clinical trials, 1977 (a higher level where one looks again).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

# Two-sided: over two processes, and over more of them, which are taken because those said too little.
LEVEL_FIRST, LEVEL_AGAIN = 0.95, 0.98
# So far off may log ratios be on which all processes agree; fitted to benchmarks.efficiency.
PROCESS_SD = 0.0007
# What is expected of CPU seconds beforehand counts as so many processes.
PRIOR_DEGREES = 16.0
LEAST_ROUNDS = 8
Z_95 = 1.96
LARGEST_LOG = 700.0

# process -> seconds of one call, round by round; None in a round it was left out of
Times = Mapping[int, Sequence[float | None]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """How many times as long the slower program takes as the faster.

    ratio: the estimate; low, high: its 95 % interval, which holds the estimate; all positive.
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
    return _claim([ratios for ratios in by_process if ratios is not None])


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


def _claim(by_process: list[Floats]) -> Claim:
    n = len(by_process)
    center = float(np.median(np.concatenate(by_process)))
    middle, error, degrees = _over_processes(np.sort([np.median(ratios) for ratios in by_process]))
    level = LEVEL_FIRST if n == 2 else LEVEL_AGAIN
    reach = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    reach = math.hypot(reach, Z_95 * PROCESS_SD / math.sqrt(n))
    return Claim(
        ratio=_ratio(center),
        low=_ratio(min(center, middle - reach)),
        high=_ratio(max(center, middle + reach)),
        p_above_one=float(stats.t.cdf(middle / math.hypot(error, PROCESS_SD / math.sqrt(n)), degrees)),
        processes=n,
    )


def _ratio(log: float) -> float:
    """Positive and finite, however far apart two processes say that they are."""
    return math.exp(min(max(log, -LARGEST_LOG), LARGEST_LOG))


def _over_processes(ascending: Floats) -> tuple[float, float, int]:
    """(mean, its standard error, degrees of freedom) of the processes' medians, a fifth of them trimmed."""
    n = len(ascending)
    trimmed = n // 5
    kept = ascending[trimmed : n - trimmed]
    spread = float(np.std(np.clip(ascending, kept[0], kept[-1]), ddof=1)) / (len(kept) / n)
    return float(kept.mean()), spread / math.sqrt(n), len(kept) - 1


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
