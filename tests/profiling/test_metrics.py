import math
import random
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.metrics import (
    Overhead,
    differential_performance_score,
    eff_at_k,
    efficiency_score,
    mean_overhead,
    mean_speedup,
    normalized_overhead,
    percent_optimized,
)


def exact_eff_at_k(scores: list[float], k: int) -> Fraction:
    """The mean, over all subsets of k, of the best score in it: eff@k by its definition."""
    subsets = list(combinations([Fraction(score) for score in scores], k))
    return sum(map(max, subsets), start=Fraction(0)) / len(subsets)


def eff_at_k_by_binomials(scores: list[float], k: int) -> Fraction:
    """ENAMEL's sum with exact binomials."""
    ordered, n = sorted(map(Fraction, scores)), len(scores)
    terms = (math.comb(r - 1, k - 1) * ordered[r - 1] for r in range(k, n + 1))
    return sum(terms, start=Fraction(0)) / math.comb(n, k)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=9), st.data())
def test_eff_at_k_is_the_mean_best_of_all_subsets(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    assert eff_at_k(scores, k) == pytest.approx(float(exact_eff_at_k(scores, k)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 10, 9_900, 10_000])
def test_eff_at_k_of_ten_thousand_samples_keeps_twelve_digits(k):
    chance = random.Random(7)
    scores = [chance.random() * (chance.random() < 0.3) for _ in range(10_000)]
    assert eff_at_k(scores, k) == pytest.approx(float(eff_at_k_by_binomials(scores, k)), rel=1e-12, abs=1e-12)


def test_eff_at_one_is_the_mean_and_eff_at_n_the_best():
    assert eff_at_k([0.2, 0.4, 0.9], 1) == pytest.approx(0.5, abs=1e-12)
    assert eff_at_k([0.2, 0.4, 0.9], 3) == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize(("scores", "k"), [([], 1), ([1.0], 0), ([1.0], 2), ([-0.1], 1), ([math.nan], 1)])
def test_eff_at_k_refuses_what_it_cannot_mean(scores, k):
    with pytest.raises(ValueError, match="k must be"):
        eff_at_k(scores, k)


def test_enamel_scores_by_hand():
    # limit 2 s; level 1: (2 - .5) / (2 - .5) = 1; level 2: (2 - 1.25) / (2 - 1) = .75; weights 3 and 4
    score = efficiency_score([[0.1, 0.5], [1.25]], reference_s=[0.5, 1.0], limit_s=2.0, weights=[3, 4])
    assert score == pytest.approx((3 * 1 + 4 * 0.75) / 7, abs=1e-12)


def test_a_censored_level_and_all_harder_ones_score_nothing():
    # level 2 is stopped; level 3, which would have been quick, was not run
    score = efficiency_score(
        [[0.5], [math.inf], [0.5]], reference_s=[0.5, 0.5, 0.5], limit_s=1.0, weights=[3, 3, 4]
    )
    assert score == pytest.approx(3 / 10, abs=1e-12)


def test_a_time_at_the_limit_is_censored_and_faster_than_the_reference_scores_above_one():
    assert efficiency_score([[1.0]], reference_s=[0.5], limit_s=1.0, weights=[1]) == 0
    assert efficiency_score([[0.25]], reference_s=[0.5], limit_s=1.0, weights=[1]) == pytest.approx(1.5)


def test_a_level_of_weight_zero_counts_for_correctness_only():
    assert efficiency_score([[0.9], [0.5]], reference_s=[0.1, 0.5], limit_s=1.0, weights=[0, 2]) == 1.0


def test_normalized_overheads_are_means_of_ratios_not_ratios_of_means():
    ours = [Overhead(1, 10, 4), Overhead(9, 10, 4)]
    theirs = [Overhead(2, 10, 1), Overhead(3, 5, 4)]
    assert normalized_overhead(ours, theirs) == Overhead((0.5 + 3) / 2, 1.5, 2.5)
    assert mean_overhead(ours) == Overhead(5, 10, 4)


def test_a_reference_that_costs_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        normalized_overhead([Overhead(1, 1, 1)], [Overhead(0, 1, 1)])


def test_dps_is_the_share_of_references_that_are_not_cheaper():
    assert differential_performance_score(2.0, [1.0, 2.0, 3.0, 4.0]) == 75
    assert differential_performance_score(0.5, [1.0, 2.0]) == 100
    assert differential_performance_score(9.0, [1.0, 2.0]) == 0


@pytest.mark.parametrize(("cost", "references"), [(math.nan, [1.0]), (1.0, [2.0, math.nan]), (0.0, [1.0])])
def test_dps_refuses_what_is_no_cost(cost, references):
    with pytest.raises(ValueError, match="positive"):
        differential_performance_score(cost, references)


@pytest.mark.parametrize("seconds", [[0.5, math.nan], [math.nan, 0.5]])
def test_a_time_that_is_no_number_is_censored(seconds):
    assert efficiency_score([seconds], [0.5], 1.0, [1.0]) == 0


def test_pie_counts_a_wrong_rewrite_as_no_speedup():
    assert percent_optimized([2.0, 1.05, 3.0, 1.1], [True, True, False, True]) == 50
    assert mean_speedup([2.0, 0.5, 3.0], [True, True, False]) == pytest.approx((2 + 1 + 1) / 3)
