import itertools
import subprocess
import sys

import pytest

from pipeline.inputs.enlarge import bases, enlarge, largest_size, natural_size, plain_call, shapes


def grown(call: str, shape: str = "random", size: int = 200):
    args, keywords = enlarge(call, shape, size, seed=1)
    return args if not keywords else (args, keywords)


def test_the_same_call_shape_size_and_seed_give_the_same_in_another_process():
    call = "f({'b', 'a', 'c'}, ['x', 'yy'], 3)"
    code = (
        f"from pipeline.inputs.enlarge import enlarge; print(repr(enlarge({call!r}, 'random', 40, 9)[0][1:]))"
    )
    seen = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(seen) == 1
    assert enlarge(call, "random", 40, 9)[0][0] == enlarge(call, "random", 40, 9)[0][0]
    assert enlarge(call, "random", 40, 9) != enlarge(call, "random", 40, 10)


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("f([1, 2])", "f([1, 2])"),
        ("sorted(f([2, 1]))[0]", "f([2, 1])"),
        ("f(1) is True", "f(1)"),
        ("f(x)", None),
        ("f(f(1))", None),
        ("g(1)", None),
        ("f(", None),
    ],
)
def test_the_plain_call_inside_a_tests_expression_is_found(expression, plain):
    assert plain_call(expression, "f") == plain


def test_a_sorted_list_stays_sorted_in_every_shape_that_orders():
    for shape in ("random", "sorted", "reversed"):
        (xs,) = grown("f([1, 3, 8])", shape)
        assert xs == sorted(xs)
        assert len(xs) == 200


def test_shapes_arrange_an_unordered_list():
    assert grown("f([3, 1, 2, 2])", "sorted")[0] == sorted(grown("f([3, 1, 2, 2])", "sorted")[0])
    assert grown("f([3, 1, 2, 2])", "reversed")[0] == sorted(grown("f([3, 1, 2, 2])", "reversed")[0])[::-1]
    assert len(set(grown("f([3, 1, 2, 2])", "repeated")[0])) == 1
    assert grown("f([3, 1, 2, 2])", "tiled")[0][:8] == [3, 1, 2, 2, 3, 1, 2, 2]


def test_one_shape_has_no_repetition_whatever_was_given_but_bits_stay_bits():
    for call in ("f([1, 2, 1])", "f([4, 4])", "f(['a', 'b', 'a'])"):
        (elements,) = grown(call, "reversed")
        assert len(set(elements)) == len(elements) > 100
        assert len(set(grown(call, "random")[0])) < 200
    assert set(grown("f([0, 1, 1, 0])", "reversed")[0]) == {0, 1}


def test_distinct_elements_stay_distinct_and_signs_are_kept():
    (xs,) = grown("f([30, 10, 20])")
    assert len(set(xs)) == len(xs) == 200
    assert min(xs) >= 0
    (ys,) = grown("f([-3, 1, 2])")
    assert min(ys) < 0 < max(ys)


def test_nearly_a_permutation_stays_one():
    (xs,) = grown("f([3, 0, 1])")
    assert set(xs) < set(range(201))
    assert len(set(xs)) == 200


def test_an_alphabet_is_kept_and_tiles_keep_what_a_string_means():
    (s,) = grown("f('(())')", "random")
    assert set(s) <= set("()")
    (tiled,) = grown("f('(())')", "tiled")
    assert tiled.count("(") == tiled.count(")") >= 100
    (roman,) = grown("f('MCM')")
    assert set(roman) <= set("MC")


def test_an_element_beside_its_container_stays_an_element_and_a_needle_stays():
    xs, value = grown("f([5, 9, 7], 9)")
    assert value in xs
    text, letter = grown("f('banana', 'a')")
    assert (len(text), letter) == (200, "a")


def test_a_position_or_count_grows_along_unless_asked_not_to():
    assert grown("f(['a', 'b', 'c', 'd'], 2)")[1] == 100
    assert grown("f(['a', 'b', 'c', 'd'], 2)", "small_integers")[1] == 2


def test_records_keep_their_columns_and_a_square_matrix_stays_square():
    (rows,) = grown("f([('a', 3), ('b', 1)])")
    assert {tuple(map(type, row)) for row in rows} == {(str, int)}
    (matrix,) = grown("f([[1, 2, 3], [4, 5, 6], [7, 8, 9]])", size=100)
    assert {len(row) for row in matrix} == {len(matrix)}
    (intervals,) = grown("f([[1, 3], [2, 6]])")
    assert all(a <= b for a, b in intervals)


def test_integers_grow_in_magnitude_and_modes():
    assert grown("f(97)", "magnitude", 10_000) == [10_000]
    assert grown("f(97)", "odd", 10_000) == [10_001]
    assert grown("f(97)", "next_prime", 10_000) == [10_007]
    assert grown("f(-10, 5)", "magnitude", 1_000) == [-1_000, 500]
    assert enlarge("f(n=7)", "magnitude", 70, 1) == ([], {"n": 70})


def test_a_call_as_written_is_what_the_test_said():
    assert grown("f([1, 2], k=3)", "as_written") == ([[1, 2]], {"k": 3})


def test_sizes_are_capped():
    assert len(grown("f([1, 2])", size=10**9)[0]) == largest_size("f([1, 2])") == 100_000
    assert grown("f(2)", "magnitude", 10**30) == [largest_size("f(2)")] == [10**15]


def test_what_cannot_grow_has_no_shapes():
    assert shapes("f(1.5, None, True)") == ()
    assert shapes("f([])") == ()
    assert natural_size("f([1, 2, 3], 9)") == 3


@pytest.mark.parametrize("call", ["f([], 3)", "f(3, '')", "f(k=3, xs={})"])
def test_beside_an_empty_container_it_is_the_integers_that_grow(call):
    assert (natural_size(call), largest_size(call)) == (3, 10**15)
    assert 90 in [*enlarge(call, "magnitude", 90, 1)[0], *enlarge(call, "magnitude", 90, 1)[1].values()]


def test_a_matrix_of_named_rows_grows_both_ways():
    (grown,), _ = enlarge("f({1: [1, 2, 3], 2: [4, 5, 6]})", "random", 100, 1)
    assert {len(grown), *map(len, grown.values())} == {10}


def test_bases_prefer_free_and_telling_inputs_with_and_without_repeats():
    calls = ["f([1, 2, 3])", "f([])", "f([7])", "f([3, 1, 2])", "f([5, 5, 2, 9])", "f([1, 1, 1])"]
    assert bases(calls, 2) == ["f([5, 5, 2, 9])", "f([3, 1, 2])"]


def test_in_one_shape_floats_come_no_nearer_to_each_other_than_given():
    ((values, threshold), _) = enlarge("f([1.0, 2.5, 4.0], 0.5)", "reversed", 300, 1)
    assert len(values) == 300
    assert threshold == 0.5
    assert min(b - a for a, b in itertools.pairwise(sorted(values))) >= 1.5 - 1e-9


@pytest.mark.parametrize("call", ["f([3.0, 3.0])", "f([0.0, 1e-300, 1e300])", "f([1e308, -1e308])"])
def test_floats_that_have_no_room_apart_grow_all_the_same(call):
    assert len(enlarge(call, "reversed", 50, 1)[0][0]) == 50


def test_intervals_stay_as_long_as_they_were():
    ((rows,), _) = enlarge("f([[1, 3], [2, 6], [8, 10]])", "random", 200, 1)
    assert {b - a for a, b in rows} == {2, 4}
