"""optimize: the model's faster versions of slow trusted solutions, round by round.

A chain starts at a trusted solution. Each round shows the model its code and where its time goes, and asks
for several faster versions; the best one that agrees with it and is faster becomes the parent of the next
round. A chain ends when a round brings nothing faster. While one chain's rewrites are executed and measured,
the engine works on the others.
"""

import itertools
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from pipeline.counts import write_counts
from pipeline.engines.journaled import ask_journaled
from pipeline.engines.opened import EngineParams, open_engine
from pipeline.engines.types import Answer, Engine, Request
from pipeline.engines.usage import Usage
from pipeline.journal import Journal
from pipeline.params import Base, load
from pipeline.progress import meter
from pipeline.prompts.template import PromptParams, read_prompts
from pipeline.sandbox.params import SandboxParams
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
from stages.chains import Brief, Chain, OptimizeParams, continued, normal, rewrite_rows
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
from stages.instrument import ProfileParams

COMPLETIONS = Path(".cache/journal/completions")
# Families waiting for the court, some 50 KB each; while there are so many, nothing more is asked.
FAMILIES_AHEAD = 1000


def chains(params: OptimizeParams, min_p_sure: float, counts: Counter[str]) -> Iterator[list[Chain]]:
    """A task's slowest trusted solutions, for every task that has a workload and any of them."""
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
        known = frozenset(map(normal, code.values()))
        of_task = []
        for row in slowest[: params.chains_per_task]:
            member = (row["solution_id"], code[row["solution_id"]])
            family = Family(task.task_id, task.entry_point, (member,), believed, sure, *workloads)
            of_task.append(Chain(task, family, row["hot_lines"], 1, known))
        if of_task:
            yield of_task


class Workshop:
    """Chains in work: requests going out, rewrites being judged, the next rounds coming back.

    A task's chains work one after another: a rewrite that two of them give is the first one's, whichever
    would be answered first.

    unstarted: the chains of each task.
    """

    def __init__(
        self, engine: Engine, court: Court, journal: Journal, brief: Brief, unstarted: Iterator[list[Chain]]
    ) -> None:
        self.engine, self.court, self.journal, self.brief = engine, court, journal, brief
        self.rows: dict[str, Row] = {}
        self.counts: Counter[str] = Counter()
        self._unstarted = unstarted
        self._to_ask: deque[Chain] = deque()
        self._asked: dict[Request, Chain] = {}
        self._behind: dict[str, deque[Chain]] = {}  # by task, those that wait for the one at work
        self._judging: dict[Future[list[Verdict]], tuple[Chain, list[Row], Family]] = {}
        self._finished: SimpleQueue[Future[list[Verdict]]] = SimpleQueue()
        self._pool = ThreadPoolExecutor(court.at_a_time)

    def work(self, completions: Journal, usage: Usage) -> None:
        """Run all chains to their ends."""
        with meter("optimize", "rounds") as gauge, self._pool:
            # Requests end while answers are out: the chains that these continue are asked in another pass.
            while (first := self._next()) is not None:
                for outcome in ask_journaled(self.engine, self._requests(first), completions):
                    usage.show(gauge, outcome)
                    chain = self._asked.pop(outcome.request)
                    if isinstance(outcome, Answer):
                        self._answered(chain, outcome)
                    else:
                        self._ended(chain)

    def _requests(self, first: Chain) -> Iterator[Request]:
        for chain in itertools.chain([first], iter(self._next, None)):
            request = self.brief.request(chain)
            self._asked[request] = chain
            yield request

    def _next(self) -> Chain | None:
        """The chain to ask next, as soon as there is one; None where the others have ended or are out."""
        while True:
            while len(self._judging) >= FAMILIES_AHEAD or not self._finished.empty():
                self._take_verdicts()
            if self._to_ask:
                return self._to_ask.popleft()
            of_task = next(self._unstarted, None)
            if of_task is not None:
                first, *behind = of_task
                self._behind[first.task.task_id] = deque(behind)
                return first
            if not self._judging:
                return None
            self._take_verdicts()

    def _ended(self, chain: Chain) -> None:
        behind = self._behind[chain.task.task_id]
        if behind:
            self._to_ask.append(behind.popleft())
        else:
            del self._behind[chain.task.task_id]

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
        if decided is not None:
            self._judged(chain, fresh, decided)
            return
        future = self._pool.submit(self.court.verdicts, family)
        self._judging[future] = chain, fresh, family
        future.add_done_callback(self._finished.put)

    def _take_verdicts(self) -> None:
        """Wait for one family's."""
        future = self._finished.get()
        chain, rows, family = self._judging.pop(future)
        verdicts = future.result()
        keep(self.court, family, verdicts, self.journal)
        self._judged(chain, rows, verdicts)

    def _judged(self, chain: Chain, rows: list[Row], verdicts: list[Verdict]) -> None:
        further = continued(chain, rows, verdicts, self.brief.params.rounds)
        if further is None:
            self._ended(chain)
        else:
            self._to_ask.append(further)


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
        Court.opened(base.seed, profile_params, sandbox_params) as court,
        open_engine(engine_params) as engine,
    ):
        unstarted = chains(params, verify_params.min_p_sure, counts) if params.rounds else iter(())
        workshop = Workshop(engine, court, journal, Brief(params, prompt, base.seed), unstarted)
        workshop.work(completions, usage)
    print(f"optimize: {usage.summary()}")
    write(REWRITES, workshop.rows.values())
    write_counts("optimize", counts + workshop.counts + usage.counts + Counter(rewrites=len(workshop.rows)))


if __name__ == "__main__":
    run(main)
