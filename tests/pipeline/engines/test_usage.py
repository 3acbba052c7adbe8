import pytest

from pipeline.engines.types import Answer, Completion, Failure
from pipeline.engines.usage import Prices, Usage
from pipeline.progress import meter
from tests.pipeline.engines.fakes import request

PRICES = Prices(usd_per_million_prompt_tokens=2.0, usd_per_million_completion_tokens=10.0)


def answered(number: int, *, reused: bool = False) -> Answer:
    completions = (Completion("a", 30, "stop"), Completion("b", 20, "length"))
    return Answer(request(number), completions, prompt_tokens=100, reused=reused)


def test_tokens_of_every_completion_and_the_prompt_once_make_the_cost():
    usage = Usage(PRICES)
    usage.add(answered(1))
    usage.add(answered(2, reused=True))
    assert usage.counts["prompt_tokens"] == 200
    assert usage.counts["completion_tokens"] == 100
    assert usage.usd == pytest.approx((200 * 2 + 100 * 10) / 1e6)
    assert (usage.reused, usage.new_completions, usage.new_tokens) == (1, 2, 50)


def test_the_summary_says_why_requests_failed_in_the_engines_words():
    usage = Usage(PRICES)
    for detail in ("9000 tokens", "8000 tokens"):
        usage.add(Failure(request(1), "prompt_too_long", detail))
    usage.add(Failure(request(2), "refused"))
    assert "3 failed" in usage.summary()
    assert "2 prompt_too_long, the first: 9000 tokens" in usage.summary()
    assert "1 refused, the first: nothing was said" in usage.summary()


def test_progress_shows_reuse_and_failures(capsys):
    usage = Usage(PRICES)
    with meter("generate", "prompts", 3) as gauge:
        for outcome in (answered(1), answered(2, reused=True), Failure(request(3), "timeout")):
            usage.show(gauge, outcome)
    shown = capsys.readouterr().err
    assert "3/3 prompts" in shown
    assert "1 reused from the journal" in shown
    assert "1 failed" in shown
    assert "tokens/s" in shown
