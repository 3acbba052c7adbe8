"""How confinement is chosen, what it says, and that nothing outlives a killed parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import SandboxError
from pipeline.params import load
from pipeline.sandbox.isolation import WAYS
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]

# Opens a sandbox under a seccomp filter that denies some system calls, and says what it became.
UNDER_A_FILTER = """
import struct, sys
from pipeline.errors import SandboxError
from pipeline.params import load
from pipeline.sandbox.inside import confine
from pipeline.sandbox.jobs import Call, Job, Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("=HBBI", code, if_true, if_false, value)

NEW_USER, ALLOW, NO_PERMISSION, NO_SUCH_CALL = 0x10000000, 0x7FFF0000, 0x00050001, 0x00050026
unshare, clone, clone3 = (272, 56, 435) if sys.argv[1] == "x86_64" else (97, 220, 435)
program = [instruction(0x20, 0)]
program += [instruction(0x15, unshare, 0, 1), instruction(6, NO_PERMISSION)]
program += [instruction(0x15, clone3, 0, 1), instruction(6, NO_SUCH_CALL)]
if sys.argv[2] == "landlock too":
    program += [instruction(0x15, 444, 0, 1), instruction(6, NO_SUCH_CALL)]
program += [instruction(0x15, clone, 0, 3), instruction(0x20, 16)]
program += [instruction(0x45, NEW_USER, 0, 1), instruction(6, NO_PERMISSION), instruction(6, ALLOW)]
confine.no_new_privileges()
confine.Filter(b"".join(program)).install()
params = load("sandbox", SandboxParams).model_copy(update={"workers": 1})
try:
    with Sandbox.open(params) as sandbox:
        job = Job("j", "f", (Program("p", "def f(x): return x + 1"),), (Call("c", "f(1)"),))
        [result] = sandbox.execute([job])
        print(sandbox.isolation, "|", result.observations[0].repr)
except SandboxError as error:
    print("refused:", error)
"""


# Opens a sandbox of several workers where a process may open so many files, or, asking for it, so many.
FEW_FILES = """
import resource, sys
from pipeline.errors import SandboxError
from pipeline.params import load
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
params = load("sandbox", SandboxParams).model_copy(update={"workers": 6})
try:
    with Sandbox.open(params) as sandbox:
        print(len(set(sandbox.evaluate(map(str, range(4000))))), "values")
except SandboxError as error:
    print("refused:", error)
"""


def opened_with_few_files(soft: int, hard: int) -> str:
    command = [sys.executable, "-c", FEW_FILES, str(soft), str(hard)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout


def test_more_workers_than_a_process_may_have_files_for_have_it_ask_for_more():
    assert opened_with_few_files(soft=24, hard=4096) == "4000 values\n"


def test_more_workers_than_the_system_lets_it_have_files_for_are_refused_with_what_to_do():
    said = opened_with_few_files(soft=24, hard=24)
    assert "sandbox.workers" in said and "a hard limit of 24" in said and "ulimit -Hn" in said


def opened_without(what: str) -> str:
    command = [sys.executable, "-c", UNDER_A_FILTER, os.uname().machine, what]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout


def test_where_user_namespaces_are_forbidden_landlock_takes_over():
    said = opened_without("namespaces")
    assert said.startswith("no namespaces: seccomp, Landlock")
    assert said.endswith("| 2\n")


def test_where_landlock_is_forbidden_too_it_refuses_and_says_what_to_do():
    said = opened_without("landlock too")
    assert said.startswith("refused: Untrusted code cannot be isolated on this machine")
    assert "sandbox.isolation: none" in said


def test_running_without_isolation_is_said_aloud_and_never_chosen():
    params = load("sandbox", SandboxParams)
    assert params.isolation == "auto"
    with Sandbox.open(params.model_copy(update={"isolation": "none", "workers": 1})) as sandbox:
        assert "NONE" in sandbox.isolation


def test_a_way_that_cannot_start_is_an_error_of_the_sandbox(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(WAYS, "namespaces", lambda _python, _purpose: None)
    params = load("sandbox", SandboxParams).model_copy(update={"isolation": "namespaces"})
    with pytest.raises(SandboxError, match="no bubblewrap"), Sandbox.open(params):
        pass


RUNS_FOREVER = """
from pipeline.params import load
from pipeline.sandbox.jobs import Call, Job, Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
import sys
endless = dict.fromkeys(["call_cpu_s", "max_call_cpu_s", "sleep_wall_s"], 600.0)
changes = {"workers": 1, "isolation": sys.argv[1], **endless}
params = load("sandbox", SandboxParams).model_copy(update=changes)
code = sys.argv[2]
with Sandbox.open(params) as sandbox:
    print("open", flush=True)
    list(sandbox.execute([Job("j", "f", (Program("p", code),), (Call("c", "f(1)"),))]))
"""
# In a process of its own; it also tries to outlive its parent.
LOOPS = """
import ctypes, os
def f(x):
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
    while True:
        pass
"""


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            children = {int(word) for word in task.read_text().split()} - found
            found |= children
            waiting += children
    return found


def alive(pids: set[int]) -> set[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return {pid for pid in pids if lives(pid)}


@pytest.mark.parametrize("isolation", ["namespaces", "landlock"])
def test_a_killed_parent_leaves_no_process(isolation: str):
    command = [sys.executable, "-c", RUNS_FOREVER, isolation, LOOPS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "open\n"
        expected = 3 if isolation == "namespaces" else 2  # (bwrap,) zygote, child
        born = wait_for(lambda: descendants(parent.pid), lambda found: len(found) >= expected)
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_for(lambda: alive(born), lambda found: not found) == set()


def wait_for(look, enough, seconds: float = 60.0):
    until = time.monotonic() + seconds
    while not enough(seen := look()) and time.monotonic() < until:
        time.sleep(0.02)
    return seen
