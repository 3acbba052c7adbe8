"""The sandbox as an instrument: our measuring harness in fresh isolated processes, and the machine's name."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

from pipeline.identity import content_id
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import OK

# Backstops of one process, far above what it needs: a solution that no alarm stops ends here.
WORKER_CPU_S = 10.0
WORKER_WALL_S = 60.0


def asker(sandbox: Sandbox, source: str, params: SandboxParams) -> Callable[[bytes], bytes | None]:
    """Sends one request to a fresh process that runs `source`; None where it did not end well.

    Raises (when called):
        SandboxError: the sandbox itself broke.
    """

    def ask(payload: bytes) -> bytes | None:
        result = sandbox.run_worker(
            source,
            payload,
            cpu_s=WORKER_CPU_S,
            wall_s=WORKER_WALL_S,
            memory_bytes=params.memory_mb << 20,
        )
        return result.output if result.status == OK else None

    return ask


def machine_facts() -> str:
    """What times depend on: processor, cores, system, Python."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {python}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the general name has to do
    return platform.processor() or platform.machine()


def machine_id(facts: str) -> str:
    """The machine's name in tables."""
    return content_id("machine", facts)
