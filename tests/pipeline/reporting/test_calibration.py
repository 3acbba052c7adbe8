"""Figures about probabilities, against numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reporting.calibration import (
    auc,
    brier_score,
    expected_calibration_error,
    precision_by_yield,
    reliability,
)

PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50)


def test_predictions_are_binned_by_tenths_and_one_belongs_to_the_last():
    bins = reliability([0.05, 0.07, 0.95, 1.0], [False, True, True, True])
    assert [(one.mean_probability, one.share_true, one.count) for one in bins] == [
        (pytest.approx(0.06), 0.5, 2),
        (pytest.approx(0.975), 1.0, 2),
    ]
    # (2 * |.06 - .5| + 2 * |.975 - 1|) / 4
    assert expected_calibration_error(bins) == pytest.approx(0.2325)


def test_brier_score_is_the_mean_squared_gap():
    assert brier_score([1.0, 0.5, 0.0], [True, True, True]) == pytest.approx((0 + 0.25 + 1) / 3)


def test_nothing_is_told_of_nothing():
    assert expected_calibration_error([]) is None
    assert brier_score([], []) is None
    assert auc([0.3, 0.4], [True, True]) is None
    assert precision_by_yield([], []) == []


def test_auc_counts_ties_half():
    assert auc([3.0, 2.0, 2.0, 1.0], [True, True, False, False]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_precision_by_yield_keeps_equal_confidences_together():
    assert precision_by_yield([0.9, 0.5, 0.5, 0.1], [True, True, False, False]) == [
        (0.25, 1.0),
        (0.75, pytest.approx(2 / 3)),
        (1.0, 0.5),
    ]


@given(PREDICTIONS)
def test_all_predictions_are_in_a_bin_and_in_the_last_point_of_the_curve(predictions):
    probabilities, came_true = zip(*predictions, strict=True)
    assert sum(one.count for one in reliability(probabilities, came_true)) == len(predictions)
    kept, precision = precision_by_yield(probabilities, came_true)[-1]
    assert kept == 1.0
    assert precision == pytest.approx(sum(came_true) / len(came_true))


@given(PREDICTIONS)
def test_auc_is_the_same_whichever_way_scores_are_stretched_and_turns_when_they_are(predictions):
    scores, came_true = zip(*((round(p, 3), y) for p, y in predictions), strict=True)
    area = auc(scores, came_true)
    if area is not None:
        assert auc([score * 7 - 3 for score in scores], came_true) == pytest.approx(area)
        assert auc([-score for score in scores], came_true) == pytest.approx(1 - area)
