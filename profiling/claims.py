"""Which of two programs is faster, by how much, and how sure that is: seconds in, claims out.

Two programs are timed in turn, in several interpreter processes of many rounds each. What is compared is
never a time but the ratio of two times of one round, which bursts of the machine hit alike:

1.  The estimate is the median of the logarithms of these ratios, over all rounds of all processes. Most
    rounds agree to a thousandth and some are off by a tenth: of all estimates tried, it came nearest to true
    ratios, twice as near as Hodges and Lehmann's.
2.  A candidate for the true ratio is believed while about half of the rounds lie above it. How far from half
    chance may take their number is known without knowing how the times scatter (a sign test); but within a
    process all rounds share where memory lies and how strings hash. So what counts is how many lie above in
    each process, and the spread of these numbers between processes is blended with that of coin tosses, which
    is worth `PRIOR_DEGREES` processes. The candidates within Student's t bounds are the interval.
3.  A floor is added for what moves all rounds of a process by a trifle.
4.  Where processes differ by far more than that, as with an early exit that depends on how strings hash, each
    counts as one observation: Student's t over their medians, without the blend, which would take two that
    happen to lie on one side for certainty.

Where a program has no time, or the figures are not positive and finite, there is no claim: nothing that
failed can turn into a speedup.

Sources: Larocque, An affine-invariant multivariate sign test for cluster correlated data, 2003 (the sign
test by clusters); Kalibera and Jones, Rigorous benchmarking in reasonable time, 2013 (variation between
processes); Gelman, Prior distributions for variance parameters, 2006 (the blend is the scaled inverse
chi-squared posterior).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

PRIOR_DEGREES = 16.0
# What still moves the log ratio of two processes of the same two programs when the rounds say nothing.
PROCESS_SD = 0.002
# Medians of processes that scatter so many times as far as chance explains are moved by something else.
APART = 3.0
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
    candidates = np.sort(np.concatenate(by_process))
    center = float(np.median(candidates))
    degrees = PRIOR_DEGREES + n - 1
    allowed = float(stats.t.ppf(0.975, degrees))
    distances = _distances(by_process, candidates, degrees)
    floor = allowed * PROCESS_SD / math.sqrt(n)
    below = math.hypot(center - _first_within(candidates, distances, allowed), floor)
    above = math.hypot(-_first_within(-candidates[::-1], -distances[::-1], allowed) - center, floor)
    if moved := _moved(by_process):
        middle, reach = moved
        below, above = max(below, center - middle + reach), max(above, middle + reach - center)
    error = (below if center > 0 else above) / allowed
    return Claim(
        ratio=math.exp(center),
        low=math.exp(center - below),
        high=math.exp(center + above),
        p_above_one=float(stats.t.cdf(center / error, degrees)),
        processes=n,
    )


def _moved(by_process: list[Floats]) -> tuple[float, float] | None:
    """(center, half of its 99 % interval) of the processes' medians where these lie apart for a reason.

    None where chance within the processes explains how far they do. 99 %, as measuring goes on until
    something is certified, and looks each time. From five processes on, a fifth is trimmed at each end: one
    whose memory lay badly must not speak for all (Yuen, The two-sample trimmed t, 1974).
    """
    n = len(by_process)
    medians = np.sort([np.median(ratios) for ratios in by_process])
    trimmed = n // 5
    kept = medians[trimmed : n - trimmed]
    spread = float(np.std(np.clip(medians, kept[0], kept[-1]), ddof=1)) / (len(kept) / n)
    if spread**2 <= APART**2 * (_chance_variance(by_process) + PROCESS_SD**2):
        return None
    return float(kept.mean()), float(stats.t.ppf(0.995, len(kept) - 1)) * spread / math.sqrt(n)


def _chance_variance(by_process: list[Floats]) -> float:
    """Of a process's median, by how its rounds scatter; the mean over processes."""
    # Of the median of normal numbers: pi / 2 times the variance of their mean; that from mean deviations.
    deviations = [1.4826 * float(np.median(np.abs(ratios - np.median(ratios)))) for ratios in by_process]
    pairs = zip(deviations, by_process, strict=True)
    return float(np.mean([math.pi / 2 * deviation**2 / len(ratios) for deviation, ratios in pairs]))


def _distances(by_process: list[Floats], candidates: Floats, degrees: float) -> Floats:
    """How far too many ratios lie above each candidate to call it the median, in standard errors."""
    n = len(by_process)
    excess = np.stack([_number_above(np.sort(ratios), candidates) - len(ratios) / 2 for ratios in by_process])
    by_chance = np.mean([len(ratios) for ratios in by_process]) / 4
    spread = ((excess - excess.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(excess.sum(axis=0) / np.sqrt(n * (PRIOR_DEGREES * by_chance + spread) / degrees))


def _number_above(ascending: Floats, candidates: Floats) -> Floats:
    below = np.searchsorted(ascending, candidates, "left")
    not_above = np.searchsorted(ascending, candidates, "right")
    return np.asarray(len(ascending) - (below + not_above) / 2)


def _first_within(candidates: Floats, distances: Floats, allowed: float) -> float:
    """Where, from the lowest candidate upwards, the distance first falls to `allowed`."""
    first = int(np.argmax(distances <= allowed))
    if first == 0:
        return float(candidates[0])
    share = (distances[first - 1] - allowed) / (distances[first - 1] - distances[first])
    return float(candidates[first - 1] + share * (candidates[first] - candidates[first - 1]))


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
