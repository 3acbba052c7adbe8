import itertools
import json
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.engines.opened import EngineParams
from pipeline.engines.usage import Usage
from pipeline.journal import Journal
from pipeline.params import load
from pipeline.prompts.template import read_prompts
from pipeline.tasks import Task
from profiling.answers import Workload
from stages import families, optimize, profile
from stages.chains import Brief, Chain, OptimizeParams
from tests.stages.measured import (
    LINEAR,
    QUADRATIC,
    STARTER,
    UNSTABLE_ORDER,
    Scripted,
    solution_id,
    write_inputs,
)

ROOT = Path(__file__).parents[2]

SLICED = """def distinct(xs):
    out = []
    for x in xs:
        if x not in out[:]:
            out = out + [x]
    return out
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def optimized(monkeypatch, script) -> Scripted:
    engine = Scripted(script)
    monkeypatch.setattr(optimize, "open_engine", engine.opened)
    optimize.main()
    return engine


def counts(stage: str) -> dict[str, int]:
    return json.loads(Path(f"outputs/counts/{stage}.json").read_text())


def test_a_faster_rewrite_becomes_the_parent_of_the_next_round(monkeypatch):
    write_inputs(SLICED)
    profile.main()
    answers = {SLICED: [QUADRATIC], QUADRATIC: [LINEAR], LINEAR: []}

    def script(prompt: str) -> list[str]:
        return next(answers[code] for code in answers if code.strip() in prompt)

    engine = optimized(monkeypatch, script)
    rewrites = pd.read_parquet("outputs/rewrites").set_index("solution_id")
    assert rewrites["round"].to_dict() == {solution_id(QUADRATIC): 1, solution_id(LINEAR): 2}
    assert rewrites.parent_id[solution_id(LINEAR)] == solution_id(QUADRATIC)
    assert "|if x not in out[:]:" in engine.asked[0]  # the model saw the parent's profile
    assert "|if x not in out:" in engine.asked[1]  # and then the rewrite's own


def test_a_round_without_a_faster_rewrite_ends_the_chain(monkeypatch):
    write_inputs(LINEAR)
    profile.main()
    engine = optimized(monkeypatch, lambda _: [QUADRATIC, QUADRATIC, UNSTABLE_ORDER, LINEAR, "nothing"])
    assert len(engine.asked) == 1
    assert set(pd.read_parquet("outputs/rewrites").code.str.strip()) == {
        QUADRATIC.strip(),
        UNSTABLE_ORDER.strip(),
    }
    found = counts("optimize")
    assert found["rewrite_samples"] == 5
    assert found["rewrite_lost_unchanged"] == 1
    assert found["rewrite_repeats"] == 1
    assert sum(n for name, n in found.items() if name.startswith("rewrite_lost_")) == 2


def test_a_rerun_asks_and_judges_nothing_again(monkeypatch):
    write_inputs(QUADRATIC)
    profile.main()
    optimized(monkeypatch, lambda _: [LINEAR])
    before = pd.read_parquet("outputs/rewrites")
    monkeypatch.setattr(optimize.Court, "verdicts", lambda *_: pytest.fail("judged again"))
    assert optimized(monkeypatch, lambda _: pytest.fail("asked again")).asked == []
    pd.testing.assert_frame_equal(pd.read_parquet("outputs/rewrites"), before)


class AnsweringBackwards(Scripted):
    """Draws two requests ahead and answers the later one first, as a server may."""

    def ask(self, requests):
        for batch in iter(lambda: list(itertools.islice(requests, 2)), []):
            yield from super().ask(reversed(batch))


def test_what_two_chains_of_a_task_write_does_not_depend_on_which_is_answered_first(monkeypatch):
    write_inputs(QUADRATIC, SLICED, optimize={"chains_per_task": 2})
    profile.main()
    engine = AnsweringBackwards(lambda _: [LINEAR])
    monkeypatch.setattr(optimize, "open_engine", engine.opened)
    optimize.main()
    first = pd.read_parquet("outputs/rewrites")
    optimize.main()  # from the journal, in the order of the requests
    pd.testing.assert_frame_equal(pd.read_parquet("outputs/rewrites"), first)
    assert counts("optimize")["rewrite_lost_other_chain"] == 1


def test_no_rounds_means_no_rewrites(monkeypatch):
    write_inputs(QUADRATIC, optimize={"rounds": 0})
    profile.main()
    assert optimized(monkeypatch, lambda _: [LINEAR]).asked == []
    assert pd.read_parquet("outputs/rewrites").empty


def test_code_too_deep_to_be_walked_ends_no_run(monkeypatch):
    deep = "def distinct(xs):\n    return xs" + " + xs" * 500 + "\n"
    write_inputs(QUADRATIC, optimize={"rounds": 1})
    profile.main()
    optimized(monkeypatch, lambda _: [deep, deep, LINEAR])
    rewrites = pd.read_parquet("outputs/rewrites")
    assert sorted(rewrites.sample_count) == [1, 2]


class SlowCourt:
    """Finds nothing faster, and notes how many chains were ahead of it when a family came before it."""

    at_a_time = 1

    def __init__(self, started: list[int]) -> None:
        self.started, self.ahead = started, []

    def key(self, family):
        return family.task_id

    def verdicts(self, family):
        self.ahead.append(len(self.started) - len(self.ahead))
        time.sleep(0.01)  # so that what does not wait for it runs ahead
        return [
            families.Verdict(rewrite, False, families.NOT_CHEAPER, False) for rewrite, _ in family.members[1:]
        ]


def chain(number: int) -> Chain:
    task = Task(f"t{number}", "Distinct elements.", "distinct", STARTER, ())
    workload = Workload("distinct([1])", "list", 10)
    members = ((f"s{number}", QUADRATIC),)
    family = families.Family(task.task_id, task.entry_point, members, (), frozenset(), workload, workload, ())
    return Chain(task, family, "", 1, frozenset())


def test_chains_are_started_no_faster_than_the_court_gets_through_them(monkeypatch):
    monkeypatch.setattr(optimize, "FAMILIES_AHEAD", 4)
    started: list[int] = []

    def unstarted():
        for number in range(60):
            started.append(number)
            yield [chain(number)]

    court = SlowCourt(started)
    params = load("optimize", OptimizeParams, ROOT / "params.yaml")
    usage = Usage(load("engine", EngineParams, ROOT / "params.yaml").prices)
    brief = Brief(params, read_prompts(ROOT / "pipeline/prompts/chat").rewrite, seed=1)
    with Journal.open(Path("verdicts")) as verdicts, Journal.open(Path("completions")) as completions:
        workshop = optimize.Workshop(Scripted(lambda _: [LINEAR]), court, verdicts, brief, unstarted())
        workshop.work(completions, usage)
    assert len(workshop.rows) == len(court.ahead) == 60
    assert max(court.ahead) <= 6
