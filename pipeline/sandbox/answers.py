"""What the bytes and the end of a child say about a program: frames and exit codes -> Seen."""

from pipeline.sandbox import statuses, values
from pipeline.sandbox.inside import layout, parse
from pipeline.sandbox.jobs import Seen
from pipeline.sandbox.zygote import Outcome, read_frames

STATUS_OF_KIND = {
    layout.PLAIN: statuses.OK,
    layout.RAISED: statuses.ERROR,
    layout.NOT_COMPILED: statuses.SYNTAX,
    layout.EXITED: statuses.EXIT,
    layout.OUT_OF_MEMORY: statuses.MEMORY,
    layout.REFUSED: statuses.FORBIDDEN,
    layout.NOT_PLAIN: statuses.OPAQUE,
    layout.TOO_LARGE: statuses.LARGE,
    layout.PASSED: statuses.PASS,
    layout.FAILED: statuses.FAIL,
}
SIGKILL, SIGSYS, SIGXCPU = 9, 31, 24


def seen_of_frame(kind: int, payload: bytes, known: dict[bytes, Seen]) -> Seen:
    """What a frame of one of the kinds in STATUS_OF_KIND says; `known` remembers what was read before."""
    answer = bytes((kind,)) + payload
    return known.get(answer) or _read(kind, payload, answer, known)


def seen_of_answer(answer: bytes, known: dict[bytes, Seen]) -> Seen | None:
    """What a new answer of a call says; None if nothing."""
    if not answer or answer[0] > layout.TOO_LARGE:
        return None
    return _read(answer[0], answer[1:], answer, known)


def _read(kind: int, payload: bytes, answer: bytes, known: dict[bytes, Seen]) -> Seen:
    if kind == layout.PLAIN:
        seen = _value(payload)
    else:
        named = payload.decode("utf-8", "replace") if kind == layout.RAISED else None
        seen = Seen(STATUS_OF_KIND[kind], repr=named)
    return known.setdefault(answer, seen)


def _value(raw: bytes) -> Seen:
    try:
        value = parse.parse(raw)
    except parse.TooDeep:
        return Seen(statuses.LARGE)
    except parse.Malformed:
        return Seen(statuses.OPAQUE)
    canonical = values.canonical(value)
    return Seen(statuses.OK, canonical, values.digest(canonical), values.shown(value, len(raw)))


def split_seen(outcome: Outcome) -> Seen:
    """What a check in a process of its own says; what became of its program comes first."""
    if outcome.second:
        if outcome.second == layout.EXIT_MEMORY:
            return Seen(statuses.MEMORY)
        return Seen(status_of_end(outcome.second) or statuses.EXIT)
    status = status_of_end(outcome.ended)
    frame = next(read_frames(outcome.frames), None)
    if status is not None or frame is None:
        return Seen(status or statuses.EXIT)
    return Seen(STATUS_OF_KIND.get(frame[3], statuses.ERROR))


def alone_seen(
    outcome: Outcome, program: int, call: int, known: dict[bytes, Seen]
) -> tuple[int, Seen, int | None]:
    """(call, or WHOLE where the program does not load; what its child says about it; CPU ns)."""
    status = status_of_end(outcome.ended)
    if status is not None:
        return call, Seen(status), None
    for frame in read_frames(outcome.frames):
        if frame[1] == program and frame[2] in (call, layout.WHOLE) and frame[3] <= layout.TOO_LARGE:
            return frame[2], seen_of_frame(frame[3], frame[5], known), frame[4]
    return call, Seen(statuses.EXIT), None


def status_of_end(ended: int) -> str | None:
    """The status an end of the process gives by itself; None for a clean exit."""
    if ended in (layout.OVER_CPU, layout.OVER_WALL) or ended == -SIGXCPU:
        return statuses.TIMEOUT
    if ended == -SIGKILL:
        return statuses.MEMORY  # not by us: the kernel's out-of-memory killer
    if ended == -SIGSYS:
        return statuses.FORBIDDEN
    if ended < 0:
        return statuses.CRASH
    return statuses.EXIT if ended > 0 else None
