"""The corpus of hostile programs, by kind; `case.py` tells how to read one."""

from tests.pipeline.sandbox.hostile import (
    channel,
    clocks,
    exits,
    files,
    liars,
    loops,
    memory,
    network,
    processes,
    signals,
    state,
    tampering,
    text,
)
from tests.pipeline.sandbox.hostile.case import Case

CASES_BY_KIND: dict[str, tuple[Case, ...]] = {
    module.__name__.rpartition(".")[2]: module.CASES
    for module in (
        loops,
        memory,
        processes,
        exits,
        tampering,
        liars,
        channel,
        files,
        network,
        signals,
        clocks,
        state,
        text,
    )
}
CASES: tuple[Case, ...] = tuple(case for cases in CASES_BY_KIND.values() for case in cases)
