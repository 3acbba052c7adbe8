import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline.counts import read_counts
from pipeline.engines.types import Answer, Completion, Request, Sampling
from pipeline.errors import EngineError, ParamsError
from pipeline.identity import content_id
from pipeline.schemas.tasks import TASKS
from pipeline.tables import write
from pipeline.tasks import Task
from stages import generate
from tests.pipeline.engines.misbehaving import OK, Misbehaving, serving

ROOT = Path(__file__).resolve().parents[2]
KILLS = 6  # python -m benchmarks.resume does 200
STARTER = 'def add(a, b):\n    """Return a + b.\n\n    >>> add(2, 3)\n    5\n    """'
ADD = Task("add-1", "Add two numbers.", "add", STARTER, ("assert add(2, 3) == 5",))
SAMPLING = Sampling(0.8, 0.95, 64)


def answer(*texts: str, prefill: str = "", logprobs: tuple[float | None, ...] = ()) -> Answer:
    given = [*logprobs, *[None] * (len(texts) - len(logprobs))]
    completions = [Completion(text, 7, "stop", lp) for text, lp in zip(texts, given, strict=True)]
    return Answer(Request((), prefill, len(texts), SAMPLING, seed=1024), tuple(completions), 20)


def solution(body: str) -> str:
    return f"```python\ndef add(a, b):\n    {body}\n```"


def test_equal_solutions_are_one_row_that_counts_its_samples_and_remembers_the_first():
    one, other = solution("return a + b"), solution("return b + a")
    rows, counts = generate.solution_rows(ADD, "m@1", answer("I can't.", one, other, one))
    assert sorted(row["sample_count"] for row in rows) == [1, 2]
    (twice,) = [row for row in rows if row["sample_count"] == 2]
    assert (twice["seed"], twice["completion"], twice["n_tokens"]) == (1025, one, 7)
    assert [row["solution_id"] for row in rows] == sorted(row["solution_id"] for row in rows)
    assert counts["solution_samples"] == 4 == 2 + counts["solution_repeats"] + counts["solution_lost_no_code"]


@pytest.mark.parametrize(
    "text", ["", " \n\t\n ", "x" * 100_000, "def " * 25_000, "\x00\ud800", "```" * 30_000]
)
def test_a_completion_that_is_no_code_is_counted_and_never_fatal(text):
    rows, counts = generate.solution_rows(ADD, "m@1", answer(text))
    assert rows == []
    assert sum(count for name, count in counts.items() if name.startswith("solution_lost_")) == 1
    rows, counts = generate.test_rows(ADD, answer(text))
    assert [row["is_example"] for row in rows] == [True]
    assert sum(count for name, count in counts.items() if name.startswith("test_lost_")) >= 1


def test_the_public_examples_are_tests_without_samples():
    (row,), _ = generate.test_rows(ADD, None)
    assert (row["call"], row["expected"], row["is_example"], row["sample_count"]) == (
        "add(2, 3)",
        "5",
        True,
        0,
    )
    assert row["test_id"] == content_id("test", "add-1", "assert add(2, 3) == 5")


def test_a_test_that_several_samples_gave_is_one_row_with_their_mean_log_probability():
    texts = ["assert add(1, 1) == 2", "assert add(1,1)==2\nassert add(1, 1) == 2", "assert add(2, 3) == 5"]
    rows, counts = generate.test_rows(ADD, answer(*texts, logprobs=(-1.0, -2.0, -0.5)))
    by_call = {row["call"]: row for row in rows}
    assert by_call["add(1, 1)"]["sample_count"] == 2
    assert by_call["add(1, 1)"]["mean_logprob"] == -1.5
    assert by_call["add(2, 3)"]["is_example"]
    assert by_call["add(2, 3)"]["sample_count"] == 1
    assert counts["test_repeated_in_sample"] == 1


def test_tests_that_tell_nothing_are_counted():
    rows, counts = generate.test_rows(ADD, answer("assert True", "assert add(1, 1) == 2"))
    assert len(rows) == 2
    assert [name for name in counts if name.startswith("test_lost_")]


def task_rows(count: int) -> list[dict]:
    return [
        {
            "task_id": f"task-{number:04d}",
            "source_id": str(number),
            "prompt": f"Add {number}.",
            "entry_point": "add",
            "starter_code": STARTER.replace("Return", f"({number}) Return"),
            "example_tests": ["assert add(2, 3) == 5"],
            "source": "test",
            "tags": [],
            "reference_tests": [],
            "reference_solution": None,
        }
        for number in range(count)
    ]


def written(prompt: str, seed: int) -> str:
    """What the scripted model writes: some code, some tests, some junk, by prompt and seed alone."""
    draw = hashlib.sha256(f"{prompt} {seed}".encode()).digest()
    if draw[0] < 25:
        return "I would rather not."
    if prompt.endswith("assert add"):
        return f"({draw[1] % 9}, {draw[2] % 9}) == {draw[3] % 20}"
    return f"\n    x = {draw[1] % 5}\n    return a + b"


def prepare(folder: Path, url: str, n_tasks: int) -> None:
    """A working directory whose params.yaml points at the scripted server."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["engine"] |= {"kind": "openai"}
    params["engine"]["openai"] |= {"base_url": url, "model": "scripted", "concurrency": 4, "retry_for_s": 20}
    params["generate"] |= {"n_solutions": 3, "n_tests": 3}
    params["prompts"]["folder"] = str(ROOT / "pipeline/prompts/embedded")
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    before = Path.cwd()
    os.chdir(folder)
    try:
        write(TASKS, task_rows(n_tasks))
    finally:
        os.chdir(before)


def stage(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "stages.generate"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (folder / "log").open("ab")
    with log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def bytes_of(folder: Path) -> dict[str, bytes]:
    names = ("solutions", "tests", "counts")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in sorted((folder / "outputs" / name).iterdir())
    }


@pytest.fixture
def server():
    behaviour = Misbehaving(lambda *_: OK, text=written)
    with serving(behaviour) as url:
        yield behaviour, url


def test_the_stage_writes_both_tables_and_counts_every_sample(tmp_path, server, monkeypatch):
    _, url = server
    prepare(tmp_path, url, n_tasks=5)
    monkeypatch.chdir(tmp_path)
    generate.main()
    solutions, tests = pd.read_parquet("outputs/solutions"), pd.read_parquet("outputs/tests")
    counts = read_counts("generate")
    lost = sum(count for name, count in counts.items() if name.startswith("solution_lost_"))
    assert counts["solution_samples"] == 15 == solutions["sample_count"].sum() + lost
    assert counts["completions"] == 30
    assert set(solutions["model"]) == {"scripted@"}
    assert tests["is_example"].sum() == 5
    assert solutions["task_id"].nunique() == 5


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(tmp_path, server, monkeypatch, capsys):
    behaviour, url = server
    prepare(tmp_path, url, n_tasks=5)
    monkeypatch.chdir(tmp_path)
    generate.main()
    first, asked = bytes_of(tmp_path), Counter(behaviour.asked)
    generate.main()
    assert bytes_of(tmp_path) == first
    assert behaviour.asked == asked
    assert "10 from the journal" in capsys.readouterr().out


def test_more_samples_or_another_seed_ask_anew(tmp_path, server, monkeypatch):
    behaviour, url = server
    prepare(tmp_path, url, n_tasks=2)
    monkeypatch.chdir(tmp_path)
    generate.main()
    for section, key, value in (
        ("base", "seed", 5),
        ("generate", "n_tests", 4),
        ("generate", "temperature", 0.1),
    ):
        asked = behaviour.asked.total()
        params = yaml.safe_load(Path("params.yaml").read_text())
        params[section][key] = value
        Path("params.yaml").write_text(yaml.safe_dump(params))
        generate.main()
        assert behaviour.asked.total() > asked


def test_a_server_that_refuses_every_prompt_leaves_no_table_behind_and_is_quoted(tmp_path, monkeypatch):
    with serving(Misbehaving(lambda *_: 400)) as url:
        prepare(tmp_path, url, n_tasks=2)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(EngineError, match=r"Not one prompt was answered(.|\n)*a 400, as told"):
            generate.main()
    assert not Path("outputs/solutions").exists()


def test_a_prompt_that_is_refused_is_counted_and_its_task_goes_on_without(tmp_path, monkeypatch):
    with serving(Misbehaving(lambda prompt, _: 400 if prompt.endswith("assert add") else OK)) as url:
        prepare(tmp_path, url, n_tasks=2)
        monkeypatch.chdir(tmp_path)
        generate.main()
    assert read_counts("generate")["failed_refused"] == 2
    assert pd.read_parquet("outputs/tests")["is_example"].all()


@pytest.mark.parametrize(("name", "value"), [("n_tests", 0), ("n_solutions", 1025), ("top_p", 0.0)])
def test_parameters_that_cannot_be_are_refused_before_anything_is_asked(tmp_path, monkeypatch, name, value):
    prepare(tmp_path, "http://127.0.0.1:9/v1", n_tasks=1)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["generate"][name] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=name):
        generate.main()


def test_an_unreachable_server_leaves_no_table_behind(tmp_path, monkeypatch):
    prepare(tmp_path, "http://127.0.0.1:9/v1", n_tasks=2)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError, match="does not answer"):
        generate.main()
    assert not Path("outputs/solutions").exists()


def test_a_run_killed_many_times_ends_with_the_bytes_of_an_unbroken_one(tmp_path, server):
    behaviour, url = server
    n_tasks = 40
    prepare(tmp_path / "unbroken", url, n_tasks)
    assert stage(tmp_path / "unbroken").wait() == 0
    unbroken_asked = behaviour.asked.total()
    behaviour.asked.clear()
    prepare(tmp_path / "killed", url, n_tasks)
    draw = random.Random(20261123)
    for _ in range(KILLS):
        kill_somewhere(stage(tmp_path / "killed"), behaviour, draw)
    assert stage(tmp_path / "killed").wait() == 0
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "unbroken")
    assert unbroken_asked == 2 * n_tasks
    under_way = 2 * 4  # what a kill can lose: requests sent whose answers were not in the journal yet
    assert behaviour.asked.total() <= 2 * n_tasks + KILLS * under_way


def kill_somewhere(process: "subprocess.Popen[bytes]", behaviour: Misbehaving, draw: random.Random) -> None:
    """kill -9 after a few more requests have come in, or a moment after the last one."""
    enough = behaviour.asked.total() + draw.randrange(8)
    deadline = time.monotonic() + draw.uniform(0.5, 4.0)
    while behaviour.asked.total() < enough and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(draw.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
