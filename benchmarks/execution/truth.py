"""Verdicts of the sandbox next to those of a fresh process for every (solution, test).

The truth runs each test as its author wrote it, by Python's own `assert`, in a process that meets one
solution and one test. Where FILE itself says who passed, that is the first witness, and only what differs
from it is run again; differences that remain are printed.
"""

from collections import Counter

from benchmarks.execution.samples import Sample
from benchmarks.execution.verdicts import judge
from pipeline.sandbox.jobs import Call, Job, Program
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import OK, PASS

Pair = tuple[int, int]
PRINTED = 40


def compare_with_truth(samples: list[Sample], sandbox: Sandbox) -> None:
    """Print how many verdicts agree, and those that do not."""
    agreed = Counter[str]()
    for sample in samples:
        verdicts = judge([sample], sandbox)[sample.task_id]
        differing = _differing(sample, verdicts)
        agreed["pairs"] += len(sample)
        agreed["unlike FILE"] += len(differing)
        truth = fresh_verdicts(sample, differing, sandbox)
        for program, test in differing:
            ours, status = verdicts[program][test], truth[program, test]
            if (ours == PASS) == (status == OK):
                agreed["unlike FILE, like a fresh process"] += 1
                continue
            agreed[f"ours {ours}, fresh process {status}"] += 1
            if sum(agreed.values()) - agreed["pairs"] < PRINTED + agreed["unlike FILE"]:
                code = sample.tests[test].code
                print(f"{sample.task_id} solution {program} {code!r}: ours {ours}, fresh process {status}")
    for name, count in agreed.items():
        print(f"{count:>9}  {name}")


def _differing(sample: Sample, verdicts: list[list[str]]) -> list[Pair]:
    """Pairs to look at again: all of them where FILE says nothing."""
    return [
        (program, test)
        for program in range(len(sample.programs))
        for test in range(len(sample.tests))
        if not sample.passed or sample.passed[program][test] != (verdicts[program][test] == PASS)
    ]


def fresh_verdicts(sample: Sample, pairs: list[Pair], sandbox: Sandbox) -> dict[Pair, str]:
    """Status of each pair's own process: ok if the test, as written, raised nothing."""
    by_code = {f"{sample.programs[i]}\n\n{sample.tests[j].code}\n": (i, j) for i, j in pairs}
    programs = tuple(Program(code, code) for code in by_code)
    job = Job(sample.task_id, sample.entry_point, programs, (Call("", "None"),))
    statuses = {}
    for result in sandbox.execute([job], share=False):
        for observation in result.observations:
            statuses[observation.program_id] = observation.status
    return {pair: statuses[f"{sample.programs[pair[0]]}\n\n{sample.tests[pair[1]].code}\n"] for pair in pairs}
