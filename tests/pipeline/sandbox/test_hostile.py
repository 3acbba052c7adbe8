"""The hostile corpus against both ways of isolation: no harm, no leak, no forgery, no effect on neighbours.

Each program of `hostile/` runs between two honest ones, and an honest job follows it. The whole corpus goes
through one sandbox a way of isolation, as it would in production; every test looks at one program's part.
Programs of the selected tests only are run, so that one case can be run by its name with `-k`.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pipeline.params import load
from pipeline.sandbox.inside import confine
from pipeline.sandbox.jobs import Call, Check, Job, Program, Result
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import STATUSES, VERDICTS
from tests.pipeline.sandbox.hostile import CASES, CASES_BY_KIND
from tests.pipeline.sandbox.hostile.case import CHECKS, HONEST, HONEST_ANSWERS, Case
from tests.pipeline.sandbox.premises import Premises, descendants, premises, told

PR_SET_CHILD_SUBREAPER = 36
SECONDS_FOR_THE_KILLED_TO_GO = 10.0
ISOLATIONS = ("namespaces", "landlock")
CASE_IDS = [f"{kind}: a program that {case.name}" for kind, cases in CASES_BY_KIND.items() for case in cases]


@dataclass
class Aftermath:
    """What is left when a sandbox met the corpus and was closed."""

    results: dict[str, Result] = field(default_factory=dict)
    verdicts: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    harm: dict[str, list[str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    bystander_is_well: bool = False
    secret: str = ""


class Ordeals:
    """Runs the corpus once a way of isolation, when the first test asks for it."""

    def __init__(self, cases: list[Case]):
        self.cases = cases
        self.aftermaths: dict[str, Aftermath | str | Exception] = {}

    def aftermath(self, isolation: str) -> Aftermath:
        if isolation not in self.aftermaths:
            try:
                self.aftermaths[isolation] = self._run(isolation)
            except Exception as error:  # once is enough: every test of this isolation fails by it
                self.aftermaths[isolation] = error
        found = self.aftermaths[isolation]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, str):
            pytest.skip(found)
        return found

    def _run(self, isolation: str) -> Aftermath | str:
        params = load("sandbox", SandboxParams).model_copy(
            update={"isolation": isolation, "sleep_wall_s": 1.0}
        )
        if reason := why_not(isolation):
            return f"this machine cannot isolate by {isolation}: {reason}"
        with premises() as around, orphans_adopted():
            before = descendants(os.getpid())
            with Sandbox.open(params) as sandbox:
                refuse_to_run_without_isolation(sandbox, around)
                aftermath = self._meet(sandbox, around)
            aftermath.left = [told(pid) for pid in still_there(before)]
            aftermath.bystander_is_well = around.bystander_is_well()
            aftermath.harm = {case.name: around.harm_by(index) for index, case in enumerate(self.cases)}
        return aftermath

    def _meet(self, sandbox: Sandbox, around: Premises) -> Aftermath:
        aftermath = Aftermath(secret=around.secret)
        jobs = list(self._jobs(around))
        texts = {text for case in self.cases for _, text in case.calls} | set(HONEST_ANSWERS.values())
        expected_texts = {
            (index, text): around.filled_in(index, text)
            for index, case in enumerate(self.cases)
            for text in texts
        }
        distinct = sorted(set(expected_texts.values()))
        values = dict(zip(distinct, sandbox.evaluate(distinct), strict=True))
        for result in sandbox.execute(jobs):
            kind, _, number = result.job_id.partition(" ")
            index = int(number)
            case = self.cases[index]
            expected = dict(case.calls) if kind == "hostile" else HONEST_ANSWERS
            verdicts = {
                (seen.program_id, seen.call_id): _verdict(
                    sandbox, seen, values[expected_texts[index, expected[seen.call_id]]]
                )
                for seen in result.observations
            }
            verdicts |= {(found.program_id, found.check_id): found.verdict for found in result.check_results}
            aftermath.results[f"{kind} {case.name}"] = result
            aftermath.verdicts[f"{kind} {case.name}"] = verdicts
        return aftermath

    def _jobs(self, around: Premises) -> Iterator[Job]:
        before, after = HONEST
        for index, case in enumerate(self.cases):
            around.folder_of(index)
            hostile = Program("hostile", around.filled_in(index, case.code))
            programs = (Program("before", before), hostile, Program("after", after))
            yield _job(f"hostile {index}", programs, dict(case.calls), case.checks)
            yield _job(f"honest {index}", (Program("honest", before),), HONEST_ANSWERS, CHECKS)


def _job(job_id: str, programs: tuple[Program, ...], calls: dict[str, str], checks: tuple[str, ...]) -> Job:
    return Job(
        job_id, "f", programs, tuple(Call(c, c) for c in calls), tuple(Check(c, f"{c}\n") for c in checks)
    )


def _verdict(sandbox: Sandbox, seen, expected: bytes | None) -> str:
    if seen.status != "ok":
        return seen.status
    return "pass" if expected is not None and sandbox.equal(seen.value, expected) else "fail"


def why_not(isolation: str) -> str:
    """Why this machine, not Pairsmith, rules out a way of isolation; "" where it does not."""
    if isolation == "landlock":
        return "" if confine.landlock_abi() else "the kernel has no Landlock"
    tried = subprocess.run(["unshare", "-Ur", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip()


def refuse_to_run_without_isolation(sandbox: Sandbox, around: Premises) -> None:
    """Stop before anything dangerous runs: the corpus kills all it can reach."""
    probe = "import os\ndef f(x):\n    os.kill(@decoy@, 0)\n    return 'reached'\n"
    job = _job("probe", (Program("p", around.filled_in(0, probe)),), {"f(1)": "2"}, ())
    (result,) = sandbox.execute([job])
    if result.observations[0].status == "ok":
        pytest.exit(
            "The sandbox does not isolate: a program reached another process. Nothing more was run.", 3
        )


@contextlib.contextmanager
def orphans_adopted() -> Iterator[None]:
    """While the block runs, orphaned descendants become children of this process and can be seen."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def still_there(before: set[int]) -> set[int]:
    """Descendants that were not there before, once those that were killed had time to go."""
    deadline = time.monotonic() + SECONDS_FOR_THE_KILLED_TO_GO
    while (new := descendants(os.getpid()) - before) and time.monotonic() < deadline:
        for pid in new:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    return new


@pytest.fixture(scope="session")
def ordeals(request: pytest.FixtureRequest) -> Ordeals:
    specs = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = {spec["case"].name for spec in specs if isinstance(spec.get("case"), Case)}
    return Ordeals([case for case in CASES if case.name in chosen] or list(CASES))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("case", CASES, ids=CASE_IDS)
def test_hostile(case: Case, isolation: str, ordeals: Ordeals):
    aftermath = ordeals.aftermath(isolation)
    result, verdicts = aftermath.results[f"hostile {case.name}"], aftermath.verdicts[f"hostile {case.name}"]
    seen = {found.call_id: found for found in result.observations if found.program_id == "hostile"}

    neighbours_right = {
        (name, call): "pass" if HONEST_ANSWERS.get(call, "2") == expected else "fail"
        for name in ("before", "after")
        for call, expected in case.calls
        if call in HONEST_ANSWERS
    }
    neighbours = {key: verdicts[key] for key in neighbours_right}
    assert neighbours == neighbours_right, "its neighbours' verdicts"
    if case.checks == CHECKS:
        assert [verdicts[name, check] for name in ("before", "after") for check in CHECKS] in (
            [],
            ["pass", "pass"],
        )

    ends = {call: (found.status, found.repr) for call, found in seen.items()}
    own = {call: verdict for (name, call), verdict in verdicts.items() if name == "hostile"}
    assert {found.status for found in seen.values()} <= (case.statuses or set(STATUSES)), ends
    assert set(own.values()) <= {*STATUSES, *VERDICTS}
    if case.passes is not None:
        passed = [call for call, verdict in own.items() if verdict == "pass"]
        assert passed == (list(own) if case.passes else []), ends

    everything = repr(result.observations)
    assert aftermath.secret not in everything, "it read a secret"
    assert aftermath.harm[case.name] == []

    following = set(aftermath.verdicts[f"honest {case.name}"].values())
    assert following == {"pass"}, "an honest job that followed"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_no_process_outlives_the_sandbox(isolation: str, ordeals: Ordeals):
    assert ordeals.aftermath(isolation).left == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_bystander_of_the_same_machine_was_not_touched(isolation: str, ordeals: Ordeals):
    assert ordeals.aftermath(isolation).bystander_is_well


GAMBLERS = {
    "draws random numbers": "import random\ndef f(x):\n    return random.random()\n",
    "draws random numbers as it loads": "import random\ny = random.random()\ndef f(x):\n    return y\n",
    "shuffles": "import random\ndef f(x):\n    y = list(range(9))\n    random.shuffle(y)\n    return y\n",
    "hashes text": "def f(x):\n    return hash('pairsmith')\n",
    "orders text by its hash": "def f(x):\n    return ' '.join({'a', 'b', 'c', 'd', 'e', str(x)})\n",
}


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_programs_that_gamble_answer_the_same_in_every_run_whoever_runs_before(isolation: str):
    params = load("sandbox", SandboxParams).model_copy(update={"isolation": isolation})
    programs = tuple(Program(name, code) for name, code in GAMBLERS.items())
    answers = []
    for order in (programs, programs[::-1], programs):
        with Sandbox.open(params) as sandbox:
            (result,) = sandbox.execute([_job("gamble", order, {"f(1)": "", "f(2)": ""}, ())])
        answers.append({(seen.program_id, seen.call_id): seen.repr for seen in result.observations})
    assert answers[0] == answers[1] == answers[2]
    assert None not in answers[0].values()


def test_the_corpus_has_several_cases_of_every_kind_and_no_two_of_one_name():
    assert min(len(cases) for cases in CASES_BY_KIND.values()) >= 5
    assert len({case.name for case in CASES}) == len(CASES) >= 80
