"""Which solutions act alike: on the tests (pass and fail) and on the calls (the values they return)."""

import numpy as np

from ranking.matrices import NO_VALUE, Bools, Floats, Ints, Matrices


def same_passes(batch: Matrices) -> Bools:
    """(tasks, n, n); both solutions pass exactly the same tests. Padding is alike to nothing."""
    seen = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    shared = seen @ seen.transpose(0, 2, 1)
    own = seen.sum(axis=2)
    real = batch.is_solution
    alike: Bools = (shared == own[:, :, None]) & (shared == own[:, None, :])
    return alike & real[:, :, None] & real[:, None, :]


def same_outputs(batch: Matrices) -> Bools:
    """(tasks, n, n); both solutions return equal values, or none, on every call."""
    alike = np.ones((*batch.solution_count.shape, batch.solution_count.shape[1]), bool)
    for column in range(batch.outputs.shape[2]):
        value = batch.outputs[:, :, column]
        alike &= (value[:, :, None] == value[:, None, :]) | ~batch.call_used[:, column, None, None]
    real = batch.is_solution
    return alike & real[:, :, None] & real[:, None, :]


def same_behavior(batch: Matrices) -> Bools:
    """(tasks, n, n); alike on every call and on every test."""
    return same_passes(batch) & same_outputs(batch)


def agreeing_calls(batch: Matrices) -> Floats:
    """(tasks, n, n); on how many calls both solutions return a value, and the same one."""
    shared = np.zeros((*batch.solution_count.shape, batch.solution_count.shape[1]))
    for column in range(batch.outputs.shape[2]):
        value = batch.outputs[:, :, column]
        shared += (value[:, :, None] == value[:, None, :]) & (value != NO_VALUE)[:, :, None]
    return shared * batch.is_solution[:, :, None] * batch.is_solution[:, None, :]


def class_of(alike: Bools) -> Ints:
    """(tasks, n); the index of the first solution that is alike, as the name of the class."""
    return np.asarray(np.argmax(alike, axis=2), np.int64)
