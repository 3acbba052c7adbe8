"""Tables of one task as they stand before `profile`, and a model that answers from a script."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from pipeline.engines.types import Answer, Completion, Request
from pipeline.identity import content_id
from pipeline.schemas.solution_scores import RANKERS, SOLUTION_SCORES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.tables import write

ROOT = Path(__file__).parents[2]
TASK = "distinct-1"
STARTER = 'def distinct(xs):\n    """Return the distinct elements in order."""'
QUADRATIC = """def distinct(xs):
    out = []
    for x in xs:
        if x not in out:
            out.append(x)
    return out
"""
LINEAR = "def distinct(xs):\n    return list(dict.fromkeys(xs))\n"
EMPTYING = "def distinct(xs):\n    kept = list(dict.fromkeys(xs))\n    xs.clear()\n    return kept\n"
UNSTABLE_ORDER = "def distinct(xs):\n    return sorted(set(xs))\n"
CALLS = {"distinct([3, 1, 3])": "[3, 1]", "distinct([5, 2, 9, 4])": "[5, 2, 9, 4]", "distinct([])": "[]"}


def solution_id(code: str) -> str:
    return content_id("solution", TASK, code)


def write_inputs(
    *codes: str,
    calls: Mapping[str, str] = CALLS,
    telling: Container[str] = CALLS,
    p_valid: float = 0.95,
    trusted: bool = True,
    **changed: dict[str, object],
) -> None:
    """params.yaml (sections changed as given, quick) and the tables that profile reads, here.

    telling: the calls whose tests tell solutions apart; the others are not credible, however valid.
    """
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["profile"] |= {"max_processes": 6}
    params["prompts"]["folder"] = str(ROOT / "pipeline/prompts/chat")
    for section, values in changed.items():
        params[section] |= values
    Path("params.yaml").write_text(yaml.safe_dump(params))
    write(TASKS, [
        {"task_id": TASK, "source_id": TASK, "prompt": "Distinct elements.", "entry_point": "distinct",
         "starter_code": STARTER, "example_tests": [], "source": "here", "tags": [], "reference_tests": [],
         "reference_solution": None}
    ])  # fmt: skip
    write(SOLUTIONS, [
        {"solution_id": solution_id(code), "task_id": TASK, "code": code, "completion": code,
         "sample_count": 1, "n_tokens": 9, "model": "scripted", "seed": 0, "parent_id": None, "round": 0}
        for code in codes
    ])  # fmt: skip
    write(SOLUTION_SCORES, [
        {"solution_id": solution_id(code), "task_id": TASK, "score": 1.0, "p_correct": 0.9,
         "behavior_id": "same", "trusted": trusted, **dict.fromkeys(RANKERS, 1.0)}
        for code in codes
    ])  # fmt: skip
    write(TESTS, [
        {"test_id": content_id("test", TASK, call), "task_id": TASK, "code": f"assert {call} == {expected}",
         "kind": "value", "call": call, "expected": expected, "sample_count": 1, "is_example": False,
         "mean_logprob": None}
        for call, expected in calls.items()
    ])  # fmt: skip
    write(TEST_SCORES, [
        {"test_id": content_id("test", TASK, call), "task_id": TASK, "score": 1.0, "p_valid": p_valid,
         "credible": p_valid >= 0.5 and call in telling}
        for call in calls
    ])  # fmt: skip


class Scripted:
    """An engine whose answer to a request is what the script says: texts, by the request's whole prompt."""

    model, context_length = "scripted@1", 4096

    def __init__(self, script: Callable[[str], list[str]]) -> None:
        self.script, self.asked = script, []

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer]:
        for request in requests:
            prompt = "\n".join(message.content for message in request.messages)
            self.asked.append(prompt)
            completions = [Completion(f"```python\n{code}```", 9, "stop") for code in self.script(prompt)]
            yield Answer(request, tuple(completions), 5)

    def close(self) -> None:
        pass

    @contextmanager
    def opened(self, _params: object) -> Iterator["Scripted"]:
        yield self
