"""Who is held out: never nobody where it can be somebody, and always the same tasks."""

import pytest

from pipeline.pairing.split import held_out

TASKS = [f"task-{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("tasks", "share", "count"),
    [(40, 0.1, 4), (40, 0.0, 0), (20, 0.01, 1), (2, 0.1, 1), (3, 0.99, 2), (1, 0.5, 0)],
)
def test_a_share_of_few_tasks_holds_out_at_least_one_and_leaves_at_least_one(tasks, share, count):
    assert len(held_out(TASKS[:tasks], share)) == count


def test_who_is_held_out_depends_neither_on_order_nor_on_how_many_pairs_a_task_gave():
    assert held_out(TASKS, 0.2) == held_out([*reversed(TASKS), *TASKS[:9]], 0.2)


def test_a_larger_share_holds_out_more_tasks_and_lets_none_go():
    assert held_out(TASKS, 0.1) < held_out(TASKS, 0.3)


def test_a_task_that_comes_or_goes_moves_at_most_one_other():
    before = held_out(TASKS, 0.2)
    for task in TASKS:
        after = held_out([other for other in TASKS if other != task], 0.2)
        assert len((before - {task}) ^ after) <= 1


def test_no_tasks_no_split():
    assert held_out([], 0.1) == frozenset()
