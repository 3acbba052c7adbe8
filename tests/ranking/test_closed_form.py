"""The vectorized rankers against slow readable ones, written from the papers, one sample at a time."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from scipy.special import betaln

from ranking.matrices import NO_VALUE, TaskMatrices, stack
from ranking.pagerank import NotConvergedError, graph, pagerank
from ranking.rankers import CLOSED_FORM

RANKERS = sorted(CLOSED_FORM)


def one_row_a_sample(task):
    """The task with every solution and test repeated as often as it was sampled."""
    rows = np.repeat(np.arange(len(task.solution_count)), task.solution_count.astype(int))
    columns = np.repeat(np.arange(len(task.test_count)), task.test_count.astype(int))
    expanded = TaskMatrices(
        task.passed[np.ix_(rows, columns)],
        task.outputs[rows],
        np.ones(len(rows)),
        np.ones(len(columns)),
        task.call_of_test[columns],
        task.is_example[columns],
    )
    return expanded, rows, columns


def slow_tests_passed(task):
    return [sum(row) for row in task.passed.tolist()]


def slow_codedpo(task):
    n, m = task.passed.shape
    of_solution, of_test = [1.0] * n, [1.0] * m
    for _ in range(10):
        of_solution, of_test = (
            [
                0.15 * of_solution[i] + 0.85 * sum(of_test[j] for j in range(m) if task.passed[i, j])
                for i in range(n)
            ],
            [
                0.15 * of_test[j] + 0.85 * sum(of_solution[i] for i in range(n) if task.passed[i, j])
                for j in range(m)
            ],
        )
    return of_solution


def slow_codet(task):
    layouts = [tuple(row) for row in task.passed.tolist()]
    sizes = Counter(layouts)
    return [sizes[layout] * sum(layout) for layout in layouts]


def slow_b4(task):
    found = []
    for row in task.passed:
        alike = (task.passed == row).all(axis=1)
        on_right, on_wrong = task.passed[~alike][:, row], task.passed[~alike][:, ~row]
        found.append(
            betaln(row.sum() + 1e3, (~row).sum() + 1)
            + betaln(alike.sum() + 1e3, (~alike).sum() + 1)
            + betaln(on_right.sum() + 1, on_right.size - on_right.sum() + 1)
            + betaln(on_wrong.sum() + 1, on_wrong.size - on_wrong.sum() + 1e5)
        )
    return found


def slow_mbr_exec(task):
    return [sum((row == other).all() for other in task.outputs) for row in task.outputs]


def slow_consensus(task):
    return [
        sum(((row == other) & (row != NO_VALUE)).mean() for other in task.outputs) for row in task.outputs
    ]


SLOW = {
    "tests_passed": slow_tests_passed,
    "codedpo": slow_codedpo,
    "codet": slow_codet,
    "b4": slow_b4,
    "mbr_exec": slow_mbr_exec,
    "consensus": slow_consensus,
}


@pytest.mark.parametrize("name", sorted(SLOW))
def test_scores_equal_those_of_the_papers_formula_one_sample_at_a_time(name, tasks):
    batch = stack(tasks)
    fast = CLOSED_FORM[name](batch).solutions
    for index, task in enumerate(tasks):
        expanded, rows, _ = one_row_a_sample(task)
        np.testing.assert_allclose(fast[index][rows], SLOW[name](expanded), rtol=1e-9, atol=1e-9)


def test_pagerank_equals_networkx(tasks):
    fast = pagerank(stack(tasks))
    for index, task in enumerate(tasks):
        expanded, rows, columns = one_row_a_sample(task)
        solution_ids, test_ids = [f"s{i}" for i in range(len(rows))], [f"t{j}" for j in range(len(columns))]
        oracle = nx.pagerank(graph(expanded, solution_ids, test_ids), alpha=0.85, tol=1e-13, max_iter=1000)
        np.testing.assert_allclose(
            fast.solutions[index][rows], [oracle[node] for node in solution_ids], atol=1e-9
        )
        np.testing.assert_allclose(fast.tests[index][columns], [oracle[node] for node in test_ids], atol=1e-9)


def test_the_graph_has_an_edge_where_a_solution_passes_a_test():
    passed = np.array([[True, False], [True, True]])
    task = TaskMatrices(
        passed, np.zeros((2, 1), np.int64), np.ones(2), np.ones(2), np.zeros(2, np.int64), np.zeros(2, bool)
    )
    found = graph(task, ["a", "b"], ["x", "y"])
    assert set(found.edges) == {("a", "x"), ("b", "x"), ("b", "y")}
    assert nx.is_bipartite(found)
    assert found.nodes["x"]["kind"] == "test"


def test_pagerank_that_a_further_step_would_move_is_refused(tasks):
    with pytest.raises(NotConvergedError, match="still moves"):
        pagerank(stack(tasks), tolerance=0.0)


def test_codedpo_prefers_the_solution_that_passes_what_the_others_pass():
    # Two solutions pass one test each; the second's test is also passed by a third solution.
    passed = np.array([[True, False], [False, True], [False, True]])
    task = TaskMatrices(
        passed, np.zeros((3, 1), np.int64), np.ones(3), np.ones(2), np.zeros(2, np.int64), np.zeros(2, bool)
    )
    scores = CLOSED_FORM["codedpo"](stack([task])).solutions[0]
    assert scores[1] > scores[0]


@pytest.mark.parametrize("name", RANKERS)
def test_a_task_scores_the_same_alone_and_in_a_batch(name, tasks):
    together = CLOSED_FORM[name](stack(tasks))
    for index, task in enumerate(tasks):
        alone = CLOSED_FORM[name](stack([task]))
        n, m = task.passed.shape
        np.testing.assert_allclose(together.solutions[index, :n], alone.solutions[0, :n], rtol=1e-9)
        np.testing.assert_allclose(together.tests[index, :m], alone.tests[0, :m], rtol=1e-9)
        assert not together.solutions[index, n:].any()
        assert not together.tests[index, m:].any()
