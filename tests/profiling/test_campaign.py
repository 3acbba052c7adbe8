"""Which programs a measurement goes on with, as the worker's answers turn out."""

import json

import pytest

from profiling.campaign import Base, Campaign, Measured
from profiling.inside.values import digest
from tests.profiling.runs import PLAN

EVERYONE = ("grows", "grows too", "flat", "flat too")
AS_WRITTEN = [1e-6] * 4
GROWN = [1e-3, 1e-3, 1e-6, 1e-6]


def seconds(program: str, process: int) -> list[float]:
    """Of two of a kind one takes 4 or 8 % longer, in turn: at 1.05 nothing is decided."""
    taken = GROWN[EVERYONE.index(program)]
    return [taken * (1.04 + 0.04 * (process % 2) if program.endswith("too") else 1)] * PLAN.rounds


def test_no_further_process_is_spent_on_two_programs_that_take_no_longer_on_larger_inputs():
    asked = []

    def worker(payload: bytes) -> bytes:
        request = json.loads(payload)
        programs = request["programs"]
        asked.append(programs)
        answer = {
            "dropped": {},
            "workload": ["f(9)", "odd", 900],
            "ended": "enough",
            "ladder": [[9, AS_WRITTEN], [900, GROWN]],
            "checks": [],
            "seconds": [seconds(program, request["order_seed"]) for program in programs],
        }
        return json.dumps(answer).encode()

    Campaign(EVERYONE, "f", 3, PLAN, worker).growing([Base("f(9)", ("odd",), 9, 9000)])
    first, further = asked[: PLAN.first_processes], asked[PLAN.first_processes :]
    assert first == [list(EVERYONE)] * PLAN.first_processes
    assert further[0] == ["grows", "grows too"]


@pytest.mark.parametrize(
    ("slower", "faster", "value", "replaces"),
    [
        ("", "", [1], True),
        ("", "changed", [1], False),
        ("changed", "", [1], True),
        ("changed", "changed", [1], True),
        ("changed", "otherwise", [1], False),
        ("changed", "", None, False),
        ("changed", "changed", None, True),
    ],
)
def test_what_is_faster_replaces_only_what_does_the_same_to_its_arguments_or_more(
    slower, faster, value, replaces
):
    measured = Measured(None, None, "enough", digest(value), effects=(slower, faster))
    assert measured.replaces(0, 1) is replaces


def test_an_answer_about_a_call_that_nobody_asked_for_is_no_answer():
    grown = {"dropped": {}, "workload": ["f(", "odd", 9], "ended": "enough", "ladder": [], "checks": []}

    def worker(_: bytes) -> bytes:
        return json.dumps(grown).encode()

    measured = Campaign(EVERYONE, "f", 3, PLAN, worker).growing([Base("f(9)", ("odd",), 9, 9000)])
    assert (measured.workload, measured.ended) == (None, "no_answer")
