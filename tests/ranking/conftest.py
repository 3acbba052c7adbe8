"""Random tasks that look like real ones: classes of like solutions, tests that share calls, invalid tests."""

import json
from pathlib import Path

import numpy as np
import pytest

from ranking.calibration import calibration_from_json
from ranking.closed_form import Scores
from ranking.matrices import NO_CALL, NO_VALUE, TaskMatrices
from ranking.model import trust
from ranking.rankers import CLOSED_FORM, DEFAULT

CALIBRATION = calibration_from_json(json.loads(Path("ranking/calibration.json").read_text(encoding="utf-8")))


def default_ranker(batch):
    found = trust(batch, [CALIBRATION.model] * len(batch.passed))
    return Scores(found.scores, found.p_valid)


EVERY_RANKER = CLOSED_FORM | {DEFAULT: default_ranker}


def random_task(rng, n=None, m=None, k=None):
    n = int(rng.integers(1, 9)) if n is None else n
    m = int(rng.integers(0, 9)) if m is None else m
    k = int(rng.integers(1, 6)) if k is None else k
    outputs = rng.integers(NO_VALUE, 3, size=(n, k))[rng.integers(0, n, size=n)]
    call_of_test = rng.integers(NO_CALL, k, size=m)
    expected = rng.integers(0, 4, size=m)
    seen = outputs[:, np.maximum(call_of_test, 0)]
    passed = np.where(call_of_test == NO_CALL, rng.random((n, m)) < 0.5, seen == expected)
    return TaskMatrices(
        passed=passed,
        outputs=outputs.astype(np.int64),
        solution_count=rng.integers(1, 4, size=n).astype(float),
        test_count=rng.integers(1, 4, size=m).astype(float),
        call_of_test=call_of_test.astype(np.int64),
        is_example=rng.random(m) < 0.1,
    )


@pytest.fixture
def rng():
    return np.random.default_rng(20261123)


@pytest.fixture
def tasks(rng):
    return [random_task(rng) for _ in range(60)]
