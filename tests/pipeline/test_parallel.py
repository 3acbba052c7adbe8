"""What a stage relies on when its work goes to all cores."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from functools import partial
from pathlib import Path

import pytest

from pipeline import parallel
from pipeline.errors import WorkerError
from pipeline.parallel import ITEMS_A_BATCH, in_threads, map_in_order


def square_and_where(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def square_beside_another(met: Path, number: int) -> int:
    """The square, once another process has begun as well."""
    (met / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(met.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return number * number


def inverse(number: int) -> float:
    return 1 / (number - 200)


@pytest.fixture
def _two_cores(monkeypatch):
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: {0, 1})


@pytest.mark.usefixtures("_two_cores")
def test_values_come_in_the_order_of_their_items_from_several_processes(tmp_path):
    found = list(map_in_order(partial(square_beside_another, tmp_path), range(20 * ITEMS_A_BATCH + 3)))
    assert found == [number * number for number in range(20 * ITEMS_A_BATCH + 3)]
    processes = {path.name for path in tmp_path.iterdir()}
    assert len(processes) == 2 and str(os.getpid()) not in processes


@pytest.mark.usefixtures("_two_cores")
@pytest.mark.parametrize("count", [0, 1, ITEMS_A_BATCH - 1])
def test_few_items_need_no_further_process(count):
    assert list(map_in_order(square_and_where, range(count))) == [(n * n, os.getpid()) for n in range(count)]


@pytest.mark.usefixtures("_two_cores")
def test_items_are_drawn_no_faster_than_values_are_taken():
    drawn = []
    values = map_in_order(square_and_where, (drawn.append(n) or n for n in range(100 * ITEMS_A_BATCH)))
    next(values)
    values.close()
    assert len(drawn) <= 5 * ITEMS_A_BATCH


@pytest.mark.usefixtures("_two_cores")
def test_what_the_function_raises_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(inverse, range(1000)))


@pytest.mark.usefixtures("_two_cores")
def test_a_process_that_is_killed_is_told_as_such_and_costs_no_work():
    values = map_in_order(square_and_where, itertools.count())
    _, process = next(values)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"killed from outside[\s\S]*no work is lost"):
        deque(values, maxlen=0)


def test_threads_give_values_with_their_items_in_order_and_items_are_drawn_as_they_are_needed():
    drawn: list[int] = []
    together = threading.Barrier(3, timeout=60)  # passed by three at the same time only

    def slow_square(number: int) -> int:
        together.wait()
        return number * number

    values = in_threads(slow_square, (drawn.append(n) or n for n in range(30)), 3)
    assert next(values) == (0, 0)
    assert len(drawn) == 6
    assert list(values) == [(number, number * number) for number in range(1, 30)]


def test_what_a_thread_raises_is_raised_here_and_what_waits_is_not_begun():
    begun: list[int] = []

    def failing(number: int) -> float:
        begun.append(number)
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        list(in_threads(failing, range(100), 1))
    assert len(begun) <= 2


def test_no_process_outlives_a_killed_parent(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(
        "import os, itertools\n"
        "from pipeline.parallel import map_in_order\n"
        "from tests.pipeline.test_parallel import square_and_where\n"
        "if __name__ == '__main__':\n"
        "    os.sched_getaffinity = lambda _: {0, 1}\n"
        "    for _, process in map_in_order(square_and_where, itertools.count()):\n"
        "        print(process, flush=True)\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{worker}").exists()
