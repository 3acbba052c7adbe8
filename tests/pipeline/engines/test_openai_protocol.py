import json

import pyarrow as pa

from pipeline.engines.openai_protocol import Chunk, choices
from pipeline.engines.types import Request, Sampling

REQUEST = Request((), "def f", 1, Sampling(temperature=0.0, top_p=1.0, max_tokens=9), 0)


def test_half_of_a_surrogate_pair_in_a_servers_json_can_still_be_written_to_a_table():
    answered = json.loads(r'{"choices": [{"index": 0, "text": "smile \ud83d!", "finish_reason": "stop"}]}')
    (completion,) = choices(answered, Chunk(REQUEST, 0, 1)).completions
    assert pa.array([completion.text]).to_pylist() == ["smile ?!"]


def test_an_answer_that_was_all_thought_is_an_empty_completion_however_the_server_spells_it():
    for message in ({"content": None}, {"role": "assistant"}):
        usage = {"prompt_tokens": None, "completion_tokens": None}
        answered = {
            "choices": [{"index": None, "message": message, "finish_reason": "length"}],
            "usage": usage,
        }
        (completion,) = choices(answered, Chunk(REQUEST, 0, 1)).completions
        assert (completion.text, completion.finish_reason) == ("", "length")
