"""What a hostile program is, what it may come to, and where its honest neighbours stand.

Each case is a program that defines `f` and means harm. It runs in one job between two honest programs, on the
same calls. In `code`, these words stand for things of the machine that the program must not reach:

    @secret_file@ @secret_name@  a world-readable file, and an environment variable, that hold a secret
    @folder@                     a world-writable folder of this case's own, with a file `canary` in it
    @marker@                     a name that is found again wherever it is left behind
    @tcp@ @udp@ @unix@ @abstract@  where somebody listens
    @decoy@ @parent@             process ids: a bystander's, and that of the process that runs the tests
    @key@                        a System V IPC key
"""

from dataclasses import dataclass
from textwrap import dedent

# The honest neighbours: a plain one, and one that leans on much of what a hostile program might spoil.
PLAIN = """
def f(x):
    return x + 1
"""
LEANING = """
import random
import re
from collections.abc import Iterable
from functools import reduce

def f(x):
    if isinstance(x, Iterable) or re.findall("[a-z]", "a1b2") != ["a", "b"]:
        return -1
    if re.sub("([0-9])", r"<\\1>", "a1") != "a<1>" or len(bytes(1 << 21)) != 1 << 21:
        return -1
    if sorted(random.sample([1, 2], 2)) != [1, 2]:
        return -1
    return reduce(lambda a, b: a + b, sorted([x, 1])) + sum([]) + max(0, -x)
"""
HONEST = (PLAIN, LEANING)
HONEST_ANSWERS = {"f(1)": "2", "f(2)": "3", "f(3)": "4"}
CALLS = tuple(HONEST_ANSWERS.items())
CHECKS = ("assert f(1) == 2",)


@dataclass(frozen=True)
class Case:
    """One hostile program.

    name: a sentence whose subject is the program.
    statuses: what each of its calls may end as; None where more than one end is right.
    passes: True where its answers are right all the same and must count, False where none may ever count,
        None where both are right.
    calls: (call, expected expression) of every program of the job.
    checks: code tests of the job.
    """

    name: str
    code: str
    statuses: frozenset[str] | None
    passes: bool | None
    calls: tuple[tuple[str, str], ...] = CALLS
    checks: tuple[str, ...] = CHECKS


def case(
    name: str,
    code: str,
    *statuses: str,
    passes: bool | None = False,
    calls: tuple[tuple[str, str], ...] = CALLS,
    checks: tuple[str, ...] = CHECKS,
) -> Case:
    """A Case; no statuses means that any of them is right, and who may time out may be given up."""
    ends = frozenset(statuses) | ({"abandoned"} if "timeout" in statuses else frozenset())
    return Case(name, dedent(code).lstrip("\n"), ends or None, passes, calls, checks)
