"""The whole line in a DVC repository of its own: real stages, sandbox, measurement; a scripted model."""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from tests.line.conftest import Repository
from tests.line.scripted_model import ScriptedServer

TABLES = (
    *("tasks", "solutions", "tests", "calls", "observations", "verdicts", "solution_scores", "test_scores"),
    *("workloads", "measurements", "comparisons", "profiles", "rewrites", "verified", "pairs", "truths"),
)
SECONDS_TO_REACH_A_STAGE = 120


@pytest.fixture(scope="module")
def line(new_repository: Callable[[str], Repository]) -> Repository:
    repository = new_repository("unbroken")
    assert repository.run("dvc", "repro").returncode == 0
    return repository


def pairs(repository: Repository) -> pd.DataFrame:
    return pd.read_parquet(repository.path / "outputs/pairs")


def ran(output: str) -> set[str]:
    """The stages whose commands a `dvc repro` ran."""
    return {text.split("'")[1] for text in output.splitlines() if text.startswith("Running stage '")}


def test_pairs_of_both_kinds_come_out_and_are_true(line: Repository):
    found = pairs(line).set_index("kind")
    truths = pd.read_parquet(line.path / "outputs/truths").set_index("solution_id")["correct"]
    assert {"correctness", "efficiency"} <= set(found.index)
    correctness = found.loc[["correctness"]]
    assert truths[correctness["chosen_id"]].all()
    assert not truths[correctness["rejected_id"]].any()
    efficiency = found.loc[["efficiency"]]
    assert (efficiency["speedup_low"] > 1).all()
    assert (efficiency["speedup"] > 2).any()


def test_a_quadratic_loop_loses_to_a_set(line: Repository):
    found = pairs(line).query("kind == 'efficiency' and task_id.str.startswith('has-duplicates')")
    assert found["chosen"].str.contains("set").all()
    assert found["rejected"].str.contains("for j").all()


@pytest.mark.parametrize("table", TABLES)
def test_pandas_reads_every_table(line: Repository, table: str):
    frame = pd.read_parquet(line.path / "outputs" / table)
    assert not frame.empty
    assert not frame.map(lambda value: isinstance(value, dict)).any().any(), "nothing to unpack"


@pytest.mark.parametrize("configuration", ["conversational", "plain"])
def test_datasets_loads_the_pairs_as_they_are(line: Repository, configuration: str, tmp_path: Path):
    folder = line.path / "outputs/datasets" / configuration
    files = {split.stem: str(split) for split in folder.glob("*.parquet")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    assert sum(len(split) for split in loaded.values()) == len(pairs(line))
    example = loaded["train"][0]
    assert type(example["chosen"]) is (list if configuration == "conversational" else str)


def test_the_report_counts_pairs_and_says_how_many_are_true(line: Repository):
    shown = line.run("dvc", "metrics", "show", "--json")
    assert shown.returncode == 0
    assert json.loads(shown.stdout)
    assert line.run("dvc", "plots", "show").returncode == 0
    assert "dvc_plots" not in line.run("git", "status", "--porcelain").stdout
    assert line.run("dvc", "dag").returncode == 0


@pytest.fixture
def copy_of_line(line: Repository, tmp_path: Path) -> Repository:
    return Repository(shutil.copytree(line.path, tmp_path / "copy", symlinks=True))


def test_a_second_repro_does_nothing(copy_of_line: Repository, server: ScriptedServer):
    asked = server.asked.total()
    again = copy_of_line.run("dvc", "repro")
    assert again.returncode == 0
    assert ran(again.stdout) == set()
    assert server.asked.total() == asked


def test_a_parameter_of_pairs_reruns_only_pairs_and_report(copy_of_line: Repository):
    copy_of_line.set(pairs={"validation_share": 0.5})
    again = copy_of_line.run("dvc", "repro")
    assert again.returncode == 0
    assert ran(again.stdout) == {"pairs", "report"}


def test_a_new_column_in_pairs_does_not_rerun_generate(copy_of_line: Repository):
    schema = copy_of_line.path / "pipeline/schemas/pairs.py"
    schema.write_text(schema.read_text() + "\n# a new column would go here\n")
    status = json.loads(copy_of_line.run("dvc", "status", "--json").stdout)
    assert set(status) <= {"pairs", "report"}
    assert "pairs" in status


def entries(journal: Path) -> int:
    """How many finished works a journal holds; 0 while it is just being made."""
    try:
        made = f"file:{journal}/journal.sqlite?mode=ro"
        with closing(sqlite3.connect(made, uri=True, timeout=1)) as connection:
            return int(connection.execute("SELECT count(*) FROM finished").fetchone()[0])
    except sqlite3.Error:
        return 0


def kill_once_something_is_journaled(repository: Repository, journal: str) -> None:
    """Start `dvc repro` and kill all of it, without warning, once the journal has its first entry."""
    process = repository.start("dvc", "repro")
    deadline = time.monotonic() + SECONDS_TO_REACH_A_STAGE
    while entries(repository.path / ".cache/journal" / journal) == 0:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_in_generate_execute_and_profile_it_ends_with_the_same_pairs(
    line: Repository, new_repository: Callable[[str], Repository]
):
    broken = new_repository("broken")
    for journal in ("completions", "execute", "profile"):
        kill_once_something_is_journaled(broken, journal)
    finished = broken.run("dvc", "repro")
    assert finished.returncode == 0
    assert "reused from the journal" in finished.stdout
    for table, key in (("solutions", "solution_id"), ("tests", "test_id"), ("verdicts", "verdict")):
        ids = [pd.read_parquet(where.path / "outputs" / table)[key].tolist() for where in (line, broken)]
        assert ids[0] == ids[1]
    assert set(pairs(line)["pair_id"]) == set(pairs(broken)["pair_id"])


def test_a_bad_task_file_is_refused_by_line_and_the_last_outputs_stay(
    new_repository: Callable[[str], Repository],
):
    repository = new_repository("refused")
    assert repository.run("dvc", "repro", "tasks").returncode == 0
    before = pd.read_parquet(repository.path / "outputs/tasks")
    tasks = repository.path / "tasks.jsonl"
    tasks.write_text(tasks.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")
    refused = repository.run("dvc", "repro")
    assert refused.returncode != 0
    assert "line 4" in refused.stdout
    assert "Traceback" not in refused.stdout
    pd.testing.assert_frame_equal(before, pd.read_parquet(repository.path / "outputs/tasks"))


@pytest.mark.parametrize(
    ("section", "change", "told"),
    [
        ("generate", {"n_solution": 3}, "n_solutions"),
        ("engine", {"openai": {"base_url": "http://127.0.0.1:9/v1"}}, "127.0.0.1:9"),
        ("engine", {"kind": "llamacpp", "llamacpp": {"model_path": "models/none.gguf"}}, "models/none.gguf"),
    ],
    ids=["unknown parameter", "unreachable server", "missing model file"],
)
def test_a_mistake_gets_one_clear_message(
    copy_of_line: Repository, section: str, change: dict[str, Any], told: str
):
    shutil.rmtree(copy_of_line.path / ".cache")  # what the journal holds needs no model
    copy_of_line.set(**{section: change})
    ended = copy_of_line.run("python", "-m", "stages.generate")
    assert ended.returncode == 2
    assert told in ended.stdout
    assert "Traceback" not in ended.stdout
