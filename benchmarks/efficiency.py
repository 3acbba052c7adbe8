"""How far the certificates of speedups can be believed, and what they cost.

    python -m benchmarks.efficiency [--json OUT] [--tasks 45] [--only quiet|loaded|classes|cost]

Programs whose work has exactly known ratios, bound by bytecode, by C and by allocation, are measured as the
profile stage measures solutions, in the sandbox: once on the machine as it is, once beside one spinning
process a core. Equals are tiny functions too. `certified` counts certificates in either direction; at a true
ratio of 1.00 all are false. `coverage` is the share of 95 % intervals that hold the true ratio. `classes` are
pairs of programs of known complexity; `cpu_s_per_task` is everything it takes to measure ten solutions of a
bundled task, the median.
"""

import argparse
import ast
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from benchmarks.efficiency_classes import GROUPS
from pipeline.inputs import enlarge
from pipeline.params import load
from pipeline.progress import meter
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import OK
from profiling.answers import Workload
from profiling.bundle import worker_source
from profiling.campaign import Campaign, Measured
from stages.instrument import Instrument, ProfileParams, Subject, instrument

BUNDLED = Path("pipeline/data/tasks.jsonl")
KINDS = {
    "bytecode": "        for _ in range(24):\n            t ^= 5\n",
    "c": "        t ^= sum(xs)\n",
    "allocation": "        t ^= len([[t] for _ in range(14)])\n",
}
# A call costs .2 us besides its work: with so many units that is a thousandth of the least work, without
# which the ratios would not be known well enough to judge intervals by.
UNITS_A_HUNDREDTH = 4
# Hundredths; three equal ones give comparisons of equals.
WORK = (100, 100, 100, 102, 105, 110, 120, 150, 200, 1000)
# One function in forms that compile to the same: what a call of .1 us costs beside the harness is all alike.
TINY = tuple("def f(xs):\n    return xs[0] * 3\n" + "\n" * lines for lines in range(5))
PARTS = ("quiet", "loaded", "classes", "cost")
LEVELS = ("1.00", "1.02", "1.05", "1.10", "1.20", "1.50", "2.00", "10.00")


@dataclass
class Level:
    """What came of the comparisons at one true ratio."""

    comparisons: int = 0
    certified: int = 0
    wrong: int = 0
    covered: int = 0

    def figures(self) -> dict[str, float]:
        """As the JSON wants them."""
        return {
            "comparisons": self.comparisons,
            "certified": self.certified,
            "wrong": self.wrong,
            "coverage": self.covered / max(self.comparisons, 1),
        }


@dataclass
class Bench:
    """The instrument, and the CPU that its processes used."""

    instrument: Instrument
    min_speedup: float
    cpu_s: float = field(default=0.0)


def program(kind: str, hundredths: int) -> str:
    """A function `f` that does its unit of work so many times, and returns the same whatever it did."""
    loop = f"    for _ in repeat(None, {UNITS_A_HUNDREDTH * hundredths}):\n{KINDS[kind]}"
    return f"from itertools import repeat\n\ndef f(xs):\n    t = 0\n{loop}    return 7\n"


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes spin while the block runs."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def certificates(bench: Bench, n_tasks: int, label: str) -> dict[str, Level]:
    """The levels' counts over so many tasks, kinds in turn."""
    levels = {name: Level() for name in LEVELS}
    chance = random.Random(label)
    with meter(label, "tasks", n_tasks) as gauge:
        for number in range(n_tasks):
            kind = list(KINDS)[number % len(KINDS)]
            call = f"f({[chance.randrange(1000) for _ in range(150)]})"
            work = chance.sample(WORK, len(WORK))
            codes = tuple(program(kind, hundredths) for hundredths in work)
            for timed, units in ((codes, work), (TINY, [WORK[0]] * len(TINY))):
                workload = Workload(call, "as_written", 150)
                settings = bench.instrument
                campaign = Campaign(timed, "f", chance.randrange(1 << 30), settings.plan, settings.ask)
                count(campaign.on(workload, workload, ()), units, levels, bench.min_speedup)
            gauge.advance()
    return levels


def count(measured: Measured, work: Sequence[int], levels: dict[str, Level], min_speedup: float) -> None:
    """Add a task's comparisons with programs of one unit of work to `levels`."""
    for pair in combinations(range(len(work)), 2):
        faster, slower = sorted(pair, key=lambda index: work[index])
        if work[faster] != WORK[0]:
            continue
        level = levels[f"{work[slower] / work[faster]:.2f}"]
        level.comparisons += 1
        claim = measured.claim(slower, faster)
        if claim is None:
            continue
        backwards = claim.inverse().certified(min_speedup)
        level.certified += claim.certified(min_speedup) or backwards
        level.wrong += backwards and work[slower] != work[faster]
        level.covered += claim.low <= work[slower] / work[faster] <= claim.high


def classes(bench: Bench) -> tuple[int, int, list[str]]:
    """(pairs, right ones, what went wrong) of programs with known complexity."""
    pairs, right, missed = 0, 0, []
    with meter("classes", "groups", len(GROUPS)) as gauge:
        for group in GROUPS:
            solutions = tuple((str(place), code) for place, code in enumerate(group.programs))
            measured = bench.instrument.measured(Subject(group.calls[0], "f", solutions, group.calls))
            for better, worse in combinations(range(len(solutions)), 2):
                pairs += 1
                claim = measured.claim(worse, better)
                if claim is not None and claim.low > 1:
                    right += 1
                else:
                    missed.append(
                        f"{group.calls[0]} {better} {worse} {measured.ended} {measured.dropped} {claim}"
                    )
            gauge.advance()
    return pairs, right, missed


def ten_solutions(reference: str, entry_point: str) -> tuple[str, ...]:
    """Ten forms of the reference that differ in text; three of them do all the work twice to four times."""
    inner = reference.replace(f"{entry_point}(", "_once(")
    head = reference[: reference.index(":\n", reference.index(f"def {entry_point}(")) + 2]
    signature = ast.parse(f"{head}    pass\n").body[-1]
    assert isinstance(signature, ast.FunctionDef)
    copies = ", ".join(f"deepcopy({argument.arg})" for argument in signature.args.args)
    found = [f"{reference}\n_FORM = {number}\n" for number in range(7)]
    for times in (2, 3, 4):
        again = f"    for _ in range({times}):\n        value = _once({copies})\n    return value\n"
        found.append(f"from copy import deepcopy\n{inner}\n\n{head}{again}")
    return tuple(found)


def cost(bench: Bench) -> float:
    """Median CPU seconds, everything included, to measure ten solutions of a bundled task."""
    spent = []
    tasks = [json.loads(line) for line in BUNDLED.read_text(encoding="utf-8").splitlines()]
    with meter("cost", "tasks", len(tasks)) as gauge:
        for task in tasks:
            tests = [*task["example_tests"], *task["reference_tests"]]
            solutions = ten_solutions(task["reference_solution"], task["entry_point"])
            texts = (test.removeprefix("assert ").strip() for test in tests)
            calls = {call for text in texts if (call := enlarge.plain_call(text, task["entry_point"]))}
            named = tuple((str(place), code) for place, code in enumerate(solutions))
            subject = Subject(task["id"], task["entry_point"], named, tuple(sorted(calls)))
            before, own = bench.cpu_s, time.process_time()
            bench.instrument.measured(subject)
            spent.append(bench.cpu_s - before + time.process_time() - own)
            gauge.advance()
    return statistics.median(spent)


def bench_of(sandbox: Sandbox, sandbox_params: SandboxParams) -> Bench:
    """The profile stage's instrument, with its processes' CPU seconds added up."""
    params = load("profile", ProfileParams)
    inner = instrument(0, params, sandbox, sandbox_params)
    source = worker_source(Path(enlarge.__file__))
    bench = Bench(inner, params.min_speedup)

    def ask(payload: bytes) -> bytes | None:
        result = sandbox.run_worker(
            source, payload, cpu_s=10.0, wall_s=60.0, memory_bytes=sandbox_params.memory_mb << 20
        )
        bench.cpu_s += result.cpu_s
        return result.output if result.status == OK else None

    bench.instrument = replace(inner, ask=ask)
    return bench


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--tasks", type=int, default=45, help="measured tasks a condition, 34 comparisons each"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="leave out the other parts")
    options = parser.parse_args()
    parts = options.only or PARTS
    sandbox_params = load("sandbox", SandboxParams)
    figures: dict[str, object] = {}
    with Sandbox.open(sandbox_params) as sandbox:
        bench = bench_of(sandbox, sandbox_params)
        if "quiet" in parts:
            figures["quiet"] = told("quiet", certificates(bench, options.tasks, "quiet"))
        if "loaded" in parts:
            with hogs(os.cpu_count() or 1):
                figures["loaded"] = told("loaded", certificates(bench, options.tasks, "loaded"))
        if "classes" in parts:
            pairs, right, missed = classes(bench)
            print(f"classes: {right} of {pairs} pairs right", *missed, sep="\n  missed: ")
            figures["classes"] = {"pairs": pairs, "right": right}
        if "cost" in parts:
            figures["cpu_s_per_task"] = cost(bench)
            print(f"cost: {figures['cpu_s_per_task']:.3f} CPU s a task of ten solutions, median")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def told(label: str, levels: dict[str, Level]) -> dict[str, dict[str, float]]:
    """The levels' figures, printed on the way."""
    print(f"{label}:  true ratio  comparisons  certified  wrong  coverage")
    for name, level in levels.items():
        shares = f"{level.certified / max(level.comparisons, 1):9.1%}  {level.wrong:5d}"
        coverage = level.covered / max(level.comparisons, 1)
        print(f"{'':{len(label) + 1}}  {name:>10}  {level.comparisons:11d}  {shares}  {coverage:8.1%}")
    total, covered = (
        sum(getattr(level, name) for level in levels.values()) for name in ("comparisons", "covered")
    )
    print(f"{'':{len(label) + 1}}  {'all':>10}  {total:11d}  {'':16}  {covered / max(total, 1):8.1%}")
    return {name: level.figures() for name, level in levels.items()}


if __name__ == "__main__":
    main()
