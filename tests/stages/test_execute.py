"""execute as a tool of its own: anybody's tables in, observations and verdicts out, kill -9 safe."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from pipeline.assertions import ValueTest, parse_test
from pipeline.counts import read_counts
from pipeline.errors import TableError
from pipeline.identity import content_id
from pipeline.journal import Journal
from pipeline.schemas.calls import CALLS
from pipeline.schemas.observations import OBSERVATIONS
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.tables import read, write
from stages import execute
from tests.closure import ROOT
from tests.pipeline.sandbox.premises import descendants, told

MADE = (CALLS, OBSERVATIONS, VERDICTS)
# Codes of a task "add one", by what they do.
SOLUTIONS_BY_DEED = {
    "right": "def f(x):\n    return x + 1\n",
    "right too": "def f(x):\n    return 1 + x\n",
    "wrong": "def f(x):\n    return x\n",
    "other type": "def f(x):\n    return str(x + 1)\n",
    "liar": "class L(int):\n    def __eq__(s, o):\n        return True\ndef f(x):\n    return L(9)\n",
    "raises": "def f(x):\n    raise ValueError(x)\n",
    "loops": "def f(x):\n    while True:\n        pass\n",
    "exits": "import os\ndef f(x):\n    os._exit(0)\n",
    "no Python": "def f(x: return\n",
    "no f": "def g(x):\n    return x + 1\n",
}
VERDICTS_OF = {
    "right": "pass",
    "right too": "pass",
    "wrong": "fail",
    "other type": "fail",
    "liar": "fail",
    "raises": "error",
    "loops": "timeout",
    "exits": "exit",
    "no Python": "syntax",
    "no f": "error",
}


def task_row(task_id: str) -> dict:
    return {
        "task_id": task_id,
        "source_id": task_id,
        "prompt": "Add one.",
        "entry_point": "f",
        "starter_code": "def f(x):\n",
        "example_tests": [],
        "source": "here",
        "tags": [],
        "reference_tests": [],
        "reference_solution": None,
    }


def solution_row(task_id: str, code: str) -> dict:
    return {
        "solution_id": content_id("solution", task_id, code),
        "task_id": task_id,
        "code": code,
        "completion": code,
        "sample_count": 1,
        "n_tokens": 1,
        "model": "hand",
        "seed": 0,
        "parent_id": None,
        "round": 0,
    }


def row_of_test(task_id: str, code: str) -> dict:
    parsed = parse_test(code, "f")
    is_value = isinstance(parsed, ValueTest)
    return {
        "test_id": content_id("test", task_id, code),
        "task_id": task_id,
        "code": code,
        "kind": "value" if is_value else "code",
        "call": parsed.call if is_value else None,
        "expected": parsed.expected if is_value else None,
        "sample_count": 1,
        "is_example": False,
        "mean_logprob": None,
    }


def lay_out(tasks: dict[str, tuple[list[str], list[str]]]) -> None:
    """Write the three tables a user would make: task_id -> (codes of solutions, codes of tests)."""
    write(TASKS, [task_row(task_id) for task_id in tasks])
    write(SOLUTIONS, [solution_row(name, code) for name, (codes, _) in tasks.items() for code in codes])
    write(TESTS, [row_of_test(name, code) for name, (_, codes) in tasks.items() for code in codes])


def verdicts_by_code(task_id: str) -> dict[str, dict[str, str]]:
    """Code of a solution -> code of a test -> verdict."""
    codes = {row["solution_id"]: row["code"] for row in read(SOLUTIONS).to_pylist()}
    tests = {row["test_id"]: row["code"] for row in read(TESTS).to_pylist()}
    found: dict[str, dict[str, str]] = {}
    for row in read(VERDICTS).to_pylist():
        if row["task_id"] == task_id:
            found.setdefault(codes[row["solution_id"]], {})[tests[row["test_id"]]] = row["verdict"]
    return found


def tables_made() -> dict[str, list]:
    """Rows of all tables made, less the timings."""
    timings = {"cpu_s", "peak_bytes"}
    return {
        table.name: [
            {name: value for name, value in row.items() if name not in timings}
            for row in read(table).to_pylist()
        ]
        for table in MADE
    }


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with the repository's parameters."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_solution_meets_every_test_and_gets_the_verdict_that_its_deed_deserves():
    tests = [
        "assert f(1) == 2",
        "assert 6 == f(5)",
        "assert f(1) in [2]",
        "x = f(1)\nassert x in (2, 3) and x != 3",
    ]
    lay_out({"a": (list(SOLUTIONS_BY_DEED.values()), tests)})
    execute.main()
    found = verdicts_by_code("a")
    given_up = {"timeout", "abandoned"}
    for deed, code in SOLUTIONS_BY_DEED.items():
        verdicts = set(found[code].values())
        assert len(found[code]) == len(tests)
        assert verdicts <= (given_up if deed == "loops" else {VERDICTS_OF[deed]}), (deed, found[code])


def test_values_come_back_and_equal_values_have_equal_digests():
    lay_out({"a": (list(SOLUTIONS_BY_DEED.values()), ["assert f(1) == 2"])})
    execute.main()
    ids = {deed: content_id("solution", "a", code) for deed, code in SOLUTIONS_BY_DEED.items()}
    tested = {row["call_id"] for row in read(CALLS).to_pylist() if row["origin"] == "test"}
    seen = {row["solution_id"]: row for row in read(OBSERVATIONS).to_pylist() if row["call_id"] in tested}
    assert seen[ids["right"]]["value_repr"] == "2"
    assert seen[ids["right"]]["value_digest"] == seen[ids["right too"]]["value_digest"]
    assert seen[ids["right"]]["value_digest"] != seen[ids["other type"]]["value_digest"]
    assert seen[ids["right"]]["cpu_s"] > 0
    assert seen[ids["raises"]]["value_digest"] is None
    assert seen[ids["liar"]]["status"] == "opaque"


def test_probe_calls_are_observed_but_not_judged():
    codes = [SOLUTIONS_BY_DEED["right"], SOLUTIONS_BY_DEED["wrong"]]
    lay_out({"a": (codes, ["assert f(1) == 2", "assert f(7) == 8"])})
    execute.main()
    origins = Counter(row["origin"] for row in read(CALLS).to_pylist())
    assert origins["test"] == 2
    assert origins["probe"] > 3
    assert read(OBSERVATIONS).num_rows == 2 * sum(origins.values())
    assert read(VERDICTS).num_rows == 2 * 2


def test_what_is_missing_or_cannot_pass_is_counted_by_its_reason():
    right = [SOLUTIONS_BY_DEED["right"]]
    lay_out({"a": (right, ["assert f(1) == 1 / 0"]), "b": (right, []), "c": ([], ["assert f(1) == 2"])})
    stray = [solution_row("elsewhere", right[0])]
    write(SOLUTIONS, [*read(SOLUTIONS).to_pylist(), *stray])
    execute.main()
    counts = read_counts("execute")
    assert counts["tasks"] == 3
    assert counts["tasks_without_tests"] == counts["tasks_without_solutions"] == 1
    assert counts["solutions_without_task"] == 1
    assert counts["tests_without_expected_value"] == 1
    assert counts["verdicts_fail"] == 1
    assert counts["verdicts_pass"] == 0


def test_progress_ends_complete_though_some_solutions_have_no_task_or_no_test(capsys):
    right = [SOLUTIONS_BY_DEED["right"]]
    lay_out({"a": (right, ["assert f(1) == 2"]), "b": (right, []), "c": ([], ["assert f(1) == 2"])})
    write(SOLUTIONS, [*read(SOLUTIONS).to_pylist(), solution_row("elsewhere", right[0])])
    execute.main()
    assert "execute: 1/1 tasks" in capsys.readouterr().err


def test_tables_that_pandas_wrote_back_are_executed_as_they_were():
    lay_out({"a": ([SOLUTIONS_BY_DEED["right"], SOLUTIONS_BY_DEED["wrong"]], ["assert f(1) == 2"])})
    execute.main()
    before = tables_made()
    for name in ("tasks", "solutions", "tests"):
        pd.read_parquet(f"outputs/{name}").to_parquet(f"outputs/{name}/part-00000.parquet", index=False)
    execute.main()
    assert tables_made() == before


def test_texts_longer_than_any_model_writes_do_not_stop_the_stage():
    long = "x = '" + "x" * 9_000_000 + "'"
    codes = [f"{long}\n{SOLUTIONS_BY_DEED['right']}", SOLUTIONS_BY_DEED["right"]]
    call, expected = f"assert len([f(1), {long[4:]}]) == 2", f"assert f(1) == len({long[4:]})"
    lay_out({"a": (codes, ["assert f(1) == 2", call, expected])})
    execute.main()
    found = verdicts_by_code("a")
    assert found[codes[0]] == {"assert f(1) == 2": "syntax", call: "syntax", expected: "syntax"}
    assert found[codes[1]] == {"assert f(1) == 2": "pass", call: "syntax", expected: "fail"}


def test_how_code_was_confined_is_written_beside_the_tables():
    lay_out({"a": ([SOLUTIONS_BY_DEED["right"]], ["assert f(1) == 2"])})
    execute.main()
    told = json.loads(Path("outputs/isolation.json").read_text())
    assert told["isolation"]
    assert told["limits"]["isolation"] == "auto"
    assert told["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


def test_a_second_run_reuses_everything_and_writes_the_same_tables(capsys):
    lay_out({name: ([SOLUTIONS_BY_DEED["right"]], ["assert f(1) == 2"]) for name in "abc"})
    execute.main()
    first = {table.name: read(table) for table in MADE}
    capsys.readouterr()
    execute.main()
    assert "3 reused from the journal" in capsys.readouterr().err
    assert all(read(table).equals(first[table.name]) for table in MADE)


def test_a_changed_task_is_executed_again_and_only_that_one(capsys):
    right = [SOLUTIONS_BY_DEED["right"]]
    lay_out({name: (right, ["assert f(1) == 2"]) for name in "abc"})
    execute.main()
    capsys.readouterr()
    changed = {name: (right, ["assert f(1) == 2"]) for name in "ac"} | {"b": (right, ["assert f(1) == 3"])}
    lay_out(changed)
    execute.main()
    assert "2 reused from the journal" in capsys.readouterr().err
    assert verdicts_by_code("b") == {right[0]: {"assert f(1) == 3": "fail"}}


def test_a_test_that_cannot_be_run_stops_the_stage_with_its_id():
    lay_out({"a": ([SOLUTIONS_BY_DEED["right"]], ["assert f(1) == 2"])})
    broken = read(TESTS).to_pylist()[0] | {"call": None}
    write(TESTS, [broken])
    with pytest.raises(TableError, match=broken["test_id"]):
        execute.main()


def test_a_run_killed_in_the_middle_goes_on_where_it_stopped_and_ends_the_same(workshop: Path):
    codes = list(SOLUTIONS_BY_DEED.values())
    # So many that they do not fit one group of jobs: a group's tasks finish at nearly the same moment.
    tasks = {f"t{number:02}": (codes, ["assert f(1) == 2", "assert f(3) == 4"]) for number in range(72)}
    lay_out(tasks)
    assert kill_in_the_middle(workshop)
    again = run_stage(workshop)
    assert again.returncode == 0, again.stderr
    reused = int(again.stderr.partition(" reused from the journal")[0].rpartition(" ")[2])
    assert 0 < reused < len(tasks)
    resumed = tables_made()
    shutil.rmtree(".cache")
    execute.main()
    assert tables_made() == resumed


def run_stage(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.execute"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def kill_in_the_middle(folder: Path) -> bool:
    """Start the stage and kill -9 it once the journal holds something; whether it was still at work.

    The processes of its sandbox have to go with it.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.execute"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    with Journal.open(folder / execute.JOURNAL) as journal:
        while not len(journal) and process.poll() is None:
            time.sleep(0.01)
    workers = descendants(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    assert workers
    assert gone(workers), [told(pid) for pid in workers]
    return process.wait() == -signal.SIGKILL


def gone(pids: set[int]) -> bool:
    """Whether the processes end within ten seconds."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_example_of_the_documentation_works_as_it_stands():
    blocks = (ROOT / "docs" / "execute.md").read_text().split("```")
    example = next(block.removeprefix("python\n") for block in blocks if block.startswith("python\n"))
    exec(example, {})
    execute.main()
    counts = read_counts("execute")
    assert counts["verdicts_pass"] == 3
    assert counts["verdicts_fail"] == 1
