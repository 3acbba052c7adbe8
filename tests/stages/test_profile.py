import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.schemas.tasks import TASKS
from pipeline.tables import write
from stages import profile
from tests.stages.measured import EMPTYING, LINEAR, QUADRATIC, solution_id, write_inputs

LEAVES_EARLY = """def distinct(xs):
    for i in range(len(xs)):
        for j in range(i + 1, len(xs)):
            if xs[i] == xs[j]:
                return False
    return True
"""
WITH_SET = "def distinct(xs):\n    return len(set(xs)) == len(xs)\n"
EARLY = {"distinct([1, 2, 1])": "False", "distinct([7, 8, 9, 7])": "False", "distinct([4, 4])": "False"}
HARD = {"distinct([1, 2, 3])": "True"}
TABLES = ("workloads", "measurements", "profiles", "comparisons")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_better_class_is_certified_and_raw_times_are_kept():
    write_inputs(QUADRATIC, LINEAR)
    profile.main()
    compared = pd.read_parquet("outputs/comparisons")
    (row,) = compared.to_dict("records")
    assert (row["faster_id"], row["slower_id"]) == (solution_id(LINEAR), solution_id(QUADRATIC))
    assert row["certified"]
    assert 1 < row["speedup_low"] < row["speedup"] < row["speedup_high"]
    assert row["exponent_gap"] > 0.5
    raw = pd.read_parquet("outputs/measurements")
    assert raw.machine_id.nunique() == 1
    assert set(raw.process) >= {0, 1}
    assert set(raw.workload_id) == {row["workload_id"]}
    profiles = pd.read_parquet("outputs/profiles").set_index("solution_id")
    assert profiles.scaling_exponent[solution_id(QUADRATIC)] > 1.5
    assert "if x not in out" in profiles.hot_lines[solution_id(QUADRATIC)]
    assert (profiles.memory_integral_bytes_s <= profiles.peak_bytes * profiles.cpu_s).all()


def test_what_is_faster_but_empties_its_argument_is_not_certified_over_what_leaves_it_alone():
    write_inputs(QUADRATIC, EMPTYING)
    profile.main()
    (row,) = pd.read_parquet("outputs/comparisons").to_dict("records")
    assert (row["faster_id"], row["certified"]) == (solution_id(EMPTYING), False)
    assert row["speedup_low"] > 1.05
    changes = pd.read_parquet("outputs/profiles").set_index("solution_id").changes_arguments
    assert changes.to_dict() == {solution_id(QUADRATIC): False, solution_id(EMPTYING): True}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_input_counts_though_its_test_tells_no_solutions_apart(seed):
    # All other tests hold an early duplicate, on which the loop leaves at once and is the faster one.
    write_inputs(LEAVES_EARLY, WITH_SET, calls=EARLY | HARD, telling=EARLY, base={"seed": seed})
    profile.main()
    (row,) = pd.read_parquet("outputs/comparisons").to_dict("records")
    assert (row["faster_id"], row["certified"]) == (solution_id(WITH_SET), True)
    assert set(HARD) < set(pd.read_parquet("outputs/workloads").call)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_loop_that_leaves_early_on_every_test_still_loses(seed):
    write_inputs(LEAVES_EARLY, WITH_SET, calls=EARLY, base={"seed": seed})
    profile.main()
    (row,) = pd.read_parquet("outputs/comparisons").to_dict("records")
    assert (row["faster_id"], row["certified"]) == (solution_id(WITH_SET), True)


def test_a_finished_task_comes_from_the_journal_with_the_same_bytes(capsys):
    write_inputs(QUADRATIC, LINEAR)
    profile.main()
    first = {name: pd.read_parquet(f"outputs/{name}") for name in TABLES}
    profile.main()
    assert "1 reused" in capsys.readouterr().err
    for name, table in first.items():
        pd.testing.assert_frame_equal(pd.read_parquet(f"outputs/{name}"), table)


def test_every_trusted_solution_is_measured_or_left_out_for_a_counted_reason():
    flat = "def distinct(xs):\n    return True\n"
    for codes, calls in (((QUADRATIC, LINEAR, "import gc\n" + LINEAR), HARD), ((flat, flat + "\n"), HARD)):
        write_inputs(*codes, calls=calls, telling=calls)
        profile.main()
        counts = json.loads(Path("outputs/counts/profile.json").read_text())
        left_out = sum(n for name, n in counts.items() if name.startswith("dropped_solution_"))
        assert counts["trusted"] == len(codes) == counts.get("measured", 0) + left_out


def test_what_cannot_be_measured_is_counted_and_leaves_whole_tables(tmp_path):
    write_inputs(QUADRATIC, trusted=False)
    profile.main()
    assert '"dropped_task_no_trusted_solution": 1' in (tmp_path / "outputs/counts/profile.json").read_text()
    assert [len(pd.read_parquet(f"outputs/{name}")) for name in TABLES] == [0, 0, 0, 0]
    write_inputs(QUADRATIC, p_valid=0.2)
    profile.main()
    assert (
        '"dropped_task_no_plain_believed_call": 1' in (tmp_path / "outputs/counts/profile.json").read_text()
    )


def test_solutions_of_a_task_that_is_not_there_are_counted_and_measured_nowhere():
    write_inputs(QUADRATIC, LINEAR)
    write(TASKS, [])
    profile.main()
    counts = json.loads(Path("outputs/counts/profile.json").read_text())
    assert counts == {"dropped_solution_without_task": 2, "trusted": 2}
