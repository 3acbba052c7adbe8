"""The field's efficiency figures, on two tasks small enough to be worked out by hand."""

import pytest

from stages.overheads import measured_tasks, overhead_figures, rewrite_figures


def profile(task_id, solution_id, cpu_s, peak_bytes=2e6, integral=1e6):
    return {
        "task_id": task_id,
        "solution_id": solution_id,
        "cpu_s": cpu_s,
        "peak_bytes": peak_bytes,
        "memory_integral_bytes_s": integral,
    }


def solutions(task_id, **sample_counts):
    return [{"task_id": task_id, "solution_id": k, "sample_count": v} for k, v in sample_counts.items()]


def scores(task_id, **score_of):
    return [{"task_id": task_id, "solution_id": k, "score": v} for k, v in score_of.items()]


TASKS = measured_tasks(
    [profile("t", "fast", 1.0, 2e6, 2e6), profile("t", "slow", 1.5, 4e6, 8e6), profile("u", "lone", 0.5)],
    [*solutions("t", fast=1, slow=3, wrong=4), *solutions("u", lone=1), *solutions("v", unmeasured=1)],
    [*scores("t", fast=0.8, slow=0.9, wrong=0.1), *scores("u", lone=0.5)],
)


def test_the_best_scored_solution_is_held_against_the_fastest_one():
    figures = overhead_figures(TASKS, {})
    assert figures["tasks_measured"] == 2
    assert (figures["et_s"], figures["mu_mb"], figures["tmu_mb_s"]) == (1.0, 3.0, 4.5)
    assert (figures["net"], figures["nmu"], figures["ntmu"]) == (1.25, 1.5, 2.5)


# A wrong solution that returns at once; a task in which the best-scored one is wrong.
FOOLED = measured_tasks(
    [
        *(profile("t", "at_once", 1e-5), profile("t", "fast", 1.0), profile("t", "slow", 2.0, 4e6, 8e6)),
        *(profile("u", "guess", 1e-5), profile("u", "right", 1.0)),
        profile("v", "lone", 1e-5),
    ],
    [
        *solutions("t", at_once=1, fast=1, slow=1),
        *solutions("u", guess=5, right=1),
        *solutions("v", lone=1),
    ],
    [
        *scores("t", at_once=0.1, fast=0.2, slow=0.9),
        *scores("u", guess=0.9, right=0.1),
        *scores("v", lone=1.0),
    ],
)
KNOWN = {"at_once": False, "fast": True, "slow": True, "guess": False, "right": True, "lone": False}


def test_a_solution_that_is_wrong_by_reference_tests_is_no_reference():
    figures = overhead_figures(FOOLED, KNOWN)
    assert (figures["net"], figures["nmu"], figures["ntmu"]) == (2.0, 2.0, 8.0)
    # t: fast scores 1, slow takes twice as long: 0, at_once is wrong: 0; u: one right of six; v: none
    assert figures["eff_at_1"] == pytest.approx((1 / 3 + 1 / 6 + 0) / 3)


def test_a_task_whose_best_scored_solution_is_wrong_has_no_cost():
    assert overhead_figures(FOOLED, KNOWN)["et_s"] == 2.0
    assert overhead_figures(FOOLED[1:], KNOWN)["et_s"] is None


def test_dps_neither_scores_wrong_solutions_nor_compares_with_them():
    # t: fast 2 of 2, slow 1 of 2; u: right alone; v: nothing left
    assert overhead_figures(FOOLED, KNOWN)["dps"] == pytest.approx((75 + 100) / 2)
    assert overhead_figures(FOOLED[2:], KNOWN)["dps"] is None


def test_eff_at_1_is_the_mean_over_samples_and_wrong_ones_score_nothing():
    correct = {"fast": True, "slow": True, "wrong": False}
    # a limit of twice the reference: (2 - 1) / (2 - 1) once, (2 - 1.5) / (2 - 1) three times, 0 four times
    assert overhead_figures(TASKS, correct)["eff_at_1"] == pytest.approx((1 + 3 * 0.5) / 8)


def test_without_reference_tests_there_is_no_eff_at_1():
    assert overhead_figures(TASKS, {"fast": True})["eff_at_1"] is None


def test_dps_is_the_share_of_measured_solutions_that_are_not_faster():
    # t: fast beats or equals 2 of 2, slow 1 of 2, three samples of it; u: alone
    assert overhead_figures(TASKS, {})["dps"] == pytest.approx(((100 + 3 * 50) / 4 + 100) / 2)


def test_a_solution_whose_memory_was_not_measured_is_left_out_of_the_means():
    tasks = measured_tasks([profile("t", "s", 1.0, None)], solutions("t", s=1), scores("t", s=0.5))
    assert overhead_figures(tasks, {})["net"] is None


def test_rewrites_that_were_refused_count_as_no_speedup():
    verified = [
        {"speedup": 3.0, "accepted": True},
        {"speedup": 9.0, "accepted": False},
        {"speedup": None, "accepted": False},
        {"speedup": 1.02, "accepted": True},
    ]
    figures = rewrite_figures(verified)
    assert figures["percent_optimized"] == pytest.approx(25.0)
    assert figures["rewrite_speedup_mean"] == pytest.approx((3 + 1 + 1 + 1.02) / 4)
    assert rewrite_figures([])["percent_optimized"] is None
