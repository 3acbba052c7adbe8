"""A warm Python that forks a child a request and watches it; runs none of the untrusted code itself.

Started by the parent as `python -S -s -P -B zygote.py CONFIG` within the isolation. The zygote holds the
control pipe (a GO in, an ENDED out); no child does. It never reads what a child writes except two numbers of
the arena that tell how long the present call has been running.
"""

import ctypes
import gc
import json
import mmap
import os
import resource
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Set
from typing import Any

MIN_TICK_MS, MAX_TICK_MS, MAX_DYING_MS = 2, 50, 2_000
# As in `layout`, which cannot be imported before the path is known.
ARENA_HEADER_BYTES, OVER_CPU, OVER_WALL, HUNG_UP, EXIT_HUNG_UP = 64, -1001, -1002, 1000, 72
FRAMES_BELOW = 8  # frames below a program here, so that it has the recursion depth that a script has


def main() -> None:
    """Confine this process, warm up, then serve until the control pipe closes."""
    config = json.loads(sys.argv[1])
    sys.path.insert(0, config["root"])
    for name in config["preload"]:
        __import__(name)
    # The path is known only now.
    from pipeline.sandbox.inside import layout, run  # noqa: PLC0415
    from pipeline.sandbox.inside.arena import Arena  # noqa: PLC0415

    orders, reports, request_fd, arena_fd = config["descriptors"]
    request = mmap.mmap(request_fd, layout.REQUEST_BYTES)
    arena = mmap.mmap(arena_fd, layout.ARENA_BYTES)
    os.close(request_fd)
    os.close(arena_fd)
    note, prepare_child = _confine(config)
    scanner = _prepared_to_share() if config["scans"] else None
    sys.path[:] = [path for path in sys.path if path != config["root"]] + config["listable"]
    _settle_down({0, 1, 2, orders, reports})
    os.write(reports, layout.READY + note.encode() + b"\n")

    def enter_child() -> None:
        os.close(orders)
        os.close(reports)
        prepare_child()

    def open_arena() -> Arena:
        return Arena(memoryview(arena), seal)

    def run_child(size: int) -> None:
        enter_child()
        run.serve(request[:size], open_arena(), scanner)

    def run_program(_: int, read_end: int, write_end: int) -> None:
        start = layout.SPLIT.size
        (length,) = layout.SPLIT.unpack(request[:start])
        text = request[start : start + length].decode("utf-8", "surrogatepass")
        request.close()  # the check's part
        arena.close()
        enter_child()
        run.serve_split_program(text, read_end, write_end)

    def run_check(size: int, read_end: int, write_end: int) -> None:
        enter_child()
        run.serve_split_check(request[:size], read_end, write_end, open_arena())

    trusted = True  # what ran last, to have told how much of the arena it used
    while message := os.read(orders, layout.GO.size):
        limit_ns, total_ns, quiet_ns, size, split, shared, seal = layout.GO.unpack(message)
        _wipe(arena, everything=not trusted)
        trusted = bool(shared)
        if split:
            to_program, to_check = os.pipe(), os.pipe()
            program = _fork(run_program, size, to_program[0], to_check[1], (to_program[1], to_check[0]))
            check = _fork(run_check, size, to_check[0], to_program[1], (to_program[0], to_check[1]))
            for descriptor in (*to_program, *to_check):
                os.close(descriptor)
            report = _watch_pair(program, check, total_ns, Stillness(quiet_ns))
        else:
            report = _watch(
                _fork(run_child, size), arena, limit_ns, total_ns, Stillness(quiet_ns), shared=bool(shared)
            )
        os.write(reports, layout.ENDED.pack(*report, time.process_time_ns()))


def _confine(config: dict[str, Any]) -> tuple[str, Callable[[], None]]:
    """Give up everything for good; a note for the log, and what each child does on top."""
    from pipeline.sandbox.inside import confine  # noqa: PLC0415

    confine.die_with_parent()
    confine.no_new_privileges()
    note = confine.drop_root(config["readable"]) if config["drop_root"] else ""
    confine.limit(config["limits"])
    landlock = config["landlock"] == "required" or (config["landlock"] and confine.landlock_abi() > 0)
    if landlock:
        confine.restrict_paths(config["readable"], config["listable"], config["writable"])
    confine.die_with_parent()  # changing the uid clears it
    if config["seccomp"]:
        confine.Filter(bytes.fromhex(config["seccomp"])).install()
    child_filter = confine.Filter(bytes.fromhex(config["child_seccomp"])) if config["child_seccomp"] else None

    def prepare_child() -> None:
        if config["die_with_parent"]:
            confine.die_with_parent()
        if child_filter is not None:
            child_filter.install()

    return note, prepare_child


def _prepared_to_share() -> Any:
    """The scan, which decides who may share a child, of a library that hands out less than it does."""
    from pipeline.sandbox.inside import scan, uncached  # noqa: PLC0415

    uncached.close_ways_to_strings()
    uncached.make_what_is_lazy()
    return scan.Scan()


def _settle_down(kept: Set[int]) -> None:
    """Become cheap to fork, and the same for every child."""
    from pipeline.sandbox.inside import uncached  # noqa: PLC0415

    uncached.uncache_fractions()
    uncached.uncache_typing()
    uncached.note_warnings()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.setrecursionlimit(1000 + FRAMES_BELOW)
    os.dup2(1, 2)  # from here on nobody reads what is written there
    _hide_descriptors(kept)
    gc.collect()
    gc.freeze()
    gc.disable()


def _hide_descriptors(kept: Set[int]) -> None:
    """Put the null device in place of every open descriptor but these, which a child could write through.

    Python keeps one of each region that it maps, and libffi one of memory that holds its code, in Python 3.14
    of Debian. The numbers stay taken: those that keep them may close them.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # of those that were opened here
    for descriptor in set(range(most)) - kept:
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        os.dup2(1, descriptor)


fork = ctypes.PyDLL(None).fork


def _fork(body: Callable[..., None], size: int, *ends: Any) -> int:
    """Run `body(size, read_end, write_end)` in a child, with the other process's ends closed."""
    # The C library's fork leaves out what Python does after its own (locks of threads that are not here,
    # a new seed for `random`): a third of what a child costs that lives for a millisecond.
    pid: int = fork()
    if pid:
        return pid
    try:
        for descriptor in ends[2] if ends else ():
            os.close(descriptor)
        body(size, *ends[:2])
        os._exit(0)
    finally:
        os._exit(70)


def _wipe(arena: mmap.mmap, *, everything: bool) -> None:
    """Zero what is in use of the arena, so that no child finds what another left.

    everything: a program that can write there may have left something beyond what is said to be in use.
    """
    if everything:
        arena.madvise(mmap.MADV_REMOVE)
        return
    (used,) = struct.unpack_from("=Q", arena)
    end = min(ARENA_HEADER_BYTES + used, len(arena))
    arena[:end] = bytes(end)


def _watch(
    pid: int, arena: mmap.mmap, limit_ns: int, total_ns: int, stillness: "Stillness", *, shared: bool
) -> tuple[int, int, int, int]:
    """Wait for the child's end, and bring it about when it is over a limit; what ENDED is made of.

    A call that begins is progress where programs share the child: the scan keeps them from the arena. A
    program alone could write there that it began just now, for ever: only its CPU clock is believed. What
    comes before the first beginning is our own reading of the request, however long: no call's time.
    """
    since, reason, wait_ms = 0, 0, min(max(limit_ns / 8e6, MIN_TICK_MS), MAX_TICK_MS)
    with Pidfd(pid) as child:
        while not child.poller.poll(wait_ms):
            cpu_ns = child.cpu_ns()
            _, _, started_ns = struct.unpack_from("=QQQ", arena)
            if shared and started_ns != since:
                since = started_ns
                stillness.end(cpu_ns)
            left_ns = total_ns - cpu_ns
            if started_ns:
                left_ns = min(left_ns, limit_ns - (cpu_ns - started_ns))
            if left_ns < 0:
                reason = OVER_CPU
            elif (started_ns or not shared) and stillness.is_too_long(cpu_ns):
                reason = OVER_WALL
            if reason:
                os.kill(pid, signal.SIGKILL)
                break
            wait_ms = min(max(left_ns / 1e6, 1.0), MAX_TICK_MS)  # it cannot be over its limit before
    code, cpu_ns, peak_bytes = _reap(pid)
    return reason or code, cpu_ns, peak_bytes, 0


def _watch_pair(program: int, check: int, total_ns: int, stillness: "Stillness") -> tuple[int, int, int, int]:
    """As `_watch` for a check and its program: the check's end ends both; the program's is reported too."""
    reason, second, program_ns = 0, 0, 0
    with Pidfd(program) as program_child, Pidfd(check) as check_child:
        while not check_child.poller.poll(MIN_TICK_MS if second else MAX_TICK_MS / 5):
            if not second and program_child.poller.poll(0):
                second = _reap(program)[0] or HUNG_UP
            used_ns = check_child.cpu_ns()
            program_ns = program_ns if second else program_child.cpu_ns()
            if not second and program_ns > total_ns:
                os.kill(program, signal.SIGKILL)
                _reap(program)
                second = OVER_CPU
            elif used_ns > total_ns or stillness.is_too_long(used_ns + program_ns):
                reason = OVER_CPU if used_ns > total_ns else OVER_WALL
                os.kill(check, signal.SIGKILL)
                break
        code, cpu_ns, peak_bytes = _reap(check)
        # A dying process closes its pipes some time before it can be waited for.
        patience_ms = MAX_DYING_MS if code == EXIT_HUNG_UP else 0
        if not second and program_child.poller.poll(patience_ms):
            second = _reap(program)[0] or HUNG_UP
        elif not second:
            os.kill(program, signal.SIGKILL)
            cpu_ns += _reap(program)[1]
    return reason or code, cpu_ns, peak_bytes, second


def _reap(pid: int) -> tuple[int, int, int]:
    """(exit code or minus a signal, CPU ns, peak bytes) of a child that has ended or is ending."""
    _, status, usage = os.wait4(pid, 0)
    cpu_ns = int((usage.ru_utime + usage.ru_stime) * 1e9)
    return os.waitstatus_to_exitcode(status), cpu_ns, usage.ru_maxrss * 1024


class Stillness:
    """Tells when a child has slept too long: wall time passes and its CPU clock hardly moves.

    Wall time alone would call a child asleep that waits for a core: on a loaded machine it still gets some
    of one, and more than one part in 64 is taken for work.
    """

    def __init__(self, quiet_ns: int) -> None:
        self._quiet_ns = quiet_ns
        self.end(0)

    def end(self, cpu_ns: int) -> None:
        """The child works, having used `cpu_ns` of CPU time so far."""
        self._cpu_ns, self._since_ns = cpu_ns, time.monotonic_ns()

    def is_too_long(self, cpu_ns: int) -> bool:
        """Whether the child, having used `cpu_ns` of CPU time so far, is to be taken for asleep."""
        if 64 * (cpu_ns - self._cpu_ns) > self._quiet_ns:
            self.end(cpu_ns)
        return time.monotonic_ns() - self._since_ns > self._quiet_ns


class Pidfd:
    """Tells when a child has ended and how much CPU time it has used."""

    def __init__(self, pid: int) -> None:
        self._clock = (~pid << 3) | 2  # the CPU clock of another process, see clock_getcpuclockid(3)
        self._descriptor = os.pidfd_open(pid)
        self.poller = select.poll()
        self.poller.register(self._descriptor, select.POLLIN)

    def cpu_ns(self) -> int:
        """CPU time used so far."""
        return time.clock_gettime_ns(self._clock)

    def __enter__(self) -> "Pidfd":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


if __name__ == "__main__":
    main()
