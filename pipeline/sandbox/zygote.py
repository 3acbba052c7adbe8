"""The parent's handle on one zygote: start it, hand it a request, learn how the child ended."""

import fcntl
import json
import marshal
import mmap
import os
import resource
import secrets
import select
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SandboxError
from pipeline.sandbox.inside import layout
from pipeline.sandbox.interpreter import Interpreter
from pipeline.sandbox.isolation import Way, python_command

SCRIPT = Path(__file__).parent / "inside" / "zygote.py"
START_SECONDS = 30.0
DESCRIPTORS = 4  # that a running zygote takes here: two pipes, and one for each region that Python maps
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL  # a mapping can never vanish


@dataclass(frozen=True)
class Request:
    """One child's work.

    body: what `inside.run.serve` gets, plain data.
    limit_s: CPU seconds of one call; total_s: of the whole child.
    quiet_s: wall-clock seconds asleep.
    split_program: for a check with a process of its own: the program, which the check's process never holds.
    shared: the child holds only what the scan lets share, so that what it says of its progress is believed.
    """

    body: tuple[Any, ...]
    limit_s: float
    total_s: float
    quiet_s: float
    split_program: str | None = None
    shared: bool = False


# One result as the child wrote it, hostile until checked against what was asked:
# job, program, call, kind, CPU ns, data.
Frame = tuple[int, int, int, int, int, bytes]


@dataclass(frozen=True)
class Outcome:
    """What is known after a child's end.

    frames: what it wrote down, up to the first bytes that make no sense.
    ended: exit code, minus a signal, or layout.OVER_CPU / OVER_WALL.
    complete: it said that it was done (only good for honest children).
    full: it stopped because the arena was full.
    mark: (job, program, call) that was running last.
    second: how the program of a check ended, as `ended`.
    """

    frames: tuple[Frame, ...]
    ended: int
    complete: bool
    full: bool
    mark: tuple[int, int, int]
    cpu_s: float
    peak_bytes: int
    second: int


class Zygote:
    """A zygote that was started; `close` leaves nothing behind.

    control: becomes readable when the child of the last `send` has ended.
    cpu_s: CPU seconds of the zygote and its children so far.
    """

    def __init__(self, way: Way, python: Interpreter) -> None:
        self._way = way.name
        request_fd, self._request = _shared("request", layout.REQUEST_BYTES)
        arena_fd, self._arena = _shared("arena", layout.ARENA_BYTES)
        self._stale = 0
        self._trusted = True
        self._own_ns = 0
        self._seal = 0
        self.cpu_s = 0.0
        read_end, self._orders = os.pipe()
        self.control, write_end = os.pipe()
        inherited = (read_end, write_end, request_fd, arena_fd)
        config = json.dumps(way.config | {"descriptors": inherited})
        self._process = subprocess.Popen(
            [*way.prefix, *python_command(python, SCRIPT), config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            env=way.environment,
            cwd="/",
        )
        for descriptor in inherited:
            os.close(descriptor)

    def wait_until_ready(self) -> str:
        """What the zygote says about itself when it is ready; to be called once, before anything is sent.

        Raises:
            SandboxError: it does not come up; the message holds what it wrote to stderr.
        """
        poller = select.poll()
        poller.register(self.control, select.POLLIN)
        said = os.read(self.control, 200) if poller.poll(START_SECONDS * 1e3) else b""
        assert self._process.stderr is not None
        if not said.startswith(layout.READY):
            self._process.kill()
            why = self._process.stderr.read().decode("utf-8", "replace").strip()
            self.close()
            raise SandboxError(
                f"The sandbox does not start ({self._way})", got=why[-1500:] or "no word from it"
            )
        self._process.stderr.close()
        return said[len(layout.READY) :].decode().strip()

    def send(self, request: Request) -> None:
        """Have a child do the request; one at a time.

        Raises:
            SandboxError: the zygote is dead, or the request is larger than REQUEST_BYTES.
        """
        body = _packed(request)
        if len(body) > layout.REQUEST_BYTES:
            raise SandboxError(
                "A request to the sandbox is too large",
                got=f"{len(body)} bytes",
                wanted=f"at most {layout.REQUEST_BYTES}",
            )
        # What an earlier request left behind its end would be somebody else's source; what an earlier child
        # left there, its memory.
        if not self._trusted:
            self._request.madvise(mmap.MADV_REMOVE)
        self._trusted = request.shared
        self._request[: len(body)] = body
        if self._stale > len(body):
            self._request[len(body) : self._stale] = bytes(self._stale - len(body))
        self._stale = len(body)
        times = (int(seconds * 1e9) for seconds in (request.limit_s, request.total_s, request.quiet_s))
        try:
            is_split = request.split_program is not None
            self._seal = secrets.randbits(64)
            os.write(self._orders, layout.GO.pack(*times, len(body), is_split, request.shared, self._seal))
        except BrokenPipeError:
            raise self._gone() from None

    def receive(self) -> Outcome:
        """How the child ended, and what it left in the arena.

        Raises:
            SandboxError: the zygote itself died.
        """
        message = os.read(self.control, layout.ENDED.size)
        if len(message) != layout.ENDED.size:
            raise self._gone()
        ended, cpu_ns, peak_bytes, second, own_ns = layout.ENDED.unpack(message)
        self.cpu_s += (cpu_ns + own_ns - self._own_ns) * 1e-9
        self._own_ns = own_ns
        used, mark, _, state, running, *_ = layout.HEADER.unpack(self._arena[: layout.HEADER.size])
        used = min(used, layout.ARENA_BYTES - layout.HEADER_BYTES)
        call = mark & 0xFFFFF
        return Outcome(
            frames=tuple(
                read_frames(self._arena[layout.HEADER_BYTES : layout.HEADER_BYTES + used], self._seal)
            ),
            ended=ended,
            second=second,
            complete=ended == 0 and state == layout.DONE,
            full=ended == 0 and state == layout.FULL,
            mark=(mark >> 40, mark >> 20 & 0xFFFFF, running if call == layout.IN_CALLS else call),
            cpu_s=cpu_ns * 1e-9,
            peak_bytes=peak_bytes,
        )

    def _gone(self) -> SandboxError:
        self.close()
        code = self._process.returncode
        return SandboxError(
            "A sandbox process died while it was idle or watching",
            got=f"exit code {code}",
            next_step="look for the kernel's out-of-memory killer in dmesg; lower sandbox.workers",
        )

    def close(self) -> None:
        """Kill the zygote, and with it its child; release the shared memory. May be called twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        for descriptor in (self._orders, self.control):
            _close_quietly(descriptor)
        self._request.close()
        self._arena.close()
        self._orders = self.control = -1


def allow_descriptors(zygotes: int) -> None:
    """Have this process open as many files as so many zygotes and all else may need.

    Raises:
        SandboxError: it may not.
    """
    wanted = DESCRIPTORS * zygotes + 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SandboxError(
            "A process may not open as many files here as so many workers need",
            where="params.yaml, sandbox.workers",
            got=f"a hard limit of {hard}",
            wanted=f"{wanted} for {zygotes} workers",
            next_step=f"raise the limit (as root: ulimit -Hn {wanted}), or set sandbox.workers lower",
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _packed(request: Request) -> bytes:
    body = marshal.dumps(request.body)
    if request.split_program is None:
        return body
    text = request.split_program.encode("utf-8", "surrogatepass")
    return layout.SPLIT.pack(len(text)) + text + body


def read_frames(data: bytes, seal: int) -> Iterator[Frame]:
    """The frames in `data`, up to the first one that does not fit or has another seal."""
    at, end = 0, len(data)
    unpack, size = layout.FRAME.unpack_from, layout.FRAME.size
    while at + size <= end:
        job, program, call, kind, cpu_ns, length, sealed = unpack(data, at)
        at += size + length
        if at > end or sealed != seal:
            return
        yield job, program, call, kind, cpu_ns, data[at - length : at]


def _shared(name: str, size: int) -> tuple[int, mmap.mmap]:
    descriptor = os.memfd_create(f"sandbox-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor, mmap.mmap(descriptor, size)


def _close_quietly(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
