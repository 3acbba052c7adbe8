import collections
import contextlib
import datetime
import decimal
import fractions

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.answers import seen_of_frame
from pipeline.sandbox.inside import layout, parse, transport
from pipeline.sandbox.values import canonical, digest, equal, shown

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
)
KEYS = st.integers() | st.text() | st.booleans() | st.tuples(st.integers(), st.text())
PLAIN = st.recursive(
    LEAVES | st.sets(KEYS) | st.frozensets(KEYS),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


def brought_back(value: object) -> object:
    kind, raw = transport.plain(value, 1 << 20)
    assert kind == layout.PLAIN
    return parse.parse(raw)


@given(PLAIN)
def test_a_plain_value_crosses_unchanged_either_way_of_encoding(value: object):
    expected = canonical(value)
    _, careful = transport.careful(value, 1 << 20)
    assert canonical(brought_back(value)) == expected
    assert canonical(parse.parse(careful)) == expected
    assert equal(expected, expected)


@given(st.binary(max_size=200))
def test_hostile_bytes_are_a_value_or_malformed_and_nothing_else(raw: bytes):
    with contextlib.suppress(parse.Malformed):
        parse.parse(raw)


@given(PLAIN, st.data())
def test_a_damaged_value_is_a_value_or_malformed_and_nothing_else(value: object, data: st.DataObject):
    raw = bytearray(transport.plain(value, 1 << 20)[1])
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(parse.Malformed):
        parse.parse(bytes(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"[\xff\xff\xff\x7f",  # a list that claims 2**31 - 1 items
        b"u\xff\xff\xff\x7fabc",
        b"l\xff\xff\xff\x7f",
        b"[\x01\x00\x00\x00" * 5_000 + b"N",
        b"c\x00\x00\x00\x00",  # a code object
        b"R\x00\x00\x00\x00",  # a reference
        b"S",  # the marker by itself
        b"NN",
        b"",
    ],
)
def test_bytes_that_lie_about_themselves_are_malformed(raw: bytes):
    with pytest.raises(parse.Malformed):
        parse.parse(raw)


def test_keys_forged_to_collide_are_refused():
    modulus = (1 << 61) - 1
    colliding = [modulus * number for number in range(1, 3000)]
    for keys in (colliding, colliding + list(range(1, 4000))):
        _, raw = transport.plain(keys, 1 << 20)
        with pytest.raises(parse.Malformed, match="colliding"):
            parse.parse(b"<" + raw[1:])


def test_keys_that_collide_by_nature_are_not_refused():
    grid = {(x, y, z) for x in range(-9, 9) for y in range(-9, 9) for z in range(-9, 9)}
    assert brought_back(grid) == grid


@pytest.mark.parametrize(
    "value",
    [
        collections.Counter("hello"),
        collections.deque([1, (2,)]),
        collections.OrderedDict([(2, "b"), (1, "a")]),
        range(3, 30, 4),
        bytearray(b"ab"),
        decimal.Decimal("1.50"),
        fractions.Fraction(-3, 7),
        datetime.date(2024, 2, 29),
        datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
        datetime.time(1, 2, 3),
        datetime.timedelta(-1, 2, 3),
    ],
)
def test_standard_types_cross_as_themselves(value: object):
    back = parse.parse(transport.careful([value], 1024)[1])
    assert back == [value]
    assert type(back[0]) is type(value)


NUMBERS = (
    st.sampled_from([0, 1, True, 0.0, -0.0, 1.0, 1 + 0j, 0.5, float("nan"), complex("nan"), "1", b"1", None])
    | st.sampled_from(list(map(decimal.Decimal, ["1", "1.0", "0", "-0", "1E+3", "1000", "0.5", "Infinity"])))
    | st.sampled_from(
        [fractions.Fraction(1), fractions.Fraction(1, 2), range(0), range(2, 1), (), frozenset()]
    )
    | st.sampled_from([datetime.timedelta(1), datetime.timedelta(hours=24), datetime.date(2024, 1, 1)])
)
SMALL = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.tuples(inner),
        st.frozensets(NUMBERS, max_size=2),
        st.dictionaries(NUMBERS, inner, max_size=2),
        st.dictionaries(NUMBERS, inner, max_size=2).map(collections.OrderedDict),
        st.lists(inner, max_size=2).map(collections.deque),
    ),
    max_leaves=4,
)


def same(one: object, other: object) -> bool:
    """Whether two values are equal and have equal types throughout, by Python alone; one NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, frozenset):
        return len(one) == len(other) and all(any(same(x, y) for y in other) for x in one)
    if isinstance(one, collections.OrderedDict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, dict):
        return len(one) == len(other) and all(any(same(x, y) for y in other.items()) for x in one.items())
    return one == other or ("nan" in repr(one) and "nan" in repr(other))


@given(SMALL, SMALL)
def test_digests_are_equal_if_and_only_if_values_and_types_are(one: object, other: object):
    first, second = canonical(one), canonical(other)
    assert (digest(first) == digest(second)) == same(one, other)
    assert equal(first, second) == equal(second, first)
    if digest(first) == digest(second):
        assert equal(first, second)


def test_values_as_deep_as_can_be_brought_back_are_compared():
    for wrap in (lambda inner: {"a": inner}, lambda inner: [inner]):
        deep, other = 1, 2
        for _ in range(parse.MAX_DEPTH + 1):
            deep, other = wrap(deep), wrap(other)
        assert equal(canonical(brought_back(deep)), canonical(deep))
        assert not equal(canonical(brought_back(deep)), canonical(other))


def test_elements_of_a_set_that_are_one_nan_are_one_element():
    nan = float("nan")
    for pair in ({complex(nan, 0.0), complex(nan, -0.0)}, {nan, -nan}, {(nan, None), (-nan, None)}):
        assert digest(canonical(pair)) == digest(canonical({next(iter(pair))}))


def test_equal_digests_mean_equal_values_of_equal_types():
    assert digest(canonical({1: "a", 2: "b"})) == digest(canonical({2: "b", 1: "a"}))
    assert digest(canonical(0.0)) == digest(canonical(-0.0))
    assert digest(canonical(float("nan"))) == digest(canonical(-float("nan")))
    one, same_one = decimal.Decimal("1." + "0" * 4_950), decimal.Decimal(1)
    assert digest(canonical(one)) == digest(canonical(same_one))
    assert digest(canonical({"x", "y", "z"})) == digest(canonical({"z", "y", "x"}))
    different = [1, 1.0, True, "1", b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}), {1: 1}, 1 + 0j]
    assert len({digest(canonical(value)) for value in different}) == len(different)


@pytest.mark.parametrize(
    ("actual", "expected", "verdict"),
    [
        (1, 1.0, True),
        (True, 1, True),
        (0.1 + 0.2, 0.3, True),
        (1.0, 1.0000001, False),
        ([1.0, {"a": 0.1 + 0.2}], [1, {"a": 0.3}], True),
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        (float("inf"), 1e308, False),
        ([1], (1,), False),
        (10**400, 1.0, False),
        (10**400, 10**400, True),
        (collections.Counter("aab"), {"a": 2, "b": 1}, True),
        (collections.OrderedDict([(1, 2), (3, 4)]), {3: 4, 1: 2}, True),
        ({1, 2}, frozenset({2, 1}), True),
        ("1", 1, False),
        (None, False, False),
        (3 + 0j, 3, True),
        (fractions.Fraction(1, 2), 0.5 + 0j, True),
        (collections.Counter(a=1, b=0), collections.Counter(a=1), True),
        (collections.Counter(a=1, b=0), {"a": 1}, False),
        (decimal.Decimal("1.50"), decimal.Decimal("1.5"), True),
        (decimal.Decimal("1E+30"), 10**30, True),
        ([decimal.Decimal("NaN1"), 1], [decimal.Decimal("-NaN"), 1.0], True),
        ([decimal.Decimal("sNaN"), 1], [decimal.Decimal("sNaN"), 1.0], True),
        ([decimal.Decimal("sNaN"), 1], [decimal.Decimal("NaN"), 1.0], False),
        ([decimal.Decimal("1.50"), 1], [decimal.Decimal("1.5"), 1.0], True),
    ],
)
def test_equal_is_pythons_own_rule_with_a_tolerance_for_floats(
    actual: object, expected: object, verdict: bool
):
    assert equal(canonical(actual), canonical(expected)) is verdict


def test_no_decimal_equals_an_int_of_a_length_that_takes_seconds_to_compare():
    for longest in (1 << 2_000_000, 10**40_000):
        assert not equal(canonical(longest), canonical(decimal.Decimal("1E+40000")))


@pytest.mark.parametrize("text", ["9" * 5_000, "-" + "9" * 4_999, "9" * 4_998, "0." + "9" * 4_998])
def test_a_decimal_as_long_as_can_be_read_can_be_read_again(text: str):
    value = parse.parse(transport.careful(decimal.Decimal(text), 1 << 20)[1])
    assert parse.parse(canonical(value)) == value


def test_what_cannot_be_transported_says_so():
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    endless: list[object] = []
    endless.append(endless)
    assert transport.plain(Liar(3), 1 << 20)[0] == layout.NOT_PLAIN
    assert transport.plain((item for item in [1]), 1 << 20)[0] == layout.NOT_PLAIN
    assert transport.plain([len], 1 << 20)[0] == layout.NOT_PLAIN
    assert transport.plain(endless, 1 << 20)[0] == layout.TOO_LARGE
    assert transport.plain("x" * 5000, 1024)[0] == layout.TOO_LARGE
    assert transport.plain(collections.namedtuple("Pair", "a b")(1, 2), 1024) == transport.plain((1, 2), 1024)


def test_a_reader_sees_at_most_200_characters():
    assert shown([1, "a"], bytes(20)) == "[1, 'a']"
    assert len(shown("x" * 1000, bytes(1005))) == 200
    assert "int" in shown(10**5000, bytes(2500))
    assert "50000" in shown([0] * 50_000, bytes(250_005))
    uncomparable = collections.Counter({"a": decimal.Decimal("nan"), "b": decimal.Decimal(1)})
    assert "Decimal" in shown([uncomparable], bytes(80))


def test_counters_within_counters_take_no_longer_than_they_are_deep():
    def counted(leaf: object) -> collections.Counter[str]:
        for _ in range(25):
            leaf = collections.Counter(a=leaf)  # type: ignore[arg-type]
        return leaf  # type: ignore[return-value]

    ordered = collections.Counter(a=[counted(1)], b=[counted(1)])  # type: ignore[arg-type]
    for value in (collections.Counter(a=counted(1), b=counted(1)), ordered):  # type: ignore[arg-type]
        seen = seen_of_frame(*transport.careful(value, 1 << 20), {})
        assert (seen.status, seen.repr) == ("ok", "<Counter with a Counter in a Counter>")
    assert equal(canonical(counted(1)), canonical(counted(1.0)))
    assert not equal(canonical(counted(1)), canonical(counted(2)))


def test_sets_within_sets_take_no_longer_than_they_are_deep():
    nested = parse.parse(b">\1\0\0\0" * 80 + b"N")
    assert parse.parse(canonical(nested), 300) == nested
    assert canonical({1, frozenset({2})}) != canonical(frozenset({1, frozenset({2})}))


def test_more_bytes_than_any_value_may_have_are_not_read():
    long = b"u" + (5 << 20).to_bytes(4, "little") + b"a" * (5 << 20)
    assert seen_of_frame(layout.PLAIN, long, {}).status == "large"
    assert seen_of_frame(layout.RAISED, b"E" * 1_000_000, {}).repr is None


def test_no_large_int_is_compared_with_a_decimal_of_its_hash():
    long = 5 + (2**61 - 1) * (1 << 8_000_000)  # a minute and more, if Python compared them
    five, many = decimal.Decimal(5), [1.5] * 2_000
    for wrap in (lambda item: {item}, lambda item: {(item,): 1}, lambda item: [many, frozenset([item])]):
        assert not equal(canonical(wrap(long)), canonical(wrap(five)))
    assert equal(canonical([many, five]), canonical([many, 5]))
    both = b"<\2\0\0\0" + canonical(five) + canonical(long)
    assert seen_of_frame(layout.PLAIN, both, {}).status == "opaque"
