"""The tables of a line as they stand before `pairs`, filled by the few things a test is about."""

from collections import Counter
from pathlib import Path

import pandas as pd
import yaml

from pipeline.counts import write_counts
from pipeline.schemas.comparisons import COMPARISONS
from pipeline.schemas.profiles import PROFILES
from pipeline.schemas.rewrites import REWRITES
from pipeline.schemas.solution_scores import RANKERS, SOLUTION_SCORES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.schemas.verified import VERIFIED
from pipeline.schemas.workloads import WORKLOADS
from pipeline.tables import write
from stages import pairs

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
STARTER = 'def add(a, b):\n    """Return a + b."""'
TABLES = (
    TASKS, SOLUTIONS, SOLUTION_SCORES, TESTS, TEST_SCORES, VERDICTS, WORKLOADS, PROFILES, COMPARISONS,
    REWRITES, VERIFIED,
)  # fmt: skip


class Line:
    """Tables by name; every method adds rows and returns the line."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {table.name: [] for table in TABLES}

    def task(
        self, task_id: str = "add-1", *, has_example: bool = True, reference_tests: tuple[str, ...] = ()
    ) -> "Line":
        example = "assert add(1, 2) == 3"
        self.rows["tasks"].append(
            {"task_id": task_id, "source_id": task_id, "prompt": "Add two numbers.", "entry_point": "add",
             "starter_code": STARTER, "example_tests": [example] if has_example else [], "source": "here",
             "tags": [], "reference_tests": list(reference_tests),
             "reference_solution": "def add(a, b):\n    return a + b" if reference_tests else None}
        )  # fmt: skip
        self.rows["workloads"].append(
            {"workload_id": f"workload-{task_id}", "task_id": task_id, "role": "main", "call": "add(1, 2)",
             "shape": "magnitude", "size": 4096, "seed": 0, "agreed_by": 2, "growth_ended": "enough",
             "value_digest": None}
        )  # fmt: skip
        if has_example:
            self.test(f"example-{task_id}", "add(1, 2)", "3", task_id=task_id, is_example=True)
        return self

    def test(
        self, test_id: str, call: str, expected: str, *, task_id: str = "add-1", is_example: bool = False,
        p_valid: float = 0.9,
    ) -> "Line":  # fmt: skip
        self.rows["tests"].append(
            {"test_id": test_id, "task_id": task_id, "code": f"assert {call} == {expected}", "kind": "value",
             "call": call, "expected": expected, "sample_count": int(not is_example),
             "is_example": is_example, "mean_logprob": None}
        )  # fmt: skip
        self.rows["test_scores"].append(
            {"test_id": test_id, "task_id": task_id, "score": p_valid, "p_valid": p_valid,
             "credible": p_valid >= 0.5}
        )  # fmt: skip
        return self

    def solution(
        self, name: str, p_correct: float, *, task_id: str = "add-1", behavior: str = "right",
        example: str = "pass", returns: str | None = None,
    ) -> "Line":  # fmt: skip
        self.rows["solutions"].append(self._code(name, task_id, None, 0, returns))
        self.rows["solution_scores"].append(
            {"solution_id": name, "task_id": task_id, **dict.fromkeys(RANKERS, 0.0), "score": p_correct,
             "p_correct": p_correct, "behavior_id": behavior, "trusted": p_correct >= 0.5}
        )  # fmt: skip
        return self.verdict(name, f"example-{task_id}", example, task_id=task_id)

    def verdict(self, solution: str, test_id: str, verdict: str, *, task_id: str = "add-1") -> "Line":
        self.rows["verdicts"].append(
            {"solution_id": solution, "test_id": test_id, "task_id": task_id, "verdict": verdict}
        )
        return self

    def faster(
        self, faster: str, slower: str, speedup: float, *, certified: bool = True, memory_ratio: float = 1.0
    ) -> "Line":
        self.rows["comparisons"].append(
            {"faster_id": faster, "slower_id": slower, "task_id": "add-1", "workload_id": "workload-add-1",
             "speedup": speedup, "speedup_low": speedup * 0.9, "speedup_high": speedup * 1.1,
             "p_faster": 0.999, "memory_ratio": memory_ratio,
             "exponent_gap": None, "certified": certified, "processes": 2}
        )  # fmt: skip
        return self

    def rewrite(
        self, name: str, parent: str, speedup: float, *, round_: int = 1, accepted: bool = True,
        returns: str | None = None, memory_ratio: float = 1.0,
        certainly_wrong: bool = False,
    ) -> "Line":  # fmt: skip
        self.rows["rewrites"].append(
            {**self._code(name, "add-1", parent, round_, returns), "shown_prompt": "faster!"}
        )
        self.rows["verified"].append(
            {"solution_id": name, "task_id": "add-1", "parent_id": parent, "round": round_,
             "accepted": accepted, "reason": "faster" if accepted else "not_cheaper",
             "certainly_wrong": certainly_wrong,
             "workload_id": "workload-add-1", "speedup": speedup,
             "speedup_low": speedup * 0.9, "speedup_high": speedup * 1.1,
             "memory_ratio": memory_ratio}
        )  # fmt: skip
        return self

    @staticmethod
    def _code(name: str, task_id: str, parent: str | None, round_: int, returns: str | None) -> dict:
        code = f"{STARTER}\n    return {returns or repr(name)}\n"
        return {"solution_id": name, "task_id": task_id, "code": code,
                "completion": "", "sample_count": 1, "n_tokens": 5, "model": "tiny@1", "seed": 0,
                "parent_id": parent, "round": round_}  # fmt: skip

    def written(self) -> "Line":
        for table in TABLES:
            write(table, self.rows[table.name])
        return self

    def made(self, **params: object) -> pd.DataFrame:
        """The pairs table that stage `pairs` makes of the line."""
        self.written()
        write_params(pairs={"min_confidence": 0.5, "validation_share": 0.1, **params})
        pairs.main()
        return pd.read_parquet("outputs/pairs")


def many_tasks(count: int) -> Line:
    """A line of tasks with one trusted and two wrong solutions each."""
    line = Line()
    for number in range(count):
        task_id = f"task-{number:03d}"
        line.task(task_id).solution(f"good{number}", 0.9, task_id=task_id)
        line.solution(f"bad{number}", 0.1, task_id=task_id, behavior="wrong", example="fail")
        line.solution(f"worse{number}", 0.05, task_id=task_id, behavior="worse", example="fail")
    return line


def write_params(**changes: dict) -> None:
    """params.yaml as shipped, with the named sections changed."""
    changed = {name: {**section, **changes.get(name, {})} for name, section in PARAMS.items()}
    Path("params.yaml").write_text(yaml.safe_dump(changed))


def write_counts_of(*stages: str) -> None:
    """Counts as the named stages leave them."""
    for stage in stages:
        write_counts(stage, Counter(dropped_for_a_reason=7))
