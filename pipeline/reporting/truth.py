"""Which solutions are right by their task's reference tests, and which tests its reference solution passes.

This is the only room that looks at references; nothing of it flows back into pairs.
"""

import ast
from collections import Counter
from collections.abc import Iterable

import numpy as np

from pipeline.assertions import CodeTest, ValueTest, parse_test
from pipeline.execution import GivenTest, Trial
from pipeline.extraction.runners import plain_body
from pipeline.extraction.syntax import parsed
from pipeline.identity import content_id
from pipeline.outcomes import Judged
from pipeline.sandbox.jobs import Program
from pipeline.tables import Row

REFERENCE = "reference"


def solution_trial(task: Row, solutions: Iterable[Row], counts: Counter[str]) -> Trial | None:
    """The task's solutions, and its reference solution, on its reference tests and public examples.

    None without reference tests that test something: a public example alone is no truth.
    """
    references = _given_tests(task, task["reference_tests"], counts)
    programs = {row["solution_id"]: Program(row["solution_id"], row["code"]) for row in solutions}
    if not references or not programs:
        return None
    if task["reference_solution"] is not None:
        programs[REFERENCE] = Program(REFERENCE, task["reference_solution"])
    tests = references | _given_tests(task, task["example_tests"], counts)
    return Trial(task["task_id"], task["entry_point"], tuple(programs.values()), tuple(tests.values()))


def reference_trial(task: Row, tests: Iterable[Row]) -> Trial | None:
    """The task's reference solution on the model's tests; None without a reference solution or tests."""
    given = tuple(GivenTest.from_row(row) for row in tests)
    if task["reference_solution"] is None or not given:
        return None
    reference = Program(REFERENCE, task["reference_solution"])
    return Trial(task["task_id"], task["entry_point"], (reference,), given)


def correct_of(judged: Judged) -> dict[str, bool] | None:
    """{solution_id: whether it passes every test of its trial}.

    None where the task's own reference solution does not: one of them is wrong, or cannot run here.
    """
    correct = dict(zip(judged.solution_ids, np.all(judged.passed, axis=1).tolist(), strict=True))
    return correct if correct.pop(REFERENCE, True) else None


def valid_of(judged: Judged) -> dict[str, bool]:
    """{test_id: whether the reference solution passes it}."""
    return dict(zip(judged.test_ids, np.all(judged.passed, axis=0).tolist(), strict=True))


def _given_tests(task: Row, codes: Iterable[str], counts: Counter[str]) -> dict[str, GivenTest]:
    """Each distinct code's test by its id."""
    given = {}
    for code in dict.fromkeys(codes):
        test_id = content_id("reference test", task["task_id"], code)
        match parse_test(_plain(code), task["entry_point"]):
            case ValueTest(call=call, expected=expected):
                given[test_id] = GivenTest(test_id, code, call, expected)
            case CodeTest(code=runnable):
                given[test_id] = GivenTest(test_id, runnable, None, None)
            case _:
                counts["dropped_reference_tests_that_test_nothing"] += 1
    return given


def _plain(code: str) -> str:
    """The test without what needs pytest, which the sandbox does not have: `raises` and `approx`."""
    tree = parsed(code)
    if not isinstance(tree, ast.Module):
        return code
    try:
        return ast.unparse(ast.fix_missing_locations(ast.Module(plain_body(tree.body), [])))
    except (RecursionError, ValueError):
        return code
