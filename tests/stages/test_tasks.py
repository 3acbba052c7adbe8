"""What a user relies on when he gives Pairsmith tasks: the good ones arrive, every bad row is named."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline.counts import read_counts
from pipeline.errors import ParamsError, TaskSourceError
from pipeline.execution import Trial, judged
from pipeline.params import load
from pipeline.reporting.truth import correct_of, solution_trial
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from stages import tasks

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "pipeline" / "data" / "tasks.jsonl"
DEFAULTS = yaml.safe_load((ROOT / "params.yaml").read_text())["tasks"]
GOOD = {
    "id": "add",
    "prompt": "Add two numbers and return what comes out.",
    "entry_point": "add",
    "starter_code": 'def add(a, b):\n    """Return a + b."""',
}
OTHER = {
    "id": "neg",
    "prompt": "Change the sign of a whole number.",
    "entry_point": "neg",
    "starter_code": "def neg(n):",
}


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take(source: str | bytes | list[dict], **params: object) -> pd.DataFrame:
    if isinstance(source, list):
        source = "\n".join(json.dumps(row) for row in source)
    Path("mine.jsonl").write_bytes(source.encode() if isinstance(source, str) else source)
    return take_with(path="mine.jsonl", **params)


def take_with(**params: object) -> pd.DataFrame:
    Path("params.yaml").write_text(yaml.safe_dump({"tasks": {**DEFAULTS, **params}}))
    tasks.main()
    return pd.read_parquet("outputs/tasks")


def test_the_bundled_tasks_are_taken_whole():
    taken = take_with(path=str(BUNDLED))
    assert len(taken) == len(BUNDLED.read_text().splitlines()) >= 64
    assert (taken.starter_code.str.endswith('"""')).all()
    assert taken.example_tests.map(len).min() >= 1
    assert taken.reference_tests.map(len).between(8, 15).all()
    assert read_counts("tasks") == {
        "read": len(taken),
        "kept": len(taken),
        "dropped_over_limit": 0,
        "dropped_near_duplicate": 0,
        "dropped_contaminated": 0,
    }


def test_the_bundled_tasks_offer_the_levels_and_complexities_the_readme_promises():
    tags = take_with(path=str(BUNDLED)).tags.map(set)
    assert tags.map(lambda own: "level:trivial" in own).sum() >= 40
    assert tags.map(lambda own: "level:moderate" in own).sum() >= 10
    assert tags.map(lambda own: "complexity" in own).sum() >= 20


def test_bundled_reference_solutions_pass_their_tests_in_the_sandbox_and_lazy_ones_do_not():
    taken = take_with(path=str(BUNDLED)).to_dict("records")
    with Sandbox.open(load("sandbox", SandboxParams, ROOT / "params.yaml")) as sandbox:
        judged_tasks = list(judged(map(reference_and_lazy, taken), sandbox))
    assert {task.task_id for task in judged_tasks} == {task["task_id"] for task in taken}
    for task in judged_tasks:
        assert correct_of(task) == {"lazy": False}, task.task_id


def test_a_reference_test_may_be_written_for_pytest_and_under_a_main_guard():
    task = {
        "task_id": "half",
        "entry_point": "half",
        "example_tests": [],
        "reference_solution": None,
        "reference_tests": [
            "import pytest\ndef test_raises():\n    with pytest.raises(ValueError):\n        half(-1)",
            "import pytest\nassert half(1) == pytest.approx(0.5)",
            "def test_all():\n    for i in range(9):\n        assert half(i) == i / 2\n\n"
            "if __name__ == '__main__':\n    test_all()",
        ],
    }
    negative = "def half(x):\n    if x < 0:\n        raise ValueError\n"
    codes = {"right": f"{negative}    return x / 2", "wrong": f"{negative}    return 0.5"}
    trial = solution_trial(task, [{"solution_id": k, "code": v} for k, v in codes.items()], Counter())
    with Sandbox.open(load("sandbox", SandboxParams, ROOT / "params.yaml")) as sandbox:
        (told,) = judged([trial], sandbox)
    assert correct_of(told) == {"right": True, "wrong": False}


def reference_and_lazy(task: dict) -> Trial:
    first_argument = task["starter_code"].split("(", 1)[1].split(":", 1)[0]
    lazy = f"{task['starter_code']}\n    return {first_argument}"
    task = {
        **task,
        "reference_tests": list(task["reference_tests"]),
        "example_tests": list(task["example_tests"]),
    }
    trial = solution_trial(task, [{"solution_id": "lazy", "code": lazy}], Counter())
    assert trial is not None
    return trial


def test_code_that_python_only_warns_of_is_taken():
    code = 'def add(a, b):\n    """Match \\d."""'
    assert take([{**GOOD, "starter_code": code}]).starter_code.tolist() == [code]


def test_a_task_needs_no_reference_and_keeps_its_id_whatever_else_is_in_the_file():
    alone = take([GOOD])
    both = take([OTHER, GOOD])
    (task_id,) = alone.task_id
    assert task_id.startswith("add-")
    assert task_id in set(both.task_id)
    assert alone.reference_solution.isna().all()
    assert list(alone.reference_tests.iloc[0]) == []


def test_parquet_is_taken_like_jsonl():
    from_jsonl = take([GOOD, OTHER])
    pd.DataFrame([GOOD, OTHER]).to_parquet("mine.parquet")
    from_parquet = take_with(path="mine.parquet")
    columns = ["task_id", "prompt", "starter_code"]
    assert from_parquet[columns].equals(from_jsonl[columns])


def test_a_dataset_is_loaded_by_the_datasets_library(monkeypatch, tmp_path):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    pd.DataFrame([GOOD, OTHER]).to_parquet("mine/train.parquet")
    assert set(take_with(dataset="mine").source_id) == {"add", "neg"}


def test_a_dataset_that_cannot_be_reached_is_refused_with_its_name(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(TaskSourceError, match="nobody/nothing, split train"):
        take_with(dataset="nobody/nothing")


def test_other_column_names_are_mapped():
    human_eval = {"task_id": "HumanEval/1", "prompt": GOOD["starter_code"], "entry_point": "add"}
    taken = take([human_eval], columns={"id": "task_id", "starter_code": "prompt"})
    assert taken.source_id.tolist() == ["HumanEval/1"]
    assert taken.starter_code.tolist() == [GOOD["starter_code"]]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({**GOOD, "id": "b", "prompt": None}, "line 2, column prompt: missing"),
        ({"id": "b", "entry_point": "add"}, "line 2, column prompt: missing"),
        ({**GOOD, "id": "b", "prompt": 7}, "line 2, column prompt: 7 is not a text"),
        ({**GOOD, "id": "b", "prompt": " \n"}, "line 2, column prompt: empty"),
        (
            {**GOOD, "id": "b", "prompt": "x" * 1_000_000},
            "line 2, column prompt: 1,000,000 characters, more than",
        ),
        ({**GOOD, "id": "add"}, "line 2, column id: 'add' is the id of line 1 already"),
        ({**GOOD, "id": "b", "entry_point": "a b"}, "line 2, column entry_point: 'a b' is not a name"),
        ({**GOOD, "id": "b", "entry_point": "if"}, "line 2, column entry_point: 'if' is not a name"),
        ({**GOOD, "id": "b", "entry_point": "sub"}, "line 2, column entry_point: 'sub' is not defined in"),
        ({**GOOD, "id": "b", "starter_code": "def add(a"}, "line 2, column starter_code: not valid Python"),
        (
            {**GOOD, "id": "b", "starter_code": "def add(a): return a"},
            "column starter_code: add already has a body",
        ),
        (
            {**GOOD, "id": "b", "example_tests": "assert add(1, 2) == 3"},
            "column example_tests: .* not a list of texts",
        ),
        (
            {**GOOD, "id": "b", "example_tests": ["add(1, 2)"]},
            "column example_tests: item 1: .* not one assert",
        ),
        (
            {**GOOD, "id": "b", "example_tests": ["assert add(1, 2) == 3", "assert True"]},
            "line 2, column example_tests: item 2: 'assert True' tells nothing about add: never calls",
        ),
        (
            {**GOOD, "id": "b", "example_tests": ["assert add(1, 2) == 3 or True"]},
            "line 2, column example_tests: item 1: .* tells nothing about add: tautology",
        ),
        (
            {**GOOD, "id": "b", "reference_tests": ["assert ("]},
            "column reference_tests: item 1: not valid Python",
        ),
        ({**GOOD, "id": "b", "prompt": "half \ud800"}, "line 2, column prompt: holds half a character"),
        ("{'id': 1}", "line 2, character 2: not valid JSON"),
        ("[1]", "line 2, character 1: a JSON list, not an object"),
        (b'{"id": "\xff"}', "line 2, byte 9: the byte 0xff is not UTF-8"),
    ],
)
def test_a_bad_row_is_refused_with_line_column_and_reason(bad, told):
    line = json.dumps(bad) if isinstance(bad, dict) else bad
    with pytest.raises(TaskSourceError, match=told):
        take(json.dumps(GOOD).encode() + b"\n" + (line.encode() if isinstance(line, str) else line))


def test_all_bad_rows_are_told_at_once_the_first_twenty_by_name():
    rows = [{**GOOD, "id": str(number), "prompt": ""} for number in range(25)]
    with pytest.raises(TaskSourceError) as refusal:
        take(rows)
    assert str(refusal.value).count("column prompt: empty") == 20
    assert "25 problems" in str(refusal.value)
    assert "and 5 more" in str(refusal.value)


def test_a_lone_problem_is_told_in_the_singular():
    with pytest.raises(TaskSourceError, match="1 problem in the tasks"):
        take([{**GOOD, "prompt": ""}])


def test_a_bad_entry_point_is_no_problem_of_the_examples():
    with pytest.raises(TaskSourceError, match="1 problem in the tasks"):
        take([{**GOOD, "entry_point": "a b", "example_tests": ["assert add(1, 2) == 3"]}])


def test_a_column_that_no_row_has_is_told_once_with_the_columns_there_are():
    mbpp = [{"task_id": n, "text": "Add.", "code": "def add(a, b):", "entry_point": "add"} for n in range(30)]
    with pytest.raises(TaskSourceError) as refusal:
        take(mbpp, columns={"id": "task_id"})
    told = "missing; there are code, entry_point, task_id, text; say in tasks.columns which one it is"
    assert refusal.value.what.startswith("2 problems ")
    assert f"every row, column prompt: {told}" in refusal.value.got
    assert f"every row, column starter_code or example_tests: {told}" in refusal.value.got
    taken = take(mbpp[:1], columns={"id": "task_id", "prompt": "text", "starter_code": "code"})
    assert taken.source_id.tolist() == ["0"]


def test_a_column_that_some_row_has_is_told_by_row():
    with pytest.raises(TaskSourceError, match="2 problems") as refusal:
        take([GOOD, {**OTHER, "prompt": None}, {"id": "c", "entry_point": "c", "starter_code": "def c():"}])
    assert "line 2, column prompt: missing" in refusal.value.got
    assert "line 3, column prompt: missing" in refusal.value.got


@pytest.mark.parametrize("indent", [None, 2])
def test_one_json_array_is_refused_as_such_and_the_command_told_makes_jsonl_of_it(indent):
    with pytest.raises(TaskSourceError, match="one JSON array") as refusal:
        take("\ufeff" + json.dumps([GOOD, OTHER], indent=indent))
    subprocess.run(refusal.value.next_step, shell=True, check=True)
    assert set(take_with(path="lines.jsonl").source_id) == {"add", "neg"}


def test_a_line_that_is_an_array_among_others_is_told_by_line():
    with pytest.raises(TaskSourceError, match="line 1, character 1: a JSON list, not an object"):
        take(f"[1]\n{json.dumps(GOOD)}")


def test_a_byte_order_mark_before_the_first_task_is_no_part_of_it():
    assert take("\ufeff" + json.dumps(GOOD)).source_id.tolist() == ["add"]


def test_a_refused_source_leaves_the_last_good_table():
    before = take([GOOD])
    with pytest.raises(TaskSourceError):
        take([GOOD, {**OTHER, "prompt": ""}])
    assert pd.read_parquet("outputs/tasks").equals(before)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"path": "nowhere.jsonl"}, "not there"),
        ({"path": "."}, r"folder(.|\n)*dataset"),
        ({"path": "params.yaml"}, "cannot be read from a file of this kind"),
        ({"columns": {"idd": "x"}}, "tasks.columns"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(params, told):
    Path("mine.jsonl").write_text(json.dumps(GOOD))
    with pytest.raises(TaskSourceError, match=told):
        take_with(**{"path": "mine.jsonl", **params})


def test_an_empty_file_is_refused():
    with pytest.raises(TaskSourceError, match="holds no task"):
        take("")


def test_a_parameter_out_of_range_is_refused():
    with pytest.raises(ParamsError, match=r"tasks\.near_duplicate_similarity"):
        take([GOOD], near_duplicate_similarity=1.5)


def test_a_near_duplicate_is_dropped_and_counted_and_the_first_one_stays():
    twin = {**GOOD, "id": "twin", "prompt": GOOD["prompt"].upper()}
    assert take([GOOD, OTHER, twin]).source_id.tolist() == ["add", "neg"]
    assert read_counts("tasks")["dropped_near_duplicate"] == 1


def test_a_task_of_a_benchmark_is_dropped_and_counted():
    told = "Write a python function to find the volume of a triangular prism from its base."
    Path("mbpp.jsonl").write_text(json.dumps({"text": told}))
    known = {**GOOD, "id": "known", "prompt": f"Please!\n{told.upper()}"}
    assert take([OTHER, known], decontaminate=["mbpp.jsonl"]).source_id.tolist() == ["neg"]
    assert read_counts("tasks")["dropped_contaminated"] == 1


def test_a_benchmark_of_conversations_is_refused_as_one_without_a_prompt():
    Path("chats.jsonl").write_text(json.dumps({"prompt": [{"role": "user", "content": "Add."}]}))
    with pytest.raises(TaskSourceError, match="a row without a prompt"):
        take([GOOD], decontaminate=["chats.jsonl"])


def test_a_dataset_that_is_a_script_is_refused():
    Path("scripted").mkdir()
    Path("scripted/scripted.py").write_text("import datasets\n")
    with pytest.raises(TaskSourceError, match="scripts are no longer supported"):
        take_with(dataset="scripted")


@pytest.mark.parametrize(
    ("path", "told"), [("nope.jsonl", "is not there"), ("params.yaml", r"of this kind: \.yaml")]
)
def test_a_benchmark_that_cannot_be_read_is_told_as_one_with_the_parameter_that_names_it(path, told):
    with pytest.raises(TaskSourceError, match="benchmark to leave out") as refusal:
        take([GOOD], decontaminate=[path])
    assert re.search(told, refusal.value.got)
    assert refusal.value.where.endswith(f"{path}, which tasks.decontaminate names")
