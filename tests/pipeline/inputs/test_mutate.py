"""Probe calls: new, alike in shape, and the same on every machine."""

import ast
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.mutate import probe_calls


def shape(value):
    if isinstance(value, list | set):
        return (type(value), frozenset(map(shape, value)))
    if isinstance(value, tuple):
        return (tuple, *map(shape, value))
    if isinstance(value, dict):
        return (dict, frozenset((shape(key), shape(item)) for key, item in value.items()))
    return type(value)


def arguments(text):
    call = ast.parse(text, mode="eval").body
    return [ast.literal_eval(argument) for argument in call.args]


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(-99, 99), st.text(max_size=6)
)
literals = st.one_of(
    leaves,
    st.lists(st.integers(), min_size=1, max_size=4),
    st.lists(st.lists(st.text(max_size=3), min_size=1, max_size=3), min_size=1, max_size=3),
    st.tuples(leaves, leaves),
    st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=3),
    st.sets(st.integers(), min_size=1, max_size=4),
)


@given(st.lists(literals, min_size=1, max_size=3), st.integers(0, 2**31))
def test_new_calls_keep_the_type_of_every_argument_and_are_new(values, seed):
    call = f"f({', '.join(map(repr, values))})"
    found = probe_calls([call], 10, seed)
    assert len(found) == len(set(found))
    assert ast.unparse(ast.parse(call, mode="eval")) not in found
    for text in found:
        assert [shape(value) for value in arguments(text)] == [shape(value) for value in values]


@given(st.lists(literals, min_size=1, max_size=3), st.integers(0, 2**31))
def test_the_same_calls_and_seed_give_the_same_probes_in_any_order(values, seed):
    calls = [f"f({value!r})" for value in values]
    assert probe_calls(calls, 8, seed) == probe_calls(calls[::-1], 8, seed)


def test_another_seed_gives_other_probes():
    calls = ["f([3, 1, 2], 'abc')"]
    assert probe_calls(calls, 8, 1) != probe_calls(calls, 8, 2)


def test_as_many_probes_come_back_as_were_asked_for_where_inputs_are_rich():
    assert len(probe_calls(["f([3, 1, 2], 'abc')", "f([9], 'q')"], 50, 7)) == 50


def test_keywords_and_arguments_that_are_not_literals_stay():
    for text in probe_calls(["f(open, n=3, key=len)"], 5, 7):
        call = ast.parse(text, mode="eval").body
        assert ast.unparse(call.args[0]) == "open"
        assert [keyword.arg for keyword in call.keywords] == ["n", "key"]
        assert ast.unparse(call.keywords[1].value) == "len"


def test_numbers_that_are_never_negative_stay_so():
    found = probe_calls(["f(0, [1.5, 2.0])", "f(3, [0.5])"], 60, 7)
    assert found
    for text in found:
        number, items = arguments(text)
        assert number >= 0
        assert min(items) >= 0


def test_numbers_that_are_always_positive_stay_so():
    assert all(arguments(text)[0] >= 1 for text in probe_calls(["f(1)", "f(4)"], 30, 7))


def test_round_numbers_and_the_other_sign_are_tried():
    years = [arguments(text)[0] for text in probe_calls(["f(1987)", "f(2004)", "f(1996)"], 20, 7)]
    assert any(year % 100 == 0 for year in years)
    triples = [arguments(text) for text in probe_calls(["f(-3, 14, 250)", "f(9, 2, -7)"], 30, 7)]
    assert any(max(triple) < 0 for triple in triples)


@pytest.mark.parametrize("call", ["f()", "f(x)", "f(float('nan'))", "f(1e999)", "f(*[1, 2])", "f(", "3", ""])
def test_a_call_without_literal_arguments_gives_no_probe(call):
    assert probe_calls([call], 5, 7) == ()


def test_a_boolean_has_one_neighbor_and_the_search_ends():
    assert probe_calls(["f(True)"], 5, 7) == ("f(False)",)


def test_probes_do_not_depend_on_this_process_hash_seed():
    program = (
        'from pipeline.inputs.mutate import probe_calls; print(probe_calls([\'f({"a", "b", "c"})\'], 8, 7))'
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
