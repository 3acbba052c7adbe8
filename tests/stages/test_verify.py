import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline.schemas import verified as schema
from profiling import campaign
from profiling.inside import worker
from stages import families, optimize, profile, verify
from tests.stages.measured import (
    EMPTYING,
    LINEAR,
    QUADRATIC,
    UNSTABLE_ORDER,
    Scripted,
    solution_id,
    write_inputs,
)

WRONG_ON_LARGE = "def distinct(xs):\n    return list(dict.fromkeys(xs))[:30]\n"
SAME_COST = QUADRATIC.replace("out", "kept")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def verified(monkeypatch, parent: str, *rewrites: str) -> pd.DataFrame:
    write_inputs(parent, optimize={"rounds": 1})
    profile.main()
    monkeypatch.setattr(optimize, "open_engine", Scripted(lambda _: list(rewrites)).opened)
    optimize.main()
    verify.main()
    return pd.read_parquet("outputs/verified").set_index("solution_id")


def test_only_a_rewrite_that_agrees_and_is_certainly_faster_is_accepted(monkeypatch):
    rows = verified(monkeypatch, QUADRATIC, LINEAR, UNSTABLE_ORDER, SAME_COST)
    linear, wrong, same = (rows.loc[solution_id(code)] for code in (LINEAR, UNSTABLE_ORDER, SAME_COST))
    assert (linear.accepted, linear.reason) == (True, "faster")
    assert linear.speedup_low > 1.05
    assert linear.parent_id == solution_id(QUADRATIC)
    assert (wrong.accepted, wrong.reason, wrong.certainly_wrong) == (False, "fails_tests", True)
    assert pd.isna(wrong.speedup)
    assert (same.accepted, same.reason, same.certainly_wrong) == (False, "not_cheaper", False)
    found = json.loads(Path("outputs/counts/verify.json").read_text())
    assert found == {
        "accepted_faster": 1,
        "rejected_fails_tests": 1,
        "rejected_not_cheaper": 1,
        "rewrites": 3,
    }


def test_families_judged_at_the_same_time_have_the_verdicts_of_their_own_rewrites(monkeypatch):
    slower = QUADRATIC.replace("if x not in out:", "if x not in [*out]:")
    write_inputs(
        QUADRATIC,
        slower,
        optimize={"rounds": 1, "chains_per_task": 2},
        profile={"workers": 3},
        base={"seed": 4},
    )
    profile.main()
    script = Scripted(lambda asked: [LINEAR if "[*out]" in asked else EMPTYING])
    monkeypatch.setattr(optimize, "open_engine", script.opened)
    optimize.main()
    for file in Path(".cache/journal/verify").iterdir():
        file.unlink()
    verify.main()
    rows = pd.read_parquet("outputs/verified").set_index("solution_id")
    assert rows.parent_id.to_dict() == {
        solution_id(LINEAR): solution_id(slower),
        solution_id(EMPTYING): solution_id(QUADRATIC),
    }
    assert rows.reason.to_dict() == {solution_id(LINEAR): "faster", solution_id(EMPTYING): "other_effect"}


def test_a_rewrite_that_is_wrong_on_enlarged_inputs_only_is_rejected_but_not_certainly_wrong(monkeypatch):
    rows = verified(monkeypatch, QUADRATIC, WRONG_ON_LARGE)
    (row,) = rows.to_dict("records")
    assert (row["accepted"], row["reason"], row["certainly_wrong"]) == (False, "differs", False)


def test_a_faster_rewrite_that_empties_what_it_is_given_is_no_rewrite_of_one_that_does_not(monkeypatch):
    rows = verified(monkeypatch, QUADRATIC, LINEAR, EMPTYING)
    assert rows.loc[solution_id(LINEAR)].reason == "faster"
    emptying = rows.loc[solution_id(EMPTYING)]
    assert (emptying.accepted, emptying.reason, emptying.certainly_wrong) == (False, "other_effect", False)


def test_a_faster_rewrite_may_leave_alone_what_its_parent_empties(monkeypatch):
    parent = QUADRATIC.replace("for x in xs:", "while xs:\n        x = xs.pop(0)")
    assert verified(monkeypatch, parent, LINEAR).reason.to_list() == ["faster"]


GROWS = "def distinct(n):\n    for _ in range(n):\n        pass\n    return n % 2\n"
FLAT = "def distinct(n):\n    for _ in range(100):\n        pass\n    return n % 2\n"
QUICK_ON_EVEN = FLAT.replace("100", "300 if n % 2 else 10")
QUICK_ON_ODD = FLAT.replace("100", "10 if n % 2 else 300")


def test_a_rewrite_that_is_faster_on_one_input_is_not_accepted_where_neither_takes_longer_on_larger_ones(
    monkeypatch,
):
    calls = {"distinct(40)": "0", "distinct(41)": "1"}
    write_inputs(GROWS, FLAT, calls=calls, telling=calls, optimize={"rounds": 1, "chains_per_task": 2})
    profile.main()
    script = Scripted(lambda asked: [QUICK_ON_EVEN, QUICK_ON_ODD] if "range(100)" in asked else [])
    monkeypatch.setattr(optimize, "open_engine", script.opened)
    optimize.main()
    verify.main()
    decided = pd.read_parquet("outputs/verified")
    assert list(decided.reason) == ["not_cheaper", "not_cheaper"]
    assert decided.speedup_low.isna().all()


def test_a_rewrite_may_answer_where_its_parent_was_too_slow_to(monkeypatch):
    slow = "def distinct(n):\n    return n if n < 2 else distinct(n - 1) + distinct(n - 2)\n"
    quick = (
        "def distinct(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
    )
    calls = {"distinct(6)": "8", "distinct(9)": "34", "distinct(40)": "102334155"}
    write_inputs(slow, calls=calls, telling=calls, optimize={"rounds": 1})
    profile.main()
    monkeypatch.setattr(optimize, "open_engine", Scripted(lambda _: [quick]).opened)
    optimize.main()
    verify.main()
    assert list(pd.read_parquet("outputs/verified").reason) == ["faster"]


FAT = "def distinct(n):\n    sum([i for i in range(1000)])\n    return n % 2\n"
LEAN = "def distinct(n):\n    sum(i for i in range(100))\n    return n % 2\n"


def test_a_leaner_rewrite_names_what_its_memory_was_measured_on_though_no_speedup_is_told(monkeypatch):
    calls = {"distinct(40)": "0", "distinct(41)": "1"}
    write_inputs(GROWS, FAT, calls=calls, telling=calls, optimize={"rounds": 1, "chains_per_task": 2})
    profile.main()
    script = Scripted(lambda asked: [LEAN] if "range(1000)" in asked else [])
    monkeypatch.setattr(optimize, "open_engine", script.opened)
    optimize.main()
    verify.main()
    (row,) = pd.read_parquet("outputs/verified").to_dict("records")
    assert (row["reason"], pd.isna(row["speedup"]), row["memory_ratio"] > 1) == ("leaner", True, True)
    workloads = pd.read_parquet("outputs/workloads").set_index("workload_id")
    assert workloads.loc[row["workload_id"]].role == "main"


HEAVY = "def distinct(xs):\n    sum(range(10_000_000))\n    return list(dict.fromkeys(xs))\n"


def test_what_ran_into_a_limit_is_judged_anew_under_another_limit(monkeypatch):
    (row,) = verified(monkeypatch, QUADRATIC, HEAVY).to_dict("records")
    assert (row["reason"], row["certainly_wrong"]) == ("fails_tests", True)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["sandbox"] |= {"call_cpu_s": 9.0, "max_call_cpu_s": 9.0}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    verify.main()
    (row,) = pd.read_parquet("outputs/verified").to_dict("records")
    assert row["reason"] != "fails_tests" and not row["certainly_wrong"]


def test_verify_judges_alone_what_no_journal_holds(monkeypatch):
    first = verified(monkeypatch, QUADRATIC, LINEAR)
    for file in Path(".cache/journal/verify").iterdir():
        file.unlink()
    verify.main()
    again = pd.read_parquet("outputs/verified").set_index("solution_id")
    assert list(again.reason) == list(first.reason) == ["faster"]


def test_the_schema_names_every_reason_there_is():
    by_tests = {families.FASTER, families.LEANER, families.FAILS_TESTS, families.OTHER_VALUE}
    by_measurement = {worker.NOT_LOADED, worker.OUTSIDE, worker.FAILS, worker.DIFFERS, worker.UNSTABLE}
    by_measurement |= {campaign.NO_ANSWER, families.PARENT_NOT_MEASURED, families.NOT_CHEAPER}
    by_measurement.add(families.OTHER_EFFECT)
    assert by_tests | by_measurement <= set(re.findall(r"\w+", Path(schema.__file__).read_text()))


def test_without_rewrites_the_table_is_empty_and_whole(monkeypatch):
    assert verified(monkeypatch, QUADRATIC).empty
