"""The worker as the sandbox runs it: its source in a fresh interpreter, without the sandbox around it."""

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.inputs import enlarge
from profiling.bundle import worker_source
from profiling.campaign import Plan

PLAN = Plan(
    rounds=32,
    sample_s=5e-5,
    first_processes=2,
    max_processes=6,
    min_speedup=1.05,
    target_s=1e-4,
    call_s=0.01,
    total_s=0.02,
    growth_s=1.0,
)
_READ_AND_WRITE = """
import sys
answer = main(sys.stdin.buffer.read())
sys.__stdout__.buffer.write(answer)
"""


@cache
def source() -> str:
    return worker_source(Path(enlarge.__file__))


def ask(payload: bytes) -> bytes | None:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(source() + _READ_AND_WRITE)
        file.flush()
        command = [sys.executable, "-I", "-S", file.name]
        result = subprocess.run(command, input=payload, capture_output=True, check=False, timeout=60)
    return result.stdout if result.returncode == 0 else None


def answer(*programs: str, call: str, shape: str = "as_written", size: int = 0, **more: object) -> Any:
    """What a worker says about programs that define `f`, timed on one workload."""
    limits = {"target_s": 1e-4, "call_s": 0.01, "total_s": 0.02, "growth_s": 1.0}
    request = {
        "entry_point": "f",
        "programs": programs,
        "seed": 3,
        "order_seed": 5,
        "sample_s": 5e-5,
        "rounds": 8,
        "limits": limits,
        "workload": [call, shape, size],
        "small": [call, "as_written", 0],
        **more,
    }
    output = ask(json.dumps(request).encode())
    assert output is not None
    return json.loads(output)


def least_s(found: Any, index: int) -> float:
    return min(taken for taken in found["seconds"][index] if taken is not None)
