import math
import random

import numpy as np
import pytest

from profiling.claims import Claim, seconds_claim, time_claim
from profiling.scaling import exponent, exponent_gap


def runs(
    chance: np.random.Generator,
    ratio: float,
    processes: int,
    noise: float = 0.03,
    *,
    rounds: int = 32,
    apart: float = 0.002,
):
    """Two programs whose true time ratio is `ratio`, under noise that both share and noise of each.

    apart: standard deviation of the log ratio between processes.
    """
    slower, faster = {}, {}
    for process in range(processes):
        shared = np.exp(0.3 * chance.standard_t(3, rounds))
        layout = math.exp(apart * chance.standard_normal())
        slower[process] = list(shared * ratio * layout * np.exp(noise * chance.standard_normal(rounds)))
        faster[process] = list(shared * np.exp(noise * chance.standard_normal(rounds)))
    return slower, faster


@pytest.mark.parametrize("processes", [2, 4, 8])
@pytest.mark.parametrize("noise", [0.003, 0.03])
def test_95_percent_intervals_hold_the_true_ratio_about_95_times_of_100(noise, processes):
    chance = np.random.default_rng(1)
    claims = [time_claim(*runs(chance, 1.1, processes, noise)) for _ in range(600)]
    covered = np.mean([claim.low <= 1.1 <= claim.high for claim in claims])
    assert 0.93 <= covered <= 0.995


def looked_at_until_decided(chance: np.random.Generator, ratio: float, apart: float) -> Claim:
    """The claim where a campaign would stop."""
    slower, faster = runs(chance, ratio, 8, 0.02, apart=apart)
    for processes in range(2, 9):
        some = range(processes)
        claim = time_claim({p: slower[p] for p in some}, {p: faster[p] for p in some})
        if not claim.undecided(1.05):
            break
    return claim


@pytest.mark.parametrize("apart", [0.0, 0.005, 0.02, 0.03])
@pytest.mark.parametrize("ratio", [1.0, 1.1, 2.0])
def test_intervals_hold_the_true_ratio_however_far_processes_are_apart_and_whenever_measuring_ends(
    ratio, apart
):
    chance = np.random.default_rng(10)
    claims = [looked_at_until_decided(chance, ratio, apart) for _ in range(500)]
    covered = np.mean([claim.low <= ratio <= claim.high for claim in claims])
    assert 0.92 <= covered <= 0.985


def test_a_true_tenth_is_certified_in_the_end_and_equals_are_not():
    chance = np.random.default_rng(11)
    tenth = [looked_at_until_decided(chance, 1.1, 0.005) for _ in range(300)]
    equal = [looked_at_until_decided(chance, 1.0, 0.03) for _ in range(300)]
    assert sum(claim.certified(1.05) for claim in tenth) >= 298
    assert sum(c.certified(1.05) or c.inverse().certified(1.05) for c in equal) <= 2


def test_no_distance_between_two_processes_is_too_much_for_a_number():
    claim = time_claim({0: [1e-300] * 8, 1: [1e300] * 8}, {0: [1.0] * 8, 1: [1.0] * 8})
    assert 0 < claim.low < 1 < claim.high < math.inf


def test_equals_are_not_certified_and_a_true_tenth_is():
    chance = np.random.default_rng(2)
    equal = [time_claim(*runs(chance, 1.0, 2)) for _ in range(400)]
    tenth = [time_claim(*runs(chance, 1.1, 8)) for _ in range(200)]
    assert sum(c.certified(1.05) or c.inverse().certified(1.05) for c in equal) <= 4
    assert sum(c.certified(1.05) for c in tenth) >= 198


def test_a_claim_turned_round_says_the_same():
    slower, faster = runs(np.random.default_rng(3), 1.3, 3)
    forth, back = time_claim(slower, faster), time_claim(faster, slower).inverse()
    for name in ("ratio", "low", "high", "p_above_one"):
        assert getattr(forth, name) == pytest.approx(getattr(back, name))


def test_processes_that_contradict_each_other_certify_nothing():
    # As with an early exit that depends on hash order: ten times faster in one process only.
    slower, faster = runs(np.random.default_rng(4), 1.0, 4)
    slower[0] = [taken * 10 for taken in slower[0]]
    claim = time_claim(slower, faster)
    assert claim.low < 1 < claim.high


def test_two_processes_that_differ_by_chance_are_not_believed_for_lying_on_one_side():
    # A program that iterates a set of strings until it finds one takes .1 to 2 times as long as its equal.
    chance, certified = np.random.default_rng(8), 0
    for _ in range(200):
        slower, faster = {}, {}
        for process in range(8):
            by_hash = float(chance.uniform(0.1, 1.9))
            own, other = runs(chance, by_hash, 1, 0.01)
            slower[process], faster[process] = own[0], other[0]
            if process and not time_claim(slower, faster).undecided(1.05):
                break
        claim = time_claim(slower, faster)
        certified += claim.certified(1.05) or claim.inverse().certified(1.05)
    assert certified <= 30  # of two processes alone, most were


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_figure_that_is_no_time_gives_no_claim(bad):
    slower, faster = runs(np.random.default_rng(5), 2.0, 2)
    faster[1][3] = bad
    assert time_claim(slower, faster) is None
    assert time_claim(faster, slower) is None


def test_too_little_gives_no_claim():
    slower, faster = runs(np.random.default_rng(6), 2.0, 2)
    assert time_claim({0: slower[0]}, {0: faster[0]}) is None
    assert time_claim({0: slower[0], 1: slower[1]}, {2: faster[0], 3: faster[1]}) is None
    assert time_claim({p: s[:7] for p, s in slower.items()}, {p: s[:7] for p, s in faster.items()}) is None
    assert time_claim({}, {}) is None
    assert seconds_claim({}) is None


def test_rounds_that_a_slow_program_left_out_do_not_count():
    slower, faster = runs(np.random.default_rng(7), 20.0, 2)
    some = {p: [s if i % 4 == 0 else None for i, s in enumerate(rounds)] for p, rounds in slower.items()}
    assert time_claim(some, faster).ratio == pytest.approx(20, rel=0.1)


def test_more_processes_are_spent_on_near_certificates_only():
    def claim(low: float, ratio: float, high: float) -> Claim:
        return Claim(ratio, low, high, 0.9, 2)

    assert claim(1.02, 1.06, 1.10).undecided(1.05)
    assert claim(1.02, 1.06, 1.10).inverse().undecided(1.05)
    assert not claim(0.93, 1.01, 1.09).undecided(1.05)  # a tie, if not a sharp one
    assert not claim(1.01, 1.03, 1.04).undecided(1.05)  # certainly too little
    assert not claim(1.9, 2.0, 2.1).undecided(1.05)  # certified


def test_seconds_lie_in_their_interval():
    chance = random.Random(9)
    times = {p: [1e-3 * chance.lognormvariate(0, 0.05) for _ in range(32)] for p in range(3)}
    seconds, low, high = seconds_claim(times)
    assert low < seconds < high
    assert seconds == pytest.approx(1e-3, rel=0.05)


def test_exponents_tell_linear_from_quadratic():
    sizes = [100, 200, 400, 800]
    linear, quadratic = [1e-7 * n for n in sizes], [1e-8 * n * n for n in sizes]
    assert exponent(sizes, linear) == pytest.approx(1)
    assert exponent(sizes, quadratic) == pytest.approx(2)
    assert exponent_gap(sizes, quadratic, linear) == pytest.approx(1)
    assert exponent(sizes[:2], linear[:2]) is None
    assert exponent([5, 5, 5], [1e-3, 1e-3, 1e-3]) is None
