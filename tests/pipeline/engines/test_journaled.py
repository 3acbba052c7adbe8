from collections import Counter
from dataclasses import replace

import pytest

from pipeline.engines import journaled
from pipeline.engines.journaled import ask_journaled, journaled_answer
from pipeline.engines.types import Answer, Failure, Message
from pipeline.errors import EngineError
from pipeline.journal import Journal
from tests.pipeline.engines.fakes import EchoEngine, answer, request


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path) as opened:
        yield opened


def test_what_was_answered_is_not_asked_again(journal):
    first, second = EchoEngine(), EchoEngine()
    list(ask_journaled(first, [request(1), request(2)], journal))
    outcomes = list(ask_journaled(second, [request(1), request(2), request(3)], journal))
    assert second.asked == [request(3)]
    assert Counter(replace(o, reused=False) for o in outcomes) == Counter(
        answer(request(number)) for number in (1, 2, 3)
    )
    assert {o.request.seed: o.reused for o in outcomes} == {1024: True, 2048: True, 3072: False}


def test_answers_that_are_there_are_handed_on_one_by_one(journal):
    list(ask_journaled(EchoEngine(), (request(number) for number in range(5)), journal))
    drawn = []

    def counted():
        for number in range(5):
            drawn.append(number)
            yield request(number)

    assert next(ask_journaled(EchoEngine(), counted(), journal)).reused
    assert drawn == [0]


def test_answers_among_missing_ones_come_once_each(journal):
    list(ask_journaled(EchoEngine(), (request(number) for number in (1, 3, 4, 6)), journal))
    engine = EchoEngine()
    outcomes = list(ask_journaled(engine, (request(number) for number in range(8)), journal))
    assert Counter(o.request for o in outcomes) == Counter(request(number) for number in range(8))
    assert [o.seed for o in engine.asked] == [1024 * number for number in (0, 2, 5, 7)]
    assert {o.request.seed // 1024 for o in outcomes if o.reused} == {1, 3, 4, 6}


def test_a_long_row_of_known_requests_behind_a_missing_one_is_not_held(journal, monkeypatch):
    monkeypatch.setattr(journaled, "KNOWN_AT_HAND", 3)
    list(ask_journaled(EchoEngine(), (request(number) for number in range(1, 20)), journal))
    drawn = []

    def counted():
        for number in range(25):
            drawn.append(number)
            yield request(number)

    engine = EchoEngine()
    outcomes = ask_journaled(engine, counted(), journal)
    first = [next(outcomes), next(outcomes)]
    assert [o.request.seed // 1024 for o in first] == [0, 1]
    assert drawn == [0, 1, 2, 3]
    rest = list(outcomes)
    assert Counter(o.request for o in first + rest) == Counter(request(number) for number in range(25))
    assert [o.seed // 1024 for o in engine.asked] == [0, *range(20, 25)]


def test_an_engine_is_not_asked_at_all_when_nothing_is_missing(journal):
    list(ask_journaled(EchoEngine(), [request(1)], journal))

    class Unreachable(EchoEngine):
        def ask(self, requests):
            raise EngineError(f"nobody there to answer {requests}")

    assert len(list(ask_journaled(Unreachable(), [request(1)], journal))) == 1


def test_answers_read_back_are_the_answers_given(journal):
    (given,) = ask_journaled(EchoEngine(), [request(1)], journal)
    assert journaled_answer("echo@1", request(1), journal) == replace(given, reused=True)


def test_failures_are_asked_again(journal):
    refused = request(1, text="refuse me")
    engine = EchoEngine()
    assert [type(o) for _ in range(2) for o in ask_journaled(engine, [refused], journal)] == [
        Failure,
        Failure,
    ]
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(request(1), prefill="prompt 1 "),
        replace(request(1), messages=(Message("user", "hello"),)),
        replace(request(1), n=3),
        replace(request(1), seed=1025),
        replace(request(1), sampling=replace(request(1).sampling, temperature=0.7)),
        replace(request(1), sampling=replace(request(1).sampling, top_p=0.9)),
        replace(request(1), sampling=replace(request(1).sampling, max_tokens=17)),
        replace(request(1), sampling=replace(request(1).sampling, stop=("\n",))),
        replace(request(1), sampling=replace(request(1).sampling, logprobs=True)),
    ],
)
def test_a_request_that_differs_in_anything_is_asked(journal, other):
    list(ask_journaled(EchoEngine(), [request(1)], journal))
    engine = EchoEngine()
    list(ask_journaled(engine, [other], journal))
    assert engine.asked == [other]


def test_another_model_revision_is_asked(journal):
    list(ask_journaled(EchoEngine("echo@1"), [request(1)], journal))
    engine = EchoEngine("echo@2")
    list(ask_journaled(engine, [request(1)], journal))
    assert engine.asked == [request(1)]


def test_what_was_answered_before_the_engine_broke_is_kept(journal):
    class Breaking(EchoEngine):
        def ask(self, requests):
            for count, outcome in enumerate(super().ask(requests)):
                if count == 3:
                    raise EngineError("out of memory")
                yield outcome

    with pytest.raises(EngineError):
        list(ask_journaled(Breaking(), (request(number) for number in range(10)), journal))
    engine = EchoEngine()
    list(ask_journaled(engine, (request(number) for number in range(10)), journal))
    assert len(engine.asked) == 7


def test_a_surrogate_in_a_completion_survives_the_journal(journal):
    class Odd(EchoEngine):
        def ask(self, requests):
            for outcome in super().ask(requests):
                assert isinstance(outcome, Answer)
                completion = replace(outcome.completions[0], text="\ud800\x00é")
                yield replace(outcome, completions=(completion,))

    list(ask_journaled(Odd(), [request(1)], journal))
    kept = journaled_answer("echo@1", request(1), journal)
    assert kept is not None
    assert kept.completions[0].text == "\ud800\x00é"
