"""optimize: the model's faster versions of slow trusted solutions, round by round.

A chain starts at a trusted solution. Each round shows the model its code and where its time goes, and asks
for several faster versions; the best one that agrees with it and is faster becomes the parent of the next
round. A chain ends when a round brings nothing faster. While one chain's rewrites are executed and measured,
the engine works on the others.
"""

import ast
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from pipeline.counts import write_counts
from pipeline.engines.journaled import ask_journaled
from pipeline.engines.opened import EngineParams, open_engine
from pipeline.engines.types import Answer, Engine, Request, Sampling
from pipeline.engines.usage import Usage
from pipeline.extraction.solutions import Loss, extract_solution
from pipeline.identity import child_seed, content_id
from pipeline.journal import Journal
from pipeline.params import Base, Section, load
from pipeline.progress import meter
from pipeline.prompts.requests import rewrite_request
from pipeline.prompts.template import Prompt, PromptParams, read_prompts
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.schemas.profiles import PROFILES
from pipeline.schemas.rewrites import REWRITES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.workloads import WORKLOADS
from pipeline.stage import run
from pipeline.tables import Row, by_task, write
from pipeline.tasks import Task
from stages import families
from stages.families import (
    Court,
    Family,
    Verdict,
    VerifyParams,
    believed_tests,
    journaled_verdicts,
    keep,
    workloads_of,
)
from stages.instrument import ProfileParams, instrument

COMPLETIONS = Path(".cache/journal/completions")


class OptimizeParams(Section):
    """How hard is tried.

    rounds: of rewriting, at most; a chain ends early when a round brings nothing faster.
    samples: rewrites a parent and round.
    chains_per_task: slowest trusted solutions of a task that are rewritten.
    temperature, top_p, max_tokens: how rewrites are drawn.
    """

    rounds: int = Field(ge=0)
    samples: int = Field(ge=1, le=1024)
    chains_per_task: int = Field(ge=0)
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    max_tokens: int = Field(ge=1)


@dataclass(frozen=True)
class Chain:
    """A line of rewrites, at its present end.

    family: everything but the rewrites: the parent is its only member.
    profile: the parent's hot lines. number: of the round to come, from 1. known: codes of the task.
    """

    task: Task
    family: Family
    profile: str
    number: int
    known: frozenset[str]

    @property
    def parent(self) -> tuple[str, str]:
        """(solution_id, code) of what is rewritten next."""
        return self.family.members[0]


def chains(params: OptimizeParams, min_p_sure: float, counts: Counter[str]) -> Iterator[Chain]:
    """The slowest trusted solutions of every task that has a workload."""
    for _, (tasks, solutions, tests, test_scores, profiles, workload_rows) in by_task(
        TASKS, SOLUTIONS, TESTS, TEST_SCORES, PROFILES, WORKLOADS
    ):
        workloads = workloads_of(workload_rows)
        if workloads is None or not tasks:
            counts["dropped_task_not_measured"] += 1
            continue
        task = Task.from_row(tasks[0])
        believed, sure = believed_tests(tests, test_scores, min_p_sure)
        code = {row["solution_id"]: row["code"] for row in solutions}
        slowest = sorted(profiles, key=lambda row: (-row["cpu_s"], row["solution_id"]))
        for row in slowest[: params.chains_per_task]:
            member = (row["solution_id"], code[row["solution_id"]])
            family = Family(task.task_id, task.entry_point, (member,), believed, sure, *workloads)
            yield Chain(task, family, row["hot_lines"], 1, frozenset(map(normal, code.values())))


def normal(code: str) -> str:
    """The code without docstrings, comments and layout: equal for two that differ in these alone.

    Code too deep to be walked, such as a sum of five hundred terms, is its own text.
    """
    try:
        return _normal(code)
    except RecursionError:
        return code


def _normal(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def request_of(chain: Chain, params: OptimizeParams, prompt: Prompt, seed: int) -> Request:
    """What is asked in the chain's next round."""
    parent_id, code = chain.parent
    return rewrite_request(
        chain.task,
        code,
        chain.profile,
        prompt,
        n=params.samples,
        sampling=Sampling(params.temperature, params.top_p, params.max_tokens),
        seed=child_seed(seed, "rewrites", parent_id, str(chain.number)),
    )


def rewrite_rows(chain: Chain, model: str, answer: Answer, counts: Counter[str]) -> list[Row]:
    """The distinct new codes in an answer; what the others were is counted."""
    found: dict[str, Row] = {}
    shown = "\n\n".join([*(message.content for message in answer.request.messages), answer.request.prefill])
    for index, completion in enumerate(answer.completions):
        counts["rewrite_samples"] += 1
        outcome = extract_solution(chain.task, answer.request.prefill, completion.text)
        if isinstance(outcome, Loss):
            counts[f"rewrite_lost_{outcome.reason}"] += 1
            continue
        text = normal(outcome.code)
        if text == normal(chain.parent[1]) or text in chain.known:
            counts["rewrite_lost_unchanged" if text == normal(chain.parent[1]) else "rewrite_lost_known"] += 1
            continue
        counts["rewrite_repeats"] += text in found
        row = found.setdefault(
            text,
            {
                "solution_id": content_id("solution", chain.task.task_id, outcome.code),
                "task_id": chain.task.task_id,
                "code": outcome.code,
                "completion": completion.text,
                "sample_count": 0,
                "n_tokens": completion.n_tokens,
                "model": model,
                "seed": answer.request.seed + index,
                "parent_id": chain.parent[0],
                "round": chain.number,
                "shown_prompt": shown,
            },
        )
        row["sample_count"] += 1
    return sorted(found.values(), key=lambda row: str(row["solution_id"]))


def continued(chain: Chain, rows: Sequence[Row], verdicts: Sequence[Verdict], rounds: int) -> Chain | None:
    """The chain one round on, from the fastest certified rewrite; None where it ends."""
    code = {row["solution_id"]: row["code"] for row in rows}
    faster = [verdict for verdict in verdicts if verdict.reason == families.FASTER]
    if not faster or chain.number >= rounds:
        return None
    best = max(faster, key=lambda verdict: (verdict.speedup_low or 0.0, verdict.solution_id))
    member = (best.solution_id, code[best.solution_id])
    return Chain(
        chain.task,
        replace(chain.family, members=(member,)),
        best.hot_lines,
        chain.number + 1,
        chain.known | {normal(text) for text in code.values()},
    )


@dataclass(frozen=True)
class Brief:
    """How rewrites are asked for."""

    params: OptimizeParams
    prompt: Prompt
    seed: int

    def request(self, chain: Chain) -> Request:
        """What is asked in the chain's next round."""
        return request_of(chain, self.params, self.prompt, self.seed)


class Workshop:
    """Chains in work: requests going out, rewrites being judged, the next rounds coming back."""

    def __init__(self, engine: Engine, court: Court, journal: Journal, brief: Brief) -> None:
        self.engine, self.court, self.journal, self.brief = engine, court, journal, brief
        self.rows: dict[str, Row] = {}
        self.counts: Counter[str] = Counter()
        self._waiting: deque[Request] = deque()
        # Chains by task, the first at work: a rewrite that two of them give is the first one's, whichever
        # would be answered first.
        self._of_task: dict[str, deque[Chain]] = {}
        self._asked: dict[Request, Chain] = {}
        self._judging: dict[Future[list[Verdict]], tuple[Chain, list[Row], Family]] = {}
        # One thread: the sandbox's workers serve one caller, and measurements disturb each other.
        self._pool = ThreadPoolExecutor(1)

    def start(self, chain: Chain) -> None:
        """Put a chain's first round in the queue, behind its task's other chains."""
        of_task = self._of_task.setdefault(chain.task.task_id, deque())
        of_task.append(chain)
        if len(of_task) == 1:
            self._continue(chain)

    def _continue(self, chain: Chain) -> None:
        request = self.brief.request(chain)
        self._asked[request] = chain
        self._waiting.append(request)

    def work(self, completions: Journal, usage: Usage) -> None:
        """Run all chains to their ends."""
        with meter("optimize", "rounds") as gauge, self._pool:
            while self._waiting or self._judging:
                for outcome in ask_journaled(self.engine, self._requests(), completions):
                    usage.show(gauge, outcome)
                    chain = self._asked[outcome.request]
                    if isinstance(outcome, Answer):
                        self._answered(chain, outcome)
                    else:
                        self._ended(chain)

    def _requests(self) -> Iterator[Request]:
        # Ends while answers are out: the chains they continue are asked in another pass.
        while self._waiting or self._judging:
            if self._waiting:
                yield self._waiting.popleft()
                continue
            done, _ = wait(self._judging, return_when=FIRST_COMPLETED)
            for future in done:
                self._judged(future)

    def _ended(self, chain: Chain) -> None:
        of_task = self._of_task[chain.task.task_id]
        of_task.popleft()
        if of_task:
            self._continue(of_task[0])

    def _answered(self, chain: Chain, answer: Answer) -> None:
        rows = rewrite_rows(chain, self.engine.model, answer, self.counts)
        fresh = [row for row in rows if row["solution_id"] not in self.rows]
        self.counts["rewrite_lost_other_chain"] += len(rows) - len(fresh)
        self.rows |= {row["solution_id"]: row for row in fresh}
        if not fresh:
            self._ended(chain)
            return
        members = (*chain.family.members, *((row["solution_id"], row["code"]) for row in fresh))
        family = replace(chain.family, members=members)
        decided = journaled_verdicts(self.court, family, self.journal)
        if decided is None:
            future = self._pool.submit(self.court.verdicts, family)
        else:
            future = Future()
            future.set_result(decided)
        self._judging[future] = chain, fresh, family

    def _judged(self, future: "Future[list[Verdict]]") -> None:
        chain, rows, family = self._judging.pop(future)
        verdicts = future.result()
        keep(self.court, family, verdicts, self.journal)
        further = continued(chain, rows, verdicts, self.brief.params.rounds)
        if further is None:
            self._ended(chain)
        else:
            self._continue(further)


def main() -> None:
    """Rewrite, judge, and write every rewrite."""
    base, params = load("base", Base), load("optimize", OptimizeParams)
    engine_params, sandbox_params = load("engine", EngineParams), load("sandbox", SandboxParams)
    profile_params, verify_params = load("profile", ProfileParams), load("verify", VerifyParams)
    prompt = read_prompts(load("prompts", PromptParams).folder).rewrite
    counts: Counter[str] = Counter()
    usage = Usage(engine_params.prices)
    with (
        Journal.open(COMPLETIONS) as completions,
        Journal.open(families.JOURNAL) as journal,
        Sandbox.open(sandbox_params) as sandbox,
        open_engine(engine_params) as engine,
    ):
        measuring = instrument(base.seed, profile_params, sandbox, sandbox_params)
        court = Court(measuring, sandbox, profile_params.min_speedup)
        workshop = Workshop(engine, court, journal, Brief(params, prompt, base.seed))
        if params.rounds:
            for chain in chains(params, verify_params.min_p_sure, counts):
                workshop.start(chain)
        workshop.work(completions, usage)
    print(f"optimize: {usage.summary()}")
    write(REWRITES, workshop.rows.values())
    write_counts("optimize", counts + workshop.counts + usage.counts + Counter(rewrites=len(workshop.rows)))


if __name__ == "__main__":
    run(main)
