"""Votes on what a call should return: by other solutions that return it, and by tests that expect it."""

import numpy as np

from ranking.class_truth import Classes
from ranking.matrices import NO_CALL, NO_VALUE, Floats, Matrices


def sample_votes(batch: Matrices) -> Floats:
    """(tasks, n, k); the share of all samples that return what this solution returns; 0 for no value."""
    weights = np.broadcast_to(
        batch.solution_count[:, None, :], (*batch.solution_count.shape, batch.solution_count.shape[1])
    )
    n_samples = np.maximum(batch.solution_count.sum(axis=1), 1)
    return np.asarray(_votes(batch, weights) / n_samples[:, None, None])


def class_votes(batch: Matrices, grouped: Classes) -> Floats:
    """(tasks, n, k); how many *other* classes return what this solution returns."""
    return _votes(batch, (grouped.is_first[:, None, :] & ~grouped.alike).astype(np.float64))


def test_votes(batch: Matrices) -> tuple[Floats, Floats]:
    """(tasks, n, k) test samples that expect what this solution returns, and (tasks, k) on the call at all.

    A solution that passes a test of a call returns what the test expects there.
    """
    looks_at = (
        (batch.call_of_test[:, :, None] == np.arange(batch.outputs.shape[2])) & batch.is_test[:, :, None]
    ).astype(np.float64)
    return (batch.passed * batch.test_count[:, None, :]) @ looks_at, (
        batch.test_count[:, None, :] @ looks_at
    )[:, 0, :]


def expected_votes(batch: Matrices) -> tuple[Floats, Floats]:
    """(tasks, m) test samples that expect the same value on the same call, and that look at that call at all.

    Both count the test itself. Tests of one call that the same solutions pass, and somebody does, expect the
    same value; of a test that nobody passes it is not known what others expect.
    """
    passed = (batch.passed & batch.is_solution[:, :, None]).astype(np.float64)
    shared, passers = passed.transpose(0, 2, 1) @ passed, passed.sum(axis=1)
    on_call = (batch.call_of_test[:, :, None] == batch.call_of_test[:, None, :]) & (
        (batch.call_of_test != NO_CALL) & batch.is_test
    )[:, :, None]
    alike = on_call & (shared == passers[:, :, None]) & (shared == passers[:, None, :])
    alike &= (passers > 0)[:, :, None]
    count = batch.test_count[:, :, None]
    return np.maximum((alike @ count)[:, :, 0], batch.test_count), np.maximum(
        (on_call @ count)[:, :, 0], batch.test_count
    )


def _votes(batch: Matrices, weights: Floats) -> Floats:
    votes = np.zeros(batch.outputs.shape)
    for call in range(batch.outputs.shape[2]):
        value = batch.outputs[:, :, call]
        equal = (value[:, :, None] == value[:, None, :]) & (value != NO_VALUE)[:, :, None]
        votes[:, :, call] = (equal * weights).sum(axis=2)
    return votes
