import gc
import itertools
import math
import random
import socket
import threading
import warnings
from collections import Counter
from dataclasses import replace

import pytest

from pipeline.engines import openai
from pipeline.engines.openai import OpenAi
from pipeline.engines.openai_server import OpenAiParams
from pipeline.engines.types import Answer, Failure, Message
from pipeline.errors import EngineError
from tests.pipeline.engines.fakes import SAMPLING, request
from tests.pipeline.engines.misbehaving import (
    BINARY,
    DRIP,
    EMPTY_CHOICES,
    FEWER,
    GARBAGE,
    HALF_CLOSED,
    HANG,
    NO_CHOICES,
    OK,
    Misbehaving,
    completion_text,
    serving,
)

PARAMS = OpenAiParams(
    base_url="",
    model="m",
    revision="1",
    context_length=1024,
    api_key_variable="PAIRSMITH_TEST_KEY",
    concurrency=8,
    max_n=128,
    seeded=True,
    timeout_s=2.0,
    retry_for_s=20.0,
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(openai, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(openai, "LONGEST_PAUSE_S", 0.1)


def outcomes(script, requests, **params):
    """What an engine makes of a server with this script, and the server."""
    server = Misbehaving(script)
    with serving(server) as url:
        engine = OpenAi(PARAMS.model_copy(update={"base_url": url, **params}))
        return list(engine.ask(requests)), server


def is_right(outcome) -> bool:
    asked = outcome.request
    wanted = [completion_text(asked.prefill, asked.seed + index) for index in range(asked.n)]
    return isinstance(outcome, Answer) and [c.text for c in outcome.completions] == wanted


def test_answers_carry_their_texts_in_the_order_of_their_seeds_and_their_tokens():
    (answer,), _ = outcomes(lambda *_: OK, [request(3, n=4)])
    assert is_right(answer)
    assert (answer.prompt_tokens, sum(c.n_tokens for c in answer.completions)) == (7, 20)


def test_a_conversation_is_sent_as_messages_and_its_prefill_as_an_unfinished_turn():
    asked = replace(request(1), messages=(Message("user", "write"),), prefill="def f")
    _, server = outcomes(lambda *_: OK, [asked])
    (body,) = server.bodies
    assert body["messages"] == [
        {"role": "user", "content": "write"},
        {"role": "assistant", "content": "def f"},
    ]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False


def test_a_prefill_that_the_server_repeats_is_not_part_of_the_completion():
    asked = replace(request(1, n=1), messages=(Message("user", "write"),), prefill="def f")
    with serving(Misbehaving(lambda *_: OK, text=lambda prompt, _: prompt + "(x): ...")) as url:
        (found,) = OpenAi(PARAMS.model_copy(update={"base_url": url})).ask([asked])
    assert found.completions[0].text == "(x): ..."


def test_more_stop_texts_than_the_protocol_allows_all_end_a_completion():
    stop = ("1", "2", "3", "4", "STOP", "LATER")
    asked = replace(request(1, n=1), sampling=replace(SAMPLING, stop=stop))
    server = Misbehaving(lambda *_: OK, text=lambda *_: "kept STOP not LATER")
    with serving(server) as url:
        (found,) = OpenAi(PARAMS.model_copy(update={"base_url": url})).ask([asked])
    assert found.completions[0].text == "kept "
    assert len(server.bodies[0]["stop"]) == 4


def test_no_more_than_concurrency_requests_are_under_way():
    found, server = outcomes(lambda *_: OK, [request(n) for n in range(100)], concurrency=5)
    assert len(found) == 100
    assert 1 < server.most_at_once <= 5


@pytest.mark.parametrize("max_n", [1, 2, 3, 5])
def test_n_is_emulated_where_the_server_lacks_it(max_n):
    found, server = outcomes(lambda *_: OK, [request(n, n=5) for n in range(4)], max_n=max_n)
    assert all(is_right(outcome) for outcome in found)
    assert max(body["n"] for body in server.bodies) <= max_n
    assert {o.prompt_tokens for o in found} == {7 * math.ceil(5 / max_n)}  # it is paid for each time


def test_a_server_that_gives_fewer_than_n_is_asked_for_the_rest():
    found, server = outcomes(lambda *_: FEWER, [request(1, n=3)])
    assert is_right(found[0])
    assert [body["seed"] for body in server.bodies] == [1024, 1025, 1026]


TROUBLES = [429, 500, 502, 503, HANG, HALF_CLOSED, GARBAGE, BINARY, EMPTY_CHOICES, NO_CHOICES, DRIP]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_that_passes_costs_nothing(trouble):
    def script(prompt, times):
        return trouble if times == 0 and prompt.endswith("2") else OK

    found, server = outcomes(script, [request(n) for n in range(12)])
    assert Counter(map(is_right, found)) == {True: 12}
    assert set(server.answered.values()) == {2}  # n completions each, none asked for again


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (429, "rate_limited"),
        (500, "server_error"),
        (HANG, "timeout"),
        (DRIP, "timeout"),
        (HALF_CLOSED, "disconnected"),
        (GARBAGE, "malformed_answer"),
        (EMPTY_CHOICES, "malformed_answer"),
        (400, "refused"),
        (413, "refused"),
    ],
)
def test_a_prompt_whose_trouble_does_not_pass_is_counted_under_its_name(trouble, reason):
    def script(prompt, _):
        return trouble if prompt.endswith("2") else OK

    requests = [request(2)] + [request(number) for number in range(100, 160) if number % 10 != 2]
    found, _ = outcomes(script, requests, retry_for_s=3.0 if reason == "timeout" else 0.5)
    failures = [outcome for outcome in found if isinstance(outcome, Failure)]
    assert [(f.request, f.reason) for f in failures] == [(request(2), reason)]
    assert sum(map(is_right, found)) == len(requests) - 1


def test_a_storm_of_every_trouble_at_once_loses_nothing_and_asks_nothing_twice():
    draw = random.Random(7)
    fates = [*TROUBLES, *[429] * 10, *[OK] * 10]

    def script(_, times):
        return draw.choice(fates) if times < 6 else OK

    found, server = outcomes(script, [request(n) for n in range(120)], concurrency=32, timeout_s=4.0)
    assert Counter(map(is_right, found)) == {True: 120}
    assert set(server.answered.values()) == {2}


def test_a_prompt_longer_than_the_servers_context_is_counted_under_that_name(monkeypatch):
    async def refuse(self, _action, _asked, _prompt, writer):
        words = "This model's maximum context length is 1024 tokens"
        return await self._send(writer, 400, {"error": {"message": words}})

    monkeypatch.setattr(Misbehaving, "_act", refuse)
    (failure,), _ = outcomes(lambda *_: OK, [request(1)])
    assert failure.reason == "prompt_too_long"


@pytest.mark.parametrize("text", ["", " \n\t ", "x" * 100_000, None])
def test_a_completion_of_nothing_or_of_far_too_much_is_an_answer_like_any_other(text):
    asked = replace(request(1, n=2), messages=(Message("user", "write"),), prefill="")
    server = Misbehaving(lambda *_: OK, text=lambda *_: text)
    with serving(server) as url:
        (found,) = OpenAi(PARAMS.model_copy(update={"base_url": url})).ask([asked])
    assert [completion.text for completion in found.completions] == [text or ""] * 2
    assert server.answered.total() == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_does_not_let_us_in_is_one_clear_error(status):
    with pytest.raises(EngineError, match=f"refuses us with {status}"):
        outcomes(lambda *_: status, [request(n) for n in range(20)])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nobody_at_the_address_is_one_clear_error_at_once():
    url = f"http://127.0.0.1:{free_port()}/v1"
    engine = OpenAi(PARAMS.model_copy(update={"base_url": url, "retry_for_s": 1000.0}))
    with pytest.raises(EngineError, match=r"does not answer(.|\n)*curl"):
        list(engine.ask([request(1)]))


@pytest.mark.parametrize("url", ["http://127.0.0.1:80000/v1", "http://127.0.0.1:x/v1", "ftp://127.0.0.1/v1"])
def test_an_address_that_is_none_is_one_clear_error(url):
    with pytest.raises(EngineError, match=r"does not answer(.|\n)*base_url"):
        list(OpenAi(PARAMS.model_copy(update={"base_url": url})).ask([request(1)]))


def test_a_server_that_answers_nothing_at_all_is_one_clear_error():
    with pytest.raises(EngineError, match=r"server_error: 500"):
        outcomes(lambda *_: 500, [request(n) for n in range(20)], retry_for_s=0.3)


def test_a_server_restarted_in_the_middle_loses_nothing():
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    engine = OpenAi(PARAMS.model_copy(update={"base_url": url}))
    first, second = Misbehaving(lambda *_: OK), Misbehaving(lambda *_: OK)
    found = []
    with serving(first, port):
        asking = engine.ask(request(n) for n in range(60))
        found += itertools.islice(asking, 10)
    down = threading.Event()
    rest = threading.Thread(target=lambda: (down.set(), found.extend(asking)))
    rest.start()
    down.wait()
    with serving(second, port):
        rest.join()
    assert Counter(map(is_right, found)) == {True: 60}
    assert second.answered


def test_an_asker_that_goes_away_leaves_nothing_running():
    before = threading.active_count()
    server = Misbehaving(lambda *_: OK)
    with serving(server) as url:
        asking = OpenAi(PARAMS.model_copy(update={"base_url": url})).ask(request(n) for n in range(50))
        next(asking)
        asking.close()
        assert threading.active_count() == before + 1


def test_an_asker_that_goes_away_while_connections_are_opened_ends_them_in_order():
    with serving(Misbehaving(lambda *_: OK)) as url, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(10):
            engine = OpenAi(PARAMS.model_copy(update={"base_url": url, "concurrency": 64}))
            asking = engine.ask(request(n) for n in range(200))
            next(asking)
            asking.close()
        gc.collect()
    assert [str(warning.message) for warning in warned] == []


def test_the_key_is_sent_and_never_part_of_an_error(monkeypatch):
    monkeypatch.setenv("PAIRSMITH_TEST_KEY", "sk-secret")
    with pytest.raises(EngineError) as caught:
        outcomes(lambda *_: 401, [request(1)])
    assert "sk-secret" not in str(caught.value)


def test_a_keys_blanks_are_no_part_of_it_and_what_is_no_key_is_refused_unseen(monkeypatch):
    monkeypatch.setenv("PAIRSMITH_TEST_KEY", "sk-secret\r")
    (answer,), _ = outcomes(lambda *_: OK, [request(1)])
    assert is_right(answer)
    monkeypatch.setenv("PAIRSMITH_TEST_KEY", "sk-sécret")
    with pytest.raises(EngineError, match="PAIRSMITH_TEST_KEY") as caught:
        outcomes(lambda *_: OK, [request(1)])
    assert "cret" not in str(caught.value).replace("PAIRSMITH_TEST_KEY", "")


@pytest.mark.parametrize("listed", [["one"], [], ["one", "other"]])
def test_a_model_without_a_name_is_the_only_one_of_its_server(monkeypatch, listed):
    async def send(self, writer, status, content):
        found = {"data": [{"id": name} for name in listed]} if content == {"data": []} else content
        return await plain_send(self, writer, status, found)

    plain_send = Misbehaving._send
    monkeypatch.setattr(Misbehaving, "_send", send)
    server = Misbehaving(lambda *_: OK)
    with serving(server) as url:
        params = PARAMS.model_copy(update={"base_url": url, "model": ""})
        if len(listed) == 1:
            engine = OpenAi(params)
            assert engine.model == "one@1"
            list(engine.ask([request(1)]))
            assert server.bodies[0]["model"] == "one"
        else:
            with pytest.raises(EngineError, match=r"engine\.openai\.model"):
                OpenAi(params)


def test_log_probabilities_are_asked_for_and_averaged(monkeypatch):
    async def answer(self, _action, asked, _prompt, writer):
        assert asked["logprobs"] == 1
        choice = {
            "index": 0,
            "text": "ab",
            "finish_reason": "length",
            "logprobs": {"token_logprobs": [-1, -3]},
        }
        return await self._send(writer, 200, {"choices": [choice]})

    monkeypatch.setattr(Misbehaving, "_answer", answer)
    (found,), _ = outcomes(
        lambda *_: OK, [replace(request(1, n=1), sampling=replace(SAMPLING, logprobs=True))]
    )
    (completion,) = found.completions
    assert (completion.mean_logprob, completion.n_tokens, completion.finish_reason) == (-2.0, 2, "length")
