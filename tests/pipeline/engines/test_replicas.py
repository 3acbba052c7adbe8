import os
import signal
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pipeline.engines import replicas as module
from pipeline.engines.replicas import Replicas
from pipeline.engines.types import Answer, Failure
from pipeline.errors import EngineError
from tests.pipeline.engines.fakes import FakeBackend, answer, build_raising, build_refusing, request


def replicas(*builds, window=3):
    return closing(Replicas("fake@1", 1024, builds, window))


def processes_gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_every_request_is_answered_once_with_what_it_asked_for():
    with replicas(FakeBackend, FakeBackend) as engine:
        outcomes = list(engine.ask(request(number) for number in range(50)))
    assert Counter(outcomes) == Counter(answer(request(number)) for number in range(50))


def test_no_process_is_started_when_nothing_is_asked():
    with replicas(build_refusing) as engine:
        assert list(engine.ask([])) == []
        assert engine.pids() == []


def test_requests_are_drawn_only_as_there_is_room():
    drawn = 0

    def counted():
        nonlocal drawn
        for number in range(100):
            drawn += 1
            yield request(number)

    with replicas(FakeBackend, window=3) as engine:
        next(engine.ask(counted()))
        assert drawn <= 4


def test_a_replica_killed_while_two_run_loses_nothing():
    slow = partial(FakeBackend, seconds_each=0.02)
    with replicas(slow, slow) as engine:
        outcomes = []
        for outcome in engine.ask(request(number) for number in range(40)):
            outcomes.append(outcome)
            if len(outcomes) == 5:
                os.kill(engine.pids()[0], signal.SIGKILL)
        assert len(engine.pids()) == 1
    assert Counter(outcomes) == Counter(answer(request(number)) for number in range(40))


def test_a_replica_killed_in_the_middle_of_an_answer_loses_nothing(tmp_path):
    build = partial(FakeBackend, once=tmp_path / "died")
    requests = [*(request(number) for number in range(10)), request(99, text="die answering")]
    with replicas(build, build) as engine:
        outcomes = list(engine.ask(requests))
    assert (tmp_path / "died").exists()
    assert Counter(outcomes) == Counter(map(answer, requests))


def test_a_hung_replica_holds_nobody_up():
    with replicas(partial(FakeBackend, hangs=True), partial(FakeBackend, seconds_each=0.01)) as engine:
        outcomes = list(engine.ask(request(number) for number in range(10)))
    assert Counter(outcomes) == Counter(answer(request(number)) for number in range(10))


def test_a_prompt_that_kills_every_replica_it_meets_is_a_failure_and_the_rest_is_answered():
    requests = [request(number) for number in range(8)] + [request(99, text="die always")]
    with replicas(*[FakeBackend] * 4, window=1) as engine:
        outcomes = list(engine.ask(requests))
    assert [o.reason for o in outcomes if isinstance(o, Failure)] == ["engine_died"]
    assert len([o for o in outcomes if isinstance(o, Answer)]) == 8


def test_a_lone_replica_that_died_is_started_again_and_loses_nothing(tmp_path):
    requests = [*(request(number) for number in range(20)), request(99, text="die once")]
    with replicas(partial(FakeBackend, once=tmp_path / "died")) as engine:
        assert Counter(engine.ask(requests)) == Counter(map(answer, requests))


def test_a_prompt_that_always_kills_a_lone_replica_is_blamed_alone_and_the_rest_is_answered():
    requests = [*(request(number) for number in range(4)), request(99, text="die always")]
    requests += [request(number) for number in range(5, 20)]
    with replicas(FakeBackend, window=12) as engine:
        outcomes = list(engine.ask(requests))
        assert [o.request for o in outcomes if isinstance(o, Failure)] == [requests[4]]
        assert Counter(o for o in outcomes if isinstance(o, Answer)) == Counter(
            answer(asked) for asked in requests if asked != requests[4]
        )


def test_a_model_that_dies_of_everything_is_an_error_that_says_so():
    requests = [request(number, text=f"die always {number}") for number in range(50)]
    with replicas(FakeBackend) as engine, pytest.raises(EngineError, match="A replica of the model died"):
        list(engine.ask(requests))


def test_after_an_error_the_engine_can_be_asked_again():
    requests = [request(number, text=f"die always {number}") for number in range(50)]
    with replicas(FakeBackend) as engine:
        with pytest.raises(EngineError):
            list(engine.ask(requests))
        assert list(engine.ask([request(1)])) == [answer(request(1))]


def test_a_lone_replica_that_was_stopped_is_killed_and_what_it_held_is_answered(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_OF_SILENCE_BEFORE_A_REPLICA_IS_KILLED", 1.5)
    with replicas(partial(FakeBackend, seconds_each=0.02)) as engine:
        outcomes = []
        for outcome in engine.ask(request(number) for number in range(40)):
            outcomes.append(outcome)
            if len(outcomes) == 5:
                (stopped,) = engine.pids()
                os.kill(stopped, signal.SIGSTOP)
        assert stopped not in engine.pids()
    assert dies(stopped)
    assert Counter(outcomes) == Counter(answer(request(number)) for number in range(40))


def test_a_slow_replica_that_moves_is_not_taken_for_hung(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_OF_SILENCE_BEFORE_A_REPLICA_IS_KILLED", 4.0)
    with replicas(partial(FakeBackend, seconds_each=5.0, moves=True)) as engine:
        assert list(engine.ask([request(1)])) == [answer(request(1))]
        before = engine.pids()
        assert list(engine.ask([request(2)])) == [answer(request(2))]
        assert engine.pids() == before


def test_an_asker_that_takes_its_time_does_not_make_a_replica_seem_hung(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_OF_SILENCE_BEFORE_A_REPLICA_IS_KILLED", 5.0)
    with replicas(FakeBackend) as engine:
        asking = engine.ask(request(number) for number in range(20))
        next(asking)
        before = engine.pids()
        time.sleep(6)
        assert len(list(asking)) == 19
        assert engine.pids() == before


def test_a_model_that_cannot_be_loaded_is_one_clear_error():
    with replicas(build_refusing) as engine, pytest.raises(EngineError, match="The model is not here"):
        list(engine.ask([request(1)]))


def test_an_unforeseen_error_while_loading_keeps_its_words():
    with replicas(build_raising) as engine, pytest.raises(EngineError, match="ValueError: no such dtype"):
        list(engine.ask([request(1)]))


def test_a_replica_that_cannot_load_leaves_the_work_to_the_others():
    with replicas(build_refusing, FakeBackend) as engine:
        assert len(list(engine.ask(request(number) for number in range(5)))) == 5


def test_an_asker_that_goes_away_does_not_disturb_the_next():
    with replicas(FakeBackend) as engine:
        next(engine.ask(request(number) for number in range(10)))
        outcomes = list(engine.ask(request(number) for number in range(100, 105)))
    assert Counter(outcomes) == Counter(answer(request(number)) for number in range(100, 105))


def test_closing_ends_the_processes():
    with replicas(FakeBackend, FakeBackend) as engine:
        list(engine.ask([request(1)]))
        pids = engine.pids()
    assert len(pids) == 2
    assert processes_gone(pids)


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_replica_started_ends_with_it(tmp_path, killed):
    child = tmp_path / "child"
    with replicas(partial(FakeBackend, child=child)) as engine:
        list(engine.ask([request(1)]))
        started = int(child.read_text())
        if killed:
            os.kill(engine.pids()[0], signal.SIGKILL)
            assert len(list(engine.ask([request(2)]))) == 1
            assert dies(started)
            started = int(child.read_text())
    assert dies(started)


def dies(pid: int) -> bool:
    """Whether the process is gone within a minute, or a zombie that only waits for its parent to notice."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_replicas_do_not_outlive_a_parent_that_was_killed(tmp_path):
    pid = os.fork()
    if pid == 0:
        engine = Replicas("fake@1", 1024, [partial(FakeBackend, seconds_each=0.01)], 2)
        for _ in engine.ask(request(number) for number in range(10_000)):
            (tmp_path / "pids.new").write_text(" ".join(map(str, engine.pids())))
            (tmp_path / "pids.new").rename(tmp_path / "pids")
        os._exit(0)
    while not (tmp_path / "pids").exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    orphans = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert all(map(dies, orphans))
