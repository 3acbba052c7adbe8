"""The system calls that sandboxed processes may make, assembled to BPF without any library.

Two filters. BASE is an allowlist for the zygote and everything below it; CHILD is added in every child after
the fork and takes away what only the zygote needs (forking, signals, limits, more filters). What is denied
fails with EPERM, so that honest code sees an ordinary PermissionError; a foreign architecture is killed.

Source: linux/seccomp.h, linux/filter.h, arch/x86/entry/syscalls/syscall_64.tbl, asm-generic/unistd.h.
"""

import errno
import platform
import struct

from pipeline.errors import SandboxError

# name: (x86_64, aarch64); None where the architecture has no such call.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "open": (2, None), "openat": (257, 56), "close": (3, 57), "close_range": (436, 436),
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291),
    "lseek": (8, 62), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17),
    "chdir": (80, 49), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "pipe": (22, None),
    "pipe2": (293, 59), "fcntl": (72, 25), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "sigaltstack": (131, 132), "pause": (34, None), "alarm": (37, None),
    "setitimer": (38, 103), "getitimer": (36, 102), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "times": (100, 153), "getrusage": (98, 165), "getrlimit": (97, 163), "uname": (63, 160),
    "getrandom": (318, 278), "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150), "getpgrp": (111, None),
    "getpgid": (121, 155), "getsid": (124, 156), "umask": (95, 166), "futex": (202, 98),
    "set_robust_list": (273, 99), "set_tid_address": (218, 96), "rseq": (334, 293), "membarrier": (324, 283),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getcpu": (309, 168),
    "arch_prctl": (158, None),
    "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
    # What only the zygote needs; CHILD takes these away again.
    "clone": (56, 220), "wait4": (61, 260), "waitid": (247, 95), "kill": (62, 129), "pidfd_open": (434, 434),
    "prctl": (157, 167), "seccomp": (317, 277), "prlimit64": (302, 261), "setrlimit": (160, 164),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    # Never allowed; named so that each can be given its own answer.
    "clone3": (435, 435), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "tkill": (200, 130), "tgkill": (234, 131), "ioctl": (16, 29),
}  # fmt: skip
_ZYGOTE_ONLY = """
    clone kill pidfd_open prctl seccomp prlimit64 setrlimit landlock_create_ruleset landlock_add_rule
    landlock_restrict_self
""".split()
_NEVER = ("clone3", "fork", "vfork", "execve", "execveat", "tkill", "tgkill", "ioctl")
_ANSWERS = {"clone3": errno.ENOSYS, "ioctl": errno.ENOTTY}

# fork() of glibc and musl; threads are other flags and are denied.
_FORK_FLAGS = (0x01200011, 0x11)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: never F_SETOWN, which sends signals.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
_ARGUMENTS = {"clone": (0, _FORK_FLAGS), "fcntl": (1, _FCNTL_COMMANDS)}

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
_X32_BIT = 0x40000000


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _architecture() -> tuple[int, int]:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise SandboxError(
            "There is no system-call filter for this processor",
            got=machine,
            wanted=" or ".join(_ARCHITECTURES),
            next_step="run on one of these, or set sandbox.isolation: none (untrusted code gets your rights)",
        )
    return _ARCHITECTURES[machine]


def _prologue(audit_architecture: int) -> list[bytes]:
    return [
        _instruction(_LOAD, _ARCH_OFFSET),
        _instruction(_EQUAL, audit_architecture, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NR_OFFSET),
        _instruction(_AT_LEAST, _X32_BIT, 0, 1),
        _instruction(_RETURN, _ERRNO | errno.EPERM),
    ]


def _answer(number: int, action: int) -> list[bytes]:
    return [_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, action)]


def _answer_by_argument(number: int, argument: int, values: tuple[int, ...]) -> list[bytes]:
    """Allow the call if the low word of the argument is one of the values (all fit 32 bits), else EPERM."""
    checks = [line for value in values for line in _answer(value, _ALLOW)]
    body = [
        _instruction(_LOAD, _ARGS_OFFSET + 8 * argument),
        *checks,
        _instruction(_RETURN, _ERRNO | errno.EPERM),
    ]
    return [_instruction(_EQUAL, number, 0, len(body)), *body]


def base_filter() -> bytes:
    """The allowlist, as a BPF program for prctl(PR_SET_SECCOMP).

    Raises:
        SandboxError: there is no table of system calls for this processor.
    """
    column, audit_architecture = _architecture()
    program = _prologue(audit_architecture)
    for name, numbers in _NUMBERS.items():
        number = numbers[column]
        if number is None or name in _ARGUMENTS or (name in _NEVER and name not in _ANSWERS):
            continue
        program += _answer(number, _ERRNO | _ANSWERS[name] if name in _ANSWERS else _ALLOW)
    for name, (argument, values) in _ARGUMENTS.items():
        number = _NUMBERS[name][column]
        if number is not None:
            program += _answer_by_argument(number, argument, values)
    return b"".join([*program, _instruction(_RETURN, _ERRNO | errno.EPERM)])


def child_filter() -> bytes:
    """What a child gives up on top of the base filter."""
    column, audit_architecture = _architecture()
    program = _prologue(audit_architecture)
    for name in _ZYGOTE_ONLY:
        number = _NUMBERS[name][column]
        if number is not None:
            program += _answer(number, _ERRNO | errno.EPERM)
    return b"".join([*program, _instruction(_RETURN, _ALLOW)])
