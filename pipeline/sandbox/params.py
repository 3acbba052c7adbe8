"""The `sandbox` section of params.yaml."""

from typing import Literal

from pydantic import Field

from pipeline.params import Section

MAX_VALUE_BYTES = 1 << 22
Isolation = Literal["auto", "namespaces", "landlock", "none"]


class SandboxParams(Section):
    """How untrusted code is confined and limited.

    isolation: auto takes the best way that works here; none runs without isolation and must be asked for.
    workers: processes at work, 0 for one a core.
    memory_mb: what one process may allocate beyond Python itself.
    call_cpu_s: the least CPU limit of a call; raised to `limit_medians` times the task's median call.
    limit_medians: see `call_cpu_s`.
    max_call_cpu_s: the CPU limit never grows beyond this.
    sleep_wall_s: a call that makes no progress for this long in wall-clock time is stopped.
    abandon_after: a program is given up after so many timeouts.
    max_value_bytes: larger values are not brought back.
    """

    isolation: Isolation
    workers: int = Field(ge=0)
    memory_mb: int = Field(ge=16)
    call_cpu_s: float = Field(gt=0)
    limit_medians: float = Field(ge=1)
    max_call_cpu_s: float = Field(gt=0)
    sleep_wall_s: float = Field(gt=0)
    abandon_after: int = Field(ge=1)
    max_value_bytes: int = Field(ge=1024, le=MAX_VALUE_BYTES)
