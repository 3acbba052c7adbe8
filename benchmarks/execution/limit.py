"""The no-isolation limit: plain exec of every test in every program, in one process.

It runs as a harness inside the sandbox's fresh process, because the programs are as untrusted here as
anywhere; nothing isolates them from one another or from the harness, which is what makes it the limit.
"""

import json

from benchmarks.execution.samples import Sample
from pipeline.errors import SandboxError
from pipeline.sandbox.sandbox import Sandbox

# Each program and each test is compiled once; each test runs in the namespace of each program.
SOURCE = """
import json, time

def main(payload):
    tasks = json.loads(payload)
    started = time.process_time()
    for programs, tests in tasks:
        compiled = [compile(test, "<test>", "exec") for test in tests]
        for program in programs:
            namespace = {"__name__": "solution"}
            try:
                exec(compile(program, "<solution>", "exec"), namespace)
            except Exception:
                continue
            for test in compiled:
                try:
                    exec(test, namespace)
                except Exception:
                    pass
    return json.dumps(time.process_time() - started).encode()
"""


def limit_cpu_s(samples: list[Sample], sandbox: Sandbox) -> float:
    """CPU seconds of the samples by plain exec.

    Raises:
        SandboxError: a program brought the harness down (it should not be in a terminating set).
    """
    payload = json.dumps([(sample.programs, [test.code for test in sample.tests]) for sample in samples])
    result = sandbox.run_worker(SOURCE, payload.encode(), cpu_s=300, wall_s=600, memory_bytes=2 << 30)
    if result.status != "ok":
        raise SandboxError(
            "The limit could not be measured", got=f"{result.status}: {result.output[-500:]!r}"
        )
    return float(json.loads(result.output))
