"""What the bytes and the end of a child say about a program: frames and exit codes -> Seen."""

import struct

from pipeline.sandbox import statuses, values
from pipeline.sandbox.inside import layout, parse
from pipeline.sandbox.jobs import Seen
from pipeline.sandbox.params import MAX_VALUE_BYTES
from pipeline.sandbox.zygote import Outcome

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
MAX_NAME_BYTES = 1000  # of an exception's class, which a child cuts at 100 characters
SIGKILL, SIGSYS, SIGXCPU = 9, 31, 24


# What was read before: the bytes of a plain value, or the kind and the bytes of anything else -> Seen.
Known = dict[bytes | tuple[int, bytes], Seen]


def seen_of_frame(kind: int, payload: bytes, known: Known, max_bytes: int = MAX_VALUE_BYTES) -> Seen:
    """What a frame of one of the kinds in STATUS_OF_KIND says; `known` remembers what was read before.

    max_bytes: of a value, which a child that its program has for itself need not have kept to.
    """
    if len(payload) > (max_bytes if kind == layout.PLAIN else MAX_NAME_BYTES):
        return Seen(statuses.LARGE)  # written by the program itself: it takes a hundred times as much to read
    key = payload if kind == layout.PLAIN else (kind, payload)
    return known.get(key) or known.setdefault(key, _read(kind, payload))


def read_many(count: int, answers: bytes, known: Known) -> tuple[tuple[int, ...], tuple[Seen | None, ...]]:
    """(calls, what is said of each, None if nothing) by the answers in a frame of the kind MANY.

    Raises:
        struct.error: there are not so many answers.
        ValueError: their lengths are wrong.
    """
    numbers = struct.unpack_from(f"<{2 * count}I", answers)
    kinds, at = answers[8 * count : 9 * count], 9 * count
    if at + sum(numbers[count:]) != len(answers):
        raise ValueError("lengths")
    seen = []
    for kind, size in zip(kinds, numbers[count:], strict=True):
        answer = answers[at : at + size]
        at += size
        found = None if kind else known.get(answer)  # most are plain values, read before
        if found is None and kind <= layout.TOO_LARGE:
            found = seen_of_frame(kind, answer, known)
        seen.append(found)
    return numbers[:count], tuple(seen)


def _read(kind: int, payload: bytes) -> Seen:
    if kind == layout.PLAIN:
        return _value(payload)
    return Seen(
        STATUS_OF_KIND[kind], repr=payload.decode("utf-8", "replace") if kind == layout.RAISED else None
    )


def _value(raw: bytes) -> Seen:
    try:
        value = parse.parse(raw)
    except parse.TooDeep:
        return Seen(statuses.LARGE)
    except parse.Malformed:
        return Seen(statuses.OPAQUE)
    canonical = values.canonical(value)
    return Seen(statuses.OK, canonical, values.digest(canonical), values.shown(value, raw))


def split_seen(outcome: Outcome) -> Seen:
    """What a check in a process of its own says; what became of its program comes first."""
    if outcome.second:
        if outcome.second == layout.EXIT_MEMORY:
            return Seen(statuses.MEMORY)
        return Seen(status_of_end(outcome.second) or statuses.EXIT)
    status = status_of_end(outcome.ended)
    frame = next(iter(outcome.frames), None)
    if status is not None or frame is None:
        return Seen(status or statuses.EXIT)
    said = STATUS_OF_KIND.get(frame[3])
    return Seen(said if said in statuses.VERDICTS else statuses.ERROR)


def alone_seen(
    outcome: Outcome, program: int, call: int, known: Known, max_bytes: int
) -> tuple[int, Seen, int | None]:
    """(call, or WHOLE where the program does not load; what its child says about it; CPU ns)."""
    status = status_of_end(outcome.ended)
    if status is not None:
        return call, Seen(status), None
    for frame in outcome.frames:
        if frame[1] == program and frame[2] in (call, layout.WHOLE) and frame[3] <= layout.TOO_LARGE:
            return frame[2], seen_of_frame(frame[3], frame[5], known, max_bytes), frame[4]
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
