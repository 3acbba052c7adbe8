"""Command line of the benchmark; see the package's docstring."""

import argparse
import gc
import json
import random
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.execution.limit import limit_cpu_s
from benchmarks.execution.samples import Sample, read_samples
from benchmarks.execution.soak import soak
from benchmarks.execution.truth import compare_with_truth
from benchmarks.execution.verdicts import judge
from pipeline.params import load
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import ABANDONED, CRASH, EXIT, MEMORY, TIMEOUT
from pipeline.stage import run

ROUNDS = 2
REPEATS = 3  # of the large set, where everything is over in a moment
LARGE_TASKS = 8
NOT_TERMINATING = {TIMEOUT, ABANDONED, MEMORY, CRASH, EXIT}


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    us: CPU microseconds a (solution, test).
    limit_us: the same without isolation; None where programs never end.
    fraction: limit_us / us. per_s: (solution, test) pairs a second of wall-clock time, all workers.
    """

    us: float
    limit_us: float | None
    fraction: float | None
    per_s: float


def main() -> None:
    """Measure, print, and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.execution", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--truth", action="store_true", help="compare verdicts with a fresh process a test")
    parser.add_argument(
        "--soak", type=int, metavar="CALLS", help="run so many calls; memory, and what is left"
    )
    arguments = parser.parse_args()
    samples = read_samples(arguments.file)
    if arguments.soak:
        soak(samples, arguments.soak)
        return
    with Sandbox.open(load("sandbox", SandboxParams)) as sandbox:
        print(f"isolation: {sandbox.isolation}")
        if arguments.truth:
            compare_with_truth(samples, sandbox)
            return
        figures = _figures(samples, sandbox)
    if arguments.json:
        report = {name: asdict(figure) for name, figure in figures.items()}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _figures(samples: list[Sample], sandbox: Sandbox) -> dict[str, Figure]:
    rng = random.Random(0)
    natural = [_drawn(samples, 15, 15, rng) for _ in range(ROUNDS)]
    small = [_ending(_drawn(samples, 20, 15, rng), 15, sandbox) for _ in range(ROUNDS)]
    enough = [sample for sample in samples if len(sample.programs) >= 75 and len(sample.tests) >= 100]
    chosen = rng.sample(enough or samples, min(LARGE_TASKS, len(enough or samples)))
    large = [_ending(_drawn(chosen, 100, 100, rng), 70, sandbox)] * REPEATS
    rounds = {"15x15_terminating": small, "70x100_terminating": large, "15x15_natural": natural}
    figures = {}
    for name, drawn in rounds.items():
        figures[name] = _measured(drawn, sandbox, with_limit=name.endswith("terminating"))
        _show(name, figures[name], sum(len(sample) for one in drawn for sample in one))
    return figures


def _drawn(samples: list[Sample], n_programs: int, n_tests: int, rng: random.Random) -> list[Sample]:
    return [sample.drawn(n_programs, n_tests, rng) for sample in samples if len(sample)]


def _ending(samples: list[Sample], n_programs: int, sandbox: Sandbox) -> list[Sample]:
    """The samples with the first programs that ended by themselves on every test."""
    verdicts = judge(samples, sandbox)
    ending = []
    for sample in samples:
        rows = zip(sample.programs, verdicts[sample.task_id], strict=True)
        kept = [program for program, row in rows if NOT_TERMINATING.isdisjoint(row)]
        ending.append(replace(sample, programs=tuple(kept[:n_programs])))
    return [sample for sample in ending if len(sample)]


def _measured(rounds: list[list[Sample]], sandbox: Sandbox, *, with_limit: bool) -> Figure:
    """Sandbox and limit in turns, so that both meet the machine in the same state."""
    gc.collect()
    gc.freeze()  # the collector would go through all tasks of FILE for the few that run
    cpu_s = wall_s = limit_s = 0.0
    for samples in rounds:
        before_s, started_s = time.process_time() + sandbox.cpu_s, time.monotonic()
        judge(samples, sandbox)
        cpu_s += time.process_time() + sandbox.cpu_s - before_s
        wall_s += time.monotonic() - started_s
        limit_s += limit_cpu_s(samples, sandbox) if with_limit else 0.0
    pairs = sum(len(sample) for samples in rounds for sample in samples)
    limit_us = 1e6 * limit_s / pairs if with_limit else None
    return Figure(1e6 * cpu_s / pairs, limit_us, limit_s / cpu_s if with_limit else None, pairs / wall_s)


def _show(name: str, figure: Figure, pairs: int) -> None:
    limit = ""
    if figure.limit_us is not None and figure.fraction is not None:
        limit = f"   limit {figure.limit_us:6.1f} us   {100 * figure.fraction:5.1f} % of the limit"
    print(f"{name:<20} {pairs:>8} pairs {figure.us:8.1f} us CPU {figure.per_s:10.0f} /s wall{limit}")


if __name__ == "__main__":
    run(main)
