"""What other rooms rely on: answers in order, equal work once, limits that follow the task, clean workers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.params import load
from pipeline.sandbox.inside.parse import parse
from pipeline.sandbox.jobs import Call, Job, Program, Result
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    params = load("sandbox", SandboxParams).model_copy(update={"isolation": request.param, "workers": 1})
    with Sandbox.open(params) as opened:
        yield opened


def ran(sandbox: Sandbox, programs: list[str], calls: list[str]) -> Result:
    job = Job(
        "job",
        "f",
        tuple(Program(f"p{index}", code) for index, code in enumerate(programs)),
        tuple(Call(f"c{index}", code) for index, code in enumerate(calls)),
    )
    [result] = sandbox.execute([job])
    return result


def shown(result: Result) -> list[str | None]:
    return [item.repr if item.status == "ok" else item.status for item in result.observations]


def test_observations_come_in_the_jobs_order_and_equal_work_runs_once(sandbox: Sandbox):
    plus, same, twice = (
        "def f(x): return x + 1",
        "def f(x):\n    return x + 1  # told",
        "def f(x): return [x] * 2",
    )
    result = ran(sandbox, [plus, twice, plus, same], ["f(1)", "f(2)", "f(1)"])
    ids = [(item.program_id, item.call_id) for item in result.observations]
    assert ids == [(f"p{i}", f"c{j}") for i in range(4) for j in range(3)]
    assert shown(result) == ["2", "3", "2", "[1, 1]", "[2, 2]", "[1, 1]"] + ["2", "3", "2"] * 2
    assert result.reasons["programs_same_code"] == 1
    assert result.reasons["programs_same_bytecode"] == 1
    assert result.reasons["calls_repeated"] == 1


def test_a_job_of_many_long_programs_and_calls_is_no_larger_than_the_sandbox_takes(sandbox: Sandbox):
    programs = [f"def f(x):\n    return x + {n}\n# {'told ' * 20_000}" for n in range(100)]
    result = ran(sandbox, programs, [f"f(len({'a' * 90_000!r}) + {n})" for n in range(30)])
    assert shown(result) == [str(90_000 + n + i) for n in range(100) for i in range(30)]


def test_the_time_to_read_a_large_request_is_no_calls(sandbox: Sandbox):
    params = sandbox.params.model_copy(update={"call_cpu_s": 0.005})
    unreadable = [f"){n}\n" + "#" * 600_000 for n in range(90)]
    with Sandbox.open(params) as hurried:
        result = ran(hurried, ["def f(x):\n    return x", *unreadable], ["f(1)", "f(2)"])
    statuses = [item.status for item in result.observations]
    assert statuses == ["ok"] * 2 + ["syntax"] * 2 * len(unreadable)


def test_a_program_that_does_not_load_has_the_same_answer_to_every_call(sandbox: Sandbox):
    lost = "import os.path\nimport no_such.module\ndef f(x): return x\n"
    orphan = "import os.path\nfrom .models import no_such\ndef f(x): return x\n"
    own = "import os\nos.no_such\ndef f(x): return x\n"
    alone = "import gc\nprint(gc.no_such)\ndef f(x): return x\n"
    seen = ran(
        sandbox, [lost, orphan, own, alone, "def f(x): return x"], ["f(1)", "f(2)", "f(3)"]
    ).observations
    assert [(item.status, item.repr) for item in seen] == [
        *3 * [("error", "ModuleNotFoundError")],
        *3 * [("error", "ImportError")],
        *6 * [("error", "AttributeError")],
        *[("ok", "1"), ("ok", "2"), ("ok", "3")],
    ]


def test_a_call_meets_fresh_arguments_and_a_fresh_module(sandbox: Sandbox):
    counts = "n = [0]\ndef f(x):\n    n[0] += 1\n    x.append(n[0])\n    return x\n"
    hidden = (
        "import builtins\ndef f(x):\n    builtins.n = getattr(builtins, 'n', 0) + 1\n    return builtins.n\n"
    )
    reads = "import os\ny = []\ndef f(x):\n    y.append(os.getpid() > 0)\n    return len(y)\n"
    assert shown(ran(sandbox, [counts], ["f([])", "f([5])", "f([6])"])) == ["[1]", "[5, 1]", "[6, 1]"]
    assert shown(ran(sandbox, [hidden, reads], ["f(0)", "f(1)", "f(2)"])) == ["1"] * 6


def test_a_sandbox_in_parts_serves_as_many_threads(sandbox: Sandbox):
    params = sandbox.params.model_copy(update={"workers": 3})
    jobs = [
        Job(str(n), "f", (Program("p", f"def f(x):\n    return x + {n}"),), (Call("c", "f(1)"),))
        for n in range(60)
    ]
    with Sandbox.open(params) as whole, ThreadPoolExecutor(3) as threads:
        parts = whole.parted()
        found = threads.map(lambda at: list(parts[at].execute(jobs[at::3])), range(3))
        values = {result.job_id: result.observations[0].repr for results in found for result in results}
    assert values == {str(n): str(n + 1) for n in range(60)}


def test_a_timeout_costs_its_own_call_and_neighbours_nothing(sandbox: Sandbox):
    loops = "def f(x):\n    while x == 2: pass\n    return x\n"
    result = ran(sandbox, ["def f(x): return -x", loops, "def f(x): return x * 3"], ["f(1)", "f(2)", "f(3)"])
    assert shown(result) == ["-1", "-2", "-3", "1", "timeout", "3", "3", "6", "9"]


def test_a_program_that_keeps_timing_out_is_given_up_and_counted(sandbox: Sandbox):
    result = ran(
        sandbox,
        ["def f(x):\n    while True: pass", *["def f(x): return 1"] * 3],
        [f"f({i})" for i in range(9)],
    )
    assert shown(result)[:9] == ["timeout"] * 3 + ["abandoned"] * 6
    assert set(shown(result)[9:]) == {"1"}
    assert result.reasons["programs_abandoned"] == 1


def test_what_a_program_answered_before_it_was_given_up_stays(sandbox: Sandbox):
    stuck = "def f(x):\n    while 50 <= x < 53: pass\n    return x\n"
    fine = "def f(x): return x"
    result = ran(sandbox, [stuck, *[f"{fine} + {n}" for n in range(4)]], [f"f({n})" for n in range(60)])
    assert [item.status for item in result.observations[:60]] == [
        *50 * ["ok"],
        *3 * ["timeout"],
        *7 * ["abandoned"],
    ]


def test_the_limit_follows_a_task_whose_calls_all_take_long(sandbox: Sandbox):
    slow = (
        "from time import process_time as t\ndef f(x):\n  y = t() + .1\n  while t() < y: pass\n  return x\n"
    )
    result = ran(sandbox, [slow], ["f(1)", "f(2)"])
    assert shown(result) == ["1", "2"]
    assert result.reasons["jobs_with_raised_limit"] == 1


def test_expected_values_are_evaluated_without_any_program(sandbox: Sandbox):
    texts = [
        "[1, 2.5]",
        "{'a': (1,)}",
        "f(1)",
        "1 / 0",
        "__import__('os').getpid() > 0",
        "'x' * 10**9",
        "[1, 2.5]",
    ]
    found = [None if value is None else parse(value) for value in sandbox.evaluate(texts)]
    assert found == [[1, 2.5], {"a": (1,)}, None, None, True, None, [1, 2.5]]


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def main(payload):\n    return payload[::-1]\n", "ok"),
        (
            "def main(payload):\n    import line_profiler\n    return b''",
            "ok",
        ),
        ("def main(payload):\n    while True: pass\n", "timeout"),
        ("def main(payload):\n    import os\n    return repr(os.listdir('/proc')).encode()\n", "error"),
        ("def main(payload):\n    return b'x' * 10**11\n", "memory"),
        ("def main(payload):\n    import os\n    os._exit(0)\n", "exit"),
        ("def main(payload):\n    import os\n    os.kill(os.getppid(), 9)\n", "error"),
        ("def main(payload):\n    return open('/etc/passwd', 'rb').read()\n", "error"),
    ],
)
def test_a_worker_is_a_fresh_confined_python_that_says_how_it_ended(
    sandbox: Sandbox, source: str, status: str
):
    result = sandbox.run_worker(source, b"abc", cpu_s=0.3, wall_s=20.0, memory_bytes=1 << 28)
    assert result.status == status


def test_a_workers_output_comes_back_as_it_was_given(sandbox: Sandbox):
    reverses = "def main(payload):\n    return payload[::-1]\n"
    result = sandbox.run_worker(reverses, b"abc", cpu_s=1.0, wall_s=20.0, memory_bytes=1 << 28)
    assert result.output == b"cba"
    assert 0 < result.cpu_s < 1
    assert result.peak_bytes > 1 << 20


@pytest.mark.parametrize("way", ["__import__", "eval('__import__')"], ids=["for every call", "of its own"])
def test_no_process_that_a_program_has_for_itself_brings_back_more_than_a_value_may_have(
    sandbox: Sandbox, way: str
):
    writes_it_itself = f"""
def f(x):
    gc, size = {way}("gc"), {sandbox.params.max_value_bytes}
    [arena] = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
    job, program, call = arena.words[1] >> 40, arena.words[1] >> 20 & 0xFFFFF, arena.words[1] & 0xFFFFF
    arena.put(job, program, call, 0, 0, b"u" + size.to_bytes(4, "little") + b"a" * size)
"""
    result = ran(sandbox, [writes_it_itself], ["f(1)"])
    kind = "programs_run_alone" if way == "__import__" else "programs_run_in_own_process"
    assert (shown(result), result.reasons[kind]) == (["large"], 1)
