"""The benchmark's figures by hand, and its one command on a file without texts."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import calibrate, ranking
from benchmarks.ranked_tasks import draws, known_tasks
from benchmarks.ranking_figures import (
    Ranked,
    expected_calibration_error,
    figures,
    pair_right,
    precision_by_yield,
)
from pipeline.errors import TableError
from ranking.rankers import CLOSED_FORM, DEFAULT
from tests.ranking.conftest import random_task


def ranked(scores, correct, confidence=1.0, count=None, p_correct=None):
    count = np.ones(len(scores)) if count is None else np.array(count, float)
    p_correct = None if p_correct is None else np.array(p_correct)
    return Ranked(np.array(scores, float), count, np.array(correct, bool), confidence, p_correct)


def text_free_file(path, rng, n_tasks=14, name="made"):
    rows = []
    for number in range(n_tasks):
        task = random_task(rng, n=8, m=6, k=4)
        correct = task.outputs[:, 0] == task.outputs[0, 0]
        rows.append(
            {
                "task_id": f"{name}/{number}",
                "entry_point": "f",
                "prompt": "",
                "solutions": [""] * 8,
                "solution_count": task.solution_count.astype(int),
                "tests": [""] * 6,
                "test_count": task.test_count.astype(int),
                "passed": task.passed.ravel(),
                "correct": correct,
                "inputs": [""] * 4,
                "input_of_test": task.call_of_test,
                "outputs": task.outputs.ravel(),
            }
        )
    pd.DataFrame(rows).to_parquet(path)
    return path


@pytest.fixture
def file(tmp_path, rng):
    return text_free_file(tmp_path / "known.parquet", rng)


def test_a_perfect_order_has_perfect_figures():
    found = figures([ranked([3, 2, 1], [True, True, False])] * 3)
    assert found["top1"] == found["auc"] == found["p100"] == found["p20"] == 1.0
    assert found["ece"] is None


def test_ties_count_as_a_random_choice_among_samples():
    case = ranked([2, 2, 1], [True, False, False], count=[3, 1, 1])
    assert pair_right(case) == pytest.approx(0.75)
    assert figures([case])["auc"] == pytest.approx((3 * 1 * 0.5 + 3 * 1 * 1) / 6)


def test_precision_at_a_yield_keeps_the_most_confident_pairs():
    sure, unsure = (
        ranked([2, 1], [True, False], confidence=0.9),
        ranked([2, 1], [False, True], confidence=0.1),
    )
    np.testing.assert_allclose(precision_by_yield([unsure, sure]), [1.0, 0.5])
    found = figures([unsure, sure])
    assert (found["p50"], found["p100"]) == (1.0, 0.5)


def test_calibration_error_is_the_gap_between_what_was_said_and_what_came_true():
    said = np.array([0.1, 0.1, 0.9, 0.9])
    came = np.array([0.0, 0.0, 1.0, 0.0])
    assert expected_calibration_error(said, came, np.ones(4)) == pytest.approx((0.2 + 0.8) / 4)


def test_one_command_judges_every_ranker_on_a_file_without_texts(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "figures.json"
    monkeypatch.setattr(
        sys, "argv", ["ranking", str(file), "--draws", "2", "--sizes", "5x5", "--json", str(out)]
    )
    ranking.main()
    found = json.loads(out.read_text())
    assert found["default"] == DEFAULT
    assert set(found["5x5"]) == set(found["all"]) == {*CLOSED_FORM, DEFAULT}
    for column in ("top1", "auc", "p100", "p80", "p50", "ece", "ms"):
        assert found["all"][DEFAULT][column] >= 0
    assert out.with_suffix(".svg").read_text().startswith("<svg")
    assert DEFAULT in capsys.readouterr().out


def test_probes_of_a_file_without_texts_are_refused(file, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ranking", str(file), "--probes", "2"])
    with pytest.raises(TableError, match="texts"):
        ranking.main()


def test_a_user_can_refit_on_his_own_files_and_judge_by_it(file, tmp_path, rng, monkeypatch):
    other = text_free_file(tmp_path / "other.parquet", rng, name="other")
    calibration, out = tmp_path / "calibration.json", tmp_path / "figures.json"
    monkeypatch.setattr(calibrate, "SIZES", ((5, 5, 2),))
    monkeypatch.setattr(sys, "argv", ["calibrate", str(file), str(other), "--out", str(calibration)])
    calibrate.main()
    arguments = ["ranking", str(file), "--draws", "1", "--sizes", "5x5", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--calibration", str(calibration)])
    ranking.main()
    assert json.loads(out.read_text())["5x5"][DEFAULT]["top1"] > 0
    assert json.loads(calibration.read_text())["fitted_on"] == {
        "files": ["known.parquet", "other.parquet"],
        "tasks": 28,
    }


def test_too_few_tasks_to_leave_a_tenth_out_are_refused(file, tmp_path, monkeypatch):
    few = tmp_path / "few.parquet"
    pd.read_parquet(file).head(5).to_parquet(few)
    monkeypatch.setattr(sys, "argv", ["calibrate", str(few), "--out", str(tmp_path / "calibration.json")])
    with pytest.raises(TableError, match=r"few\.parquet(.|\n)*at least 10"):
        calibrate.main()


def test_a_missing_column_is_named(file, tmp_path):
    lacking = tmp_path / "lacking.parquet"
    pd.read_parquet(file).drop(columns="outputs").to_parquet(lacking)
    with pytest.raises(TableError, match="outputs"):
        known_tasks(lacking)


def test_a_draw_takes_samples_without_replacement_and_only_the_calls_of_its_tests(file):
    task = known_tasks(file)[0]
    for case in draws(task, 5, 3, 10, seed=(1,)):
        drawn = case.matrices
        assert (drawn.solution_count.sum(), drawn.test_count.sum()) == (5, 3)
        assert drawn.solution_count.max() <= task.matrices.solution_count.max()
        used = set(drawn.call_of_test.tolist()) - {-1}
        without_test = set(range(task.matrices.outputs.shape[1])) - set(task.matrices.call_of_test.tolist())
        assert drawn.outputs.shape[1] == len(used) + len(without_test)


def test_samples_of_one_text_are_one_row_with_a_count_in_a_draw(file):
    task = known_tasks(file)[0]
    everything = next(draws(task, 10**6, 10**6, 1, seed=(1,))).matrices
    np.testing.assert_array_equal(everything.solution_count, task.matrices.solution_count)
    np.testing.assert_array_equal(everything.test_count, task.matrices.test_count)
    np.testing.assert_array_equal(everything.passed, task.matrices.passed)


def test_a_task_with_fewer_tests_than_a_draw_wants_is_judged_with_those_it_has(file):
    tasks = known_tasks(file)
    setting = ranking.drawn(tasks, 5, 10**6, 2)
    assert len(setting.cases) == 2 * len(tasks)


def test_two_behaviors_make_a_pair_and_two_texts_of_one_behavior_do_not():
    assert ranked([0, -1], [True, False]).offers_pair
    assert not ranked([0, -1e-11], [True, False]).offers_pair
