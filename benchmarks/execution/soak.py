"""A long run: whether memory stays flat, and whether anything is left behind."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from benchmarks.execution.samples import Sample
from benchmarks.execution.verdicts import job_of
from pipeline.params import load
from pipeline.sandbox.jobs import Job
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

REPORTS = 10
PLACES = (Path("/tmp"), Path("/dev/shm"), Path("/run"), Path("/sys/fs/cgroup"))


def soak(samples: list[Sample], n_calls: int) -> None:
    """Execute `n_calls` calls of the samples, over and over; print memory, and at the end what is left."""
    before = _traces()
    reached = Counter[str]()
    with Sandbox.open(load("sandbox", SandboxParams)) as sandbox:
        for result in sandbox.execute(_jobs(samples, n_calls)):
            reached["calls"] += len(result.job.calls) * len(result.job.programs)
            if reached["calls"] * REPORTS >= n_calls * (1 + reached["reports"]):
                reached["reports"] += 1
                parent_mb = _resident_mb(os.getpid())
                workers_mb = sum(map(_resident_mb, _descendants(os.getpid())))
                print(f"{reached['calls']:>10} calls: parent {parent_mb:.0f} MB, workers {workers_mb:.0f} MB")
    for name, found in _traces().items():
        print(f"{name}: {len(found - before[name])} more than before")


def _jobs(samples: list[Sample], n_calls: int) -> Iterator[Job]:
    asked = 0
    jobs = [job for job in map(job_of, samples) if job.calls and job.programs]
    for job in cycle(jobs):
        if asked >= n_calls:
            return
        asked += len(job.calls) * len(job.programs)
        yield job


def _traces() -> dict[str, set[str]]:
    """What a sandbox could leave behind, by kind."""
    return {
        "processes": {str(pid) for pid in _descendants(os.getpid())},
        "mounts": set(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()),
        "descriptors": {path.name for path in Path("/proc/self/fd").iterdir()},
        "files and cgroups": {str(path) for place in PLACES if place.is_dir() for path in place.iterdir()},
    }


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield int(child)
            yield from _descendants(int(child))


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
