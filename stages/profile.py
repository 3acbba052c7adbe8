"""profile: what every trusted solution costs on enlarged inputs, and which of two is certainly faster.

The solutions of a task are measured side by side (profiling.campaign) in fresh sandboxed processes. Finished
tasks are journaled under the content of everything that decides a measurement, the machine included.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.counts import write_counts
from pipeline.journal import Journal
from pipeline.measuring import machine_id
from pipeline.parallel import in_threads
from pipeline.params import Base, load
from pipeline.progress import meter
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.schemas.comparisons import COMPARISONS
from pipeline.schemas.measurements import MEASUREMENTS
from pipeline.schemas.profiles import PROFILES
from pipeline.schemas.solution_scores import SOLUTION_SCORES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.workloads import CHECK, MAIN, SMALL, WORKLOADS
from pipeline.stage import run
from pipeline.tables import Row, by_task, writer
from profiling.campaign import Measured
from profiling.claims import seconds_claim
from profiling.hotlines import hot_lines
from profiling.scaling import exponent, exponent_gap
from stages.instrument import Instrument, ProfileParams, Subject, instrument, subject_of, workload_id

JOURNAL = Path(".cache/journal/profile")
MEASURED = TypeAdapter(Measured)


def subjects(max_solutions: int, counts: Counter[str]) -> Iterator[Subject]:
    """Every task that has something to measure; what is left out is counted."""
    for _, (tasks, *found) in by_task(TASKS, SOLUTIONS, SOLUTION_SCORES, TESTS, TEST_SCORES):
        n_trusted = sum(row["trusted"] for row in found[1])
        counts["trusted"] += n_trusted
        if not tasks:  # as in execute: solutions of a task that the table tasks does not hold
            counts["dropped_solution_without_task"] += n_trusted
            continue
        subject = subject_of(tasks[0], found, max_solutions)
        n_chosen = len(subject.solutions)
        counts["dropped_solution_acts_otherwise_or_over_limit"] += n_trusted - n_chosen
        if not subject.solutions:
            counts["dropped_task_no_trusted_solution"] += 1
        elif not subject.calls:
            counts["dropped_task_no_plain_believed_call"] += 1
            counts["dropped_solution_no_plain_believed_call"] += n_chosen
        else:
            yield subject


def workload_rows(subject: Subject, measured: Measured, seed: int) -> list[Row]:
    """The main workload, the small one, and those only compared on; each once."""
    named = [(MAIN, measured.workload), (SMALL, measured.small), *((CHECK, w) for w in measured.checks)]
    found: dict[str, Row] = {}
    for role, workload in named:
        if workload is None:
            continue
        row: Row = {
            "workload_id": workload_id(subject.task_id, workload, seed),
            "task_id": subject.task_id,
            "role": role,
            "call": workload.call,
            "shape": workload.shape,
            "size": workload.size,
            "seed": seed,
            "agreed_by": len(subject.solutions) - len(measured.dropped),
            "growth_ended": measured.ended,
            "value_digest": measured.digest if role == MAIN else None,
        }
        found.setdefault(row["workload_id"], row)
    return list(found.values())


def measurement_rows(
    task_id: str, solution_ids: Iterable[str], measured: Measured, seed: int, machine: str
) -> Iterator[Row]:
    """One row a sample."""
    if measured.workload is None:
        return
    workload = workload_id(task_id, measured.workload, seed)
    for solution_id, times, loops in zip(solution_ids, measured.times, measured.loops, strict=True):
        for process, rounds in times.items():
            for number, cpu_s in enumerate(rounds):
                if cpu_s is not None:
                    yield {
                        "solution_id": solution_id,
                        "workload_id": workload,
                        "process": process,
                        "round": number,
                        "task_id": task_id,
                        "cpu_s": cpu_s,
                        "loops": loops or 1,
                        "machine_id": machine_id(machine),
                        "machine": machine,
                    }


def profile_rows(subject: Subject, measured: Measured, seed: int) -> Iterator[Row]:
    """One row a measured solution."""
    sizes = [size for size, _ in measured.ladder]
    for index in measured.live:
        solution_id, code = subject.solutions[index]
        seconds = seconds_claim(measured.times[index])
        if seconds is None or measured.workload is None:
            continue
        cpu_s, low, high = seconds
        peak, fill, lines = measured.peaks[index], measured.fills[index], measured.lines[index]
        yield {
            "solution_id": solution_id,
            "task_id": subject.task_id,
            "workload_id": workload_id(subject.task_id, measured.workload, seed),
            "cpu_s": cpu_s,
            "cpu_s_low": low,
            "cpu_s_high": high,
            "peak_bytes": peak,
            "memory_integral_bytes_s": None if peak is None or fill is None else peak * fill * cpu_s,
            "scaling_exponent": exponent(sizes, [taken[index] for _, taken in measured.ladder]),
            "changes_arguments": None if (effect := measured.effects[index]) is None else effect != "",
            "hot_lines": hot_lines(code, lines or ()),
        }


def comparison_rows(subject: Subject, measured: Measured, seed: int, min_speedup: float) -> Iterator[Row]:
    """One row for every two measured solutions, the faster first."""
    sizes = [size for size, _ in measured.ladder]
    for pair in combinations(measured.live, 2):
        claim = measured.claim(*pair)
        if claim is None or measured.workload is None:
            continue
        slower, faster = pair if claim.ratio >= 1 else pair[::-1]
        claim = claim if claim.ratio >= 1 else claim.inverse()
        slow_peak, fast_peak = measured.peaks[slower], measured.peaks[faster]
        yield {
            "faster_id": subject.solutions[faster][0],
            "slower_id": subject.solutions[slower][0],
            "task_id": subject.task_id,
            "workload_id": workload_id(subject.task_id, measured.workload, seed),
            "speedup": claim.ratio,
            "speedup_low": claim.low,
            "speedup_high": claim.high,
            "p_faster": claim.p_above_one,
            "memory_ratio": slow_peak / fast_peak if slow_peak and fast_peak else None,
            "exponent_gap": exponent_gap(
                sizes, [t[slower] for _, t in measured.ladder], [t[faster] for _, t in measured.ladder]
            ),
            "certified": claim.certified(min_speedup)
            and measured.comparable(slower, faster)
            and measured.replaces(slower, faster),
            "processes": claim.processes,
        }


def measure_missing(
    instrument: Instrument, wanted: Iterable[Subject], total: int, journal: Journal, at_a_time: int
) -> None:
    """Measure what the journal lacks; subjects are taken as they are needed."""
    with meter("profile", "tasks", total) as gauge:

        def missing() -> Iterator[Subject]:
            for subject in wanted:
                if instrument.key(subject) in journal:
                    gauge.advance(reused=True)
                else:
                    yield subject

        for subject, measured in in_threads(instrument.measured, missing(), at_a_time):
            journal.put(instrument.key(subject), MEASURED.dump_json(measured))
            gauge.advance()


def write_tables(
    instrument: Instrument, wanted: Iterable[Subject], journal: Journal, min_speedup: float
) -> Counter[str]:
    """Write workloads, measurements, profiles, comparisons from the journal; what came of it, by reason."""
    counts: Counter[str] = Counter()
    with (
        writer(WORKLOADS) as workloads,
        writer(MEASUREMENTS) as measurements,
        writer(PROFILES) as profiles,
        writer(COMPARISONS) as comparisons,
    ):
        for subject in wanted:
            measured, seed = _kept(instrument, subject, journal), instrument.task_seed(subject.task_id)
            ids = [solution_id for solution_id, _ in subject.solutions]
            compared = list(comparison_rows(subject, measured, seed, min_speedup))
            workloads.append(sorted(workload_rows(subject, measured, seed), key=lambda r: r["workload_id"]))
            samples = measurement_rows(subject.task_id, ids, measured, seed, instrument.machine)
            measurements.append(sorted(samples, key=lambda r: (r["solution_id"], r["process"], r["round"])))
            profiles.append(
                sorted(profile_rows(subject, measured, seed), key=lambda row: str(row["solution_id"]))
            )
            comparisons.append(sorted(compared, key=lambda row: (row["faster_id"], row["slower_id"])))
            counts[f"growth_{measured.ended}"] += 1
            counts.update(f"dropped_solution_{reason}" for reason in measured.dropped.values())
            n_untimed = len(subject.solutions) - len(measured.live) - len(measured.dropped)
            counts[f"dropped_solution_growth_{measured.ended}"] += n_untimed
            counts["measured"] += len(measured.live)
            counts["comparisons"] += len(compared)
            counts["certified"] += sum(row["certified"] for row in compared)
    return counts


def _kept(instrument: Instrument, subject: Subject, journal: Journal) -> Measured:
    value = journal.get(instrument.key(subject))
    assert value is not None, f"a finished measurement left the journal: {subject.task_id}"
    return MEASURED.validate_json(value)


def main() -> None:
    """Measure what the journal does not hold, then write the tables, from the journal alone."""
    base, params = load("base", Base), load("profile", ProfileParams)
    sandbox_params = load("sandbox", SandboxParams)
    counts: Counter[str] = Counter()
    total = sum(1 for _ in subjects(params.max_solutions, counts))
    # Every measurement has a process of its own: no worker of the sandbox is kept for it.
    one_worker = sandbox_params.model_copy(update={"workers": 1})
    with Journal.open(JOURNAL) as journal, Sandbox.open(one_worker) as sandbox:
        measuring = instrument(base.seed, params, sandbox, sandbox_params)
        wanted = subjects(params.max_solutions, Counter())
        measure_missing(measuring, wanted, total, journal, params.at_a_time)
        wanted = subjects(params.max_solutions, Counter())
        counts += write_tables(measuring, wanted, journal, params.min_speedup)
    write_counts("profile", counts)


if __name__ == "__main__":
    run(main)
