"""What a process does to itself before it meets untrusted code: limits, Landlock, a dropped uid, seccomp.

Everything works through `ctypes` on the C library that Python has loaded anyway.
"""

import ctypes
import os
import resource
import stat
import struct
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
SIGKILL = 9
NOBODY = 65534

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION_FLAG = 1
LANDLOCK_RULE_PATH_BENEATH = 1
# Source: linux/landlock.h; how many file-system rights each ABI version knows.
FS_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1, 2, 4, 8, 1 << 14
NET_RIGHTS = 0b11
SCOPES = 0b11  # abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


class Refused(OSError):
    """The kernel does not grant a confinement that was asked for."""


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise Refused(number, f"{what}: {os.strerror(number)}")
    return result


def die_with_parent() -> None:
    """Be killed when the parent dies, however it dies."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")


def no_new_privileges() -> None:
    """No exec can gain rights any more."""
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


class Filter:
    """A seccomp program, laid out once and installed as often as needed."""

    def __init__(self, program: bytes) -> None:
        class Program(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

        self._instructions = ctypes.create_string_buffer(program, len(program))
        self._program = Program(len(program) // 8, ctypes.addressof(self._instructions))
        self._argument = ctypes.byref(self._program)

    def install(self) -> None:
        """From here on the filter holds for this process and all its children."""
        _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._argument, 0, 0), "seccomp")


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none or it may not be used."""
    found: int = _libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION_FLAG)
    return max(found, 0)


def restrict_paths(readable: list[str], listable: list[str], writable: list[str]) -> None:
    """Landlock: `readable` may be read and executed, `listable` listed, `writable` also written, nothing
    else; no TCP, no signals and abstract sockets out of here where the kernel's version can deny them.

    Raises:
        Refused: the kernel has no Landlock.
    """
    abi = landlock_abi()
    if abi == 0:
        raise Refused(0, "landlock: not available")
    handled = (1 << FS_RIGHTS_BY_ABI[min(abi, 5)]) - 1
    attributes = struct.pack("QQQ", handled, NET_RIGHTS, SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = _check(_libc.syscall(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0), "landlock ruleset")
    for path in readable:
        _allow(rules, path, EXECUTE | READ_FILE | READ_DIR)
    for path in listable:
        _allow(rules, path, READ_DIR)
    for path in writable:
        _allow(rules, path, (READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE) & handled)
    no_new_privileges()
    _check(_libc.syscall(LANDLOCK_RESTRICT_SELF, rules, 0), "landlock restrict")
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(beneath).st_mode):
        rights &= ~READ_DIR
    rule = struct.pack("=Qi", rights, beneath)
    result = _libc.syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
    _check(result, f"landlock rule for {path}")
    os.close(beneath)


def drop_root(needed: list[str]) -> str:
    """Give up root's rights: become `nobody` where that uid can read what Python needs, else keep the uid but
    no capability. Returns which of the two, for the log; "" for an ordinary user.
    """
    if os.geteuid() != 0:
        return ""
    if all(_others_may_read(Path(path)) for path in needed):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        return "as nobody"
    for capability in range(64):
        if _libc.prctl(24, capability, 0, 0, 0) < 0:  # PR_CAPBSET_DROP
            break
    _drop_capabilities()
    return "as root without capabilities"


def _drop_capabilities() -> None:
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _check(_libc.capset(header, bytes(24)), "capset")


def _others_may_read(path: Path) -> bool:
    if not path.exists():
        return True
    chain = [path, *path.resolve().parents]
    may_enter = all(parent.stat().st_mode & stat.S_IXOTH for parent in chain[1:])
    return may_enter and bool(path.stat().st_mode & stat.S_IROTH)


def limit(limits: dict[str, int]) -> None:
    """Set resource limits (names as in `resource`, without RLIMIT_), soft and hard."""
    for name, value in limits.items():
        which: Any = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (allowed, allowed))
