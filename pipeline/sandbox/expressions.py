"""Expected expressions -> canonical values, evaluated in children that hold no program."""

from collections.abc import Generator, Sequence

from pipeline.sandbox import statuses
from pipeline.sandbox.answers import Known, alone_seen, seen_of_frame
from pipeline.sandbox.inside import layout, run, shared
from pipeline.sandbox.jobs import Seen
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.zygote import Outcome, Request

EXPRESSIONS_A_CHILD = 2_000


def evaluate_group(
    texts: Sequence[str], params: SandboxParams
) -> Generator[Request, Outcome, list[bytes | None]]:
    """The canonical value of each expression, in order; None for one that has no plain value.

    An expression that exceeds a limit has none. One that the scan keeps from sharing a child, or under which
    a shared child broke (another may have taken its memory), is evaluated in a child of its own.
    """
    found: dict[int, Seen] = {}
    alone: set[int] = set()
    known: Known = {}
    while missing := [index for index in range(len(texts)) if index not in found and index not in alone]:
        body = [texts[index] for index in missing]
        outcome = yield _request(run.EXPRESSIONS, body, params)
        for frame in outcome.frames:
            _, _, number, kind, _, payload = frame
            if kind == layout.CALL_NEEDS_ALONE:
                alone.add(missing[number])
            else:
                found[missing[number]] = seen_of_frame(kind, payload, known)
        if outcome.ended in (layout.OVER_CPU, layout.OVER_WALL):
            found[missing[outcome.mark[2]]] = Seen(statuses.TIMEOUT)
        elif not outcome.complete and not outcome.full:
            alone.add(missing[outcome.mark[2]])
    for index in sorted(alone):
        only: list[shared.JobRequest] = [(0, "", [(0, texts[index])], [], [(0, "", None)])]
        outcome = yield _request(run.ALONE, only, params)
        _, found[index], _ = alone_seen(outcome, 0, 0, known, params.max_value_bytes)
    return [found[index].value for index in range(len(texts))]


def _request(mode: int, body: object, params: SandboxParams) -> Request:
    total_s = 3600.0 if mode == run.EXPRESSIONS else 3 * params.call_cpu_s
    work = (mode, params.max_value_bytes, body)
    return Request(work, params.call_cpu_s, total_s, params.sleep_wall_s, shared=mode == run.EXPRESSIONS)
