from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engines.fetch import MODEL
from pipeline.engines.llamacpp import LlamaCpp, LlamaCppParams, open_llamacpp, start_server
from pipeline.engines.openai import OpenAi
from pipeline.engines.replica import Ticket
from pipeline.engines.types import Answer, Failure, Message, Request, Sampling
from pipeline.errors import EngineError
from tests.pipeline.engines.test_openai import PARAMS as OPENAI

ROOT = Path(__file__).resolve().parents[3]
PARAMS = LlamaCppParams(model_path=ROOT / MODEL, context_length=256, slots=3, processes=1)
STUB = '```python\ndef add(a: int, b: int) -> int:\n    """Return the sum of a and b."""'
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=12, stop=("\n\n",))
DRAWN = Sampling(temperature=0.8, top_p=0.95, max_tokens=12)
ADD = Request((Message("user", "Add two numbers."),), STUB, 1, GREEDY, seed=0)

needs_model = pytest.mark.skipif(
    not (ROOT / MODEL).exists(), reason="no embedded model: python -m pipeline.engines.fetch"
)


@pytest.fixture(scope="module")
def backend():
    with closing(LlamaCpp(PARAMS)) as loaded:
        yield loaded


def asked(backend: LlamaCpp, *requests: Request) -> list[Answer | Failure]:
    """What the backend answers, in the order of the requests."""
    waiting = [[Ticket(number, request)] for number, request in enumerate(requests)]

    def take(*, wait: bool):
        assert wait
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    found = {}
    with pytest.raises(EOFError):
        found.update(filter(None, backend.answers(take)))  # without the signs of life
    return [found[number] for number in range(len(requests))]


def texts(outcome: Answer | Failure) -> list[str]:
    assert isinstance(outcome, Answer)
    return [completion.text for completion in outcome.completions]


@needs_model
def test_the_embedded_model_writes_a_right_solution_in_a_process_of_its_own():
    with closing(open_llamacpp(PARAMS)) as engine:
        (outcome,) = engine.ask([ADD])
    (completion,) = outcome.completions
    scope: dict = {}
    exec((STUB + completion.text).removeprefix("```python\n"), scope)
    assert scope["add"](2, 3) == 5
    assert completion.n_tokens > 0
    assert outcome.prompt_tokens > 0


@needs_model
def test_an_answer_does_not_depend_on_what_was_asked_before(backend):
    wanted = replace(ADD, n=5, sampling=DRAWN, seed=77)
    others = [replace(wanted, seed=seed, n=n) for seed, n in ((1, 2), (5000, 4))]
    (alone,) = asked(backend, wanted)
    *_, after_others = asked(backend, *others, wanted)
    assert after_others == alone
    assert len(set(texts(alone))) > 1


@needs_model
def test_more_completions_than_slots_are_all_given(backend):
    (outcome,) = asked(backend, replace(ADD, n=7, sampling=DRAWN))
    assert len(texts(outcome)) == 7


@needs_model
def test_a_prompt_longer_than_the_context_is_counted_and_the_next_is_answered(backend):
    too_long, next_one = asked(backend, replace(ADD, prefill="x " * 400), ADD)
    assert isinstance(too_long, Failure)
    assert too_long.reason == "prompt_too_long"
    assert isinstance(next_one, Answer)


@needs_model
def test_a_prompt_of_nothing_is_counted(backend):
    empty, whitespace = asked(
        backend, replace(ADD, messages=(), prefill=""), Request((), " \n", 1, GREEDY, 0)
    )
    assert isinstance(empty, Failure)
    assert empty.reason == "empty_prompt"
    assert isinstance(whitespace, Answer)


@needs_model
def test_what_llamacpp_refuses_is_counted_in_its_words_and_the_next_is_answered(backend):
    refused, next_one = asked(backend, replace(ADD, sampling=replace(GREEDY, stop=("x", 3))), ADD)
    assert isinstance(refused, Failure)
    assert refused.reason == "refused"
    assert "/completion: " in refused.detail
    assert isinstance(next_one, Answer)


@needs_model
def test_a_completion_that_would_outgrow_the_context_ends_there(backend):
    (outcome,) = asked(backend, Request((), "1 2 3 4 5 6 7 8 9 " * 8, 1, replace(GREEDY, max_tokens=4096), 0))
    (completion,) = outcome.completions
    assert outcome.prompt_tokens + completion.n_tokens <= PARAMS.context_length + 1


@needs_model
def test_stop_texts_are_not_part_of_a_completion(backend):
    (outcome,) = asked(backend, Request((), "1, 2, 3, 4,", 1, replace(GREEDY, stop=(" 7",)), 0))
    assert texts(outcome) == [" 5, 6,"]
    assert outcome.completions[0].finish_reason == "stop"


@needs_model
def test_log_probabilities_come_when_asked_for_and_change_nothing(backend):
    plain, with_logprobs = asked(backend, ADD, replace(ADD, sampling=replace(GREEDY, logprobs=True)))
    assert texts(plain) == texts(with_logprobs)
    assert plain.completions[0].mean_logprob is None
    assert with_logprobs.completions[0].mean_logprob < 0


@needs_model
def test_the_openai_engine_gets_the_same_from_a_real_llamacpp_server(backend):
    server = start_server(PARAMS)
    params = OPENAI.model_copy(update={"base_url": f"{server.listening_address}/v1", "timeout_s": 300.0})
    (over_http,) = OpenAi(params).ask([ADD])
    (embedded,) = asked(backend, ADD)
    assert texts(over_http) == texts(embedded)
    assert over_http.prompt_tokens == embedded.prompt_tokens


def test_a_model_that_is_not_there_names_the_command_that_fetches_it(tmp_path):
    with pytest.raises(EngineError, match=r"python -m pipeline\.engines\.fetch"):
        open_llamacpp(PARAMS.model_copy(update={"model_path": tmp_path / "none.gguf"}))


def test_a_file_that_is_no_model_is_one_clear_error(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with (
        closing(open_llamacpp(PARAMS.model_copy(update={"model_path": path}))) as engine,
        pytest.raises(EngineError, match=r"llama\.cpp cannot load the model"),
    ):
        list(engine.ask([ADD]))


def test_the_model_is_named_with_its_content(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    first = open_llamacpp(PARAMS.model_copy(update={"model_path": path})).model
    path.write_bytes(b"two")
    assert open_llamacpp(PARAMS.model_copy(update={"model_path": path})).model != first
