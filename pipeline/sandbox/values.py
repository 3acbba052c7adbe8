"""Values that came back from the sandbox: made canonical, compared, shown.

Canonical bytes are equal if and only if the values are equal and have equal types throughout: dicts are
ordered by their keys' bytes, -0.0 is 0.0, there is one NaN. `pipeline.sandbox.inside.parse` reads them.
"""

import collections
import datetime
import decimal
import fractions
import functools
import hashlib
import marshal
import math
from collections.abc import Callable
from typing import Any

from pipeline.sandbox.inside.parse import DECIMAL, LONGEST_BITS, LONGEST_NUMBER, MAX_DEPTH, parse

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
REPR_CHARS = 200
DIGEST_BYTES = 10
_NAN = float("nan")
# How two canonical values begin that are unequal if their bytes are: texts, None, and small ints or booleans.
_PLAINLY_UNEQUAL = frozenset(
    bytes([one, other]) for plain in (b"iuN", b"TFuN") for one in plain for other in plain
)


def canonical(value: Any) -> bytes:
    """The bytes that equal values of equal types share."""
    return marshal.dumps(_canonical(value), 2)


def _canonical(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return _NAN if value != value else value + 0.0
    if kind is complex:
        return complex(_canonical(value.real), _canonical(value.imag))
    if kind is list or kind is tuple:
        return kind([_canonical(item) for item in value])
    if kind is set or kind is frozenset:
        # Sorted here: marshal does it anew for every set that a set is in, twice each.
        items = {marshal.dumps(item, 2): item for item in map(_canonical, value)}
        return StopIteration, kind.__name__, tuple([items[raw] for raw in sorted(items)])
    if isinstance(value, dict):
        pairs = [(_canonical(key), _canonical(item)) for key, item in value.items()]
        if kind is not collections.OrderedDict:
            pairs.sort(key=lambda pair: marshal.dumps(pair[0], 2))
        return StopIteration, kind.__name__, tuple(pairs)
    if kind in _CONTENTS:
        return StopIteration, kind.__name__, _CONTENTS[kind](value)
    return value


def _canonical_range(value: range) -> tuple[int, int, int]:
    """Equal ranges may be written differently: range(0) == range(2, 1)."""
    if not value:
        return 0, 0, 1
    if value[0] == value[-1]:
        return value[0], value[0] + 1, 1
    return value[0], value[-1] + value.step, value.step


def _canonical_decimal(value: decimal.Decimal) -> str:
    """Without the zeros at its end: Decimal("1.50") == Decimal("1.5"); one quiet NaN, one zero."""
    if value.is_qnan():
        return "NaN"
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    kept = "".join(map(str, digits)).rstrip("0")
    text = f"{'-' * sign}{kept}E{exponent + len(digits) - len(kept)}" if kept else "0"
    return text if len(text) <= LONGEST_NUMBER else str(value)  # as the only one of its length


_CONTENTS: dict[type, Callable[[Any], Any]] = {
    collections.deque: lambda value: tuple(map(_canonical, value)),
    range: _canonical_range,
    bytearray: bytes,
    decimal.Decimal: _canonical_decimal,
    fractions.Fraction: str,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.datetime: datetime.datetime.isoformat,
    datetime.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
}


def digest(canonical_bytes: bytes) -> str:
    """20 hex digits of canonical bytes."""
    return hashlib.blake2b(canonical_bytes, digest_size=DIGEST_BYTES).hexdigest()


def equal(actual: bytes, expected: bytes) -> bool:
    """Whether two canonical values are equal as a test's `==` means it.

    Python's own rule on the exact builtin values: 1 == 1.0 == True, a list is never a tuple, an OrderedDict,
    Counter or defaultdict equals the dict with the same items. Two departures, both documented: floats are
    equal within 1e-9 relative or 1e-12 absolute, and NaN equals NaN. Floats inside sets and as dict keys are
    compared exactly. A signaling NaN, which cannot be compared, equals only itself.
    """
    if actual == expected:
        return True
    if actual[:1] + expected[:1] in _PLAINLY_UNEQUAL:
        return False
    if _is_long_within(actual, expected) or _is_long_within(expected, actual):
        return False
    try:
        return equal_values(_parsed(actual), _parsed(expected))
    except decimal.InvalidOperation:
        return False


@functools.lru_cache(maxsize=256)  # an expected value meets the answers of many solutions
def _parsed(canonical_bytes: bytes) -> Any:
    """The value, which nothing here changes; a dict is three levels of canonical bytes."""
    return parse(canonical_bytes, 3 * (MAX_DEPTH + 1))


def equal_values(actual: Any, expected: Any) -> bool:
    """`equal` on parsed values."""
    kind = type(expected)
    if kind is float or type(actual) is float:
        return _close(actual, expected)
    if kind is complex or type(actual) is complex:
        return _close_complex(actual, expected)
    if kind is list or kind is tuple or kind is collections.deque:
        return (
            type(actual) is kind and len(actual) == len(expected) and all(map(equal_values, actual, expected))
        )
    if isinstance(expected, dict):
        return isinstance(actual, dict) and _equal_dicts(actual, expected)
    if kind is decimal.Decimal and type(actual) is kind:
        return _canonical_decimal(actual) == _canonical_decimal(expected)
    return bool(actual == expected)


def _is_long_within(one: bytes, other: bytes) -> bool:
    """Whether one holds an int too long for any Decimal of the other: nothing else there equals it either."""
    return 8 * len(one) > LONGEST_BITS and DECIMAL in other and _holds_long(_parsed(one))


def _holds_long(value: Any) -> bool:
    return any(type(one) is int and one.bit_length() > LONGEST_BITS for one in _all_in(value))


def _all_in(value: Any) -> list[Any]:
    """The value, and all that it holds at any depth."""
    found = [value]
    for one in found:
        if isinstance(one, dict):
            found += (*one.keys(), *one.values())
        elif isinstance(one, list | tuple | set | frozenset | collections.deque):
            found += one
    return found


def _equal_dicts(actual: dict[Any, Any], expected: dict[Any, Any]) -> bool:
    counter = collections.Counter
    if type(actual) is counter and type(expected) is counter:  # what is not counted has the count 0
        return all(equal_values(actual[key], expected[key]) for key in {**actual, **expected})
    if len(actual) != len(expected):
        return False
    ordered = collections.OrderedDict
    if type(actual) is ordered and type(expected) is ordered and list(actual) != list(expected):
        return False
    return all(key in actual and equal_values(actual[key], item) for key, item in expected.items())


def _close(actual: Any, expected: Any) -> bool:
    if isinstance(actual, float) and isinstance(expected, float):
        if actual != actual or expected != expected:
            return actual != actual and expected != expected
        return math.isclose(actual, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    if isinstance(actual, int | float) and isinstance(expected, int | float):
        if actual == expected:
            return True
        try:
            return _close(float(actual), float(expected))
        except OverflowError:
            return False
    if isinstance(actual, complex) or isinstance(expected, complex):
        return _close_complex(actual, expected)
    return bool(actual == expected)


def _close_complex(actual: Any, expected: Any) -> bool:
    if not (isinstance(actual, int | float | complex) and isinstance(expected, int | float | complex)):
        return bool(actual == expected)
    try:
        one, other = complex(actual), complex(expected)
    except OverflowError:
        return False
    return _close(one.real, other.real) and _close(one.imag, other.imag)


def _counts_counters(value: Any) -> bool:
    counter = collections.Counter
    return type(value) is counter and any(type(one) is counter for one in _all_in(list(value.values())))


def shown(value: Any, raw: bytes) -> str:
    """The value that `raw` encodes as a reader sees it, at most REPR_CHARS characters; or it is described."""
    if len(raw) > 20_000:
        size = (
            f" of {len(value)}"
            if isinstance(value, list | tuple | dict | set | frozenset | str | bytes)
            else ""
        )
        return f"<{type(value).__name__}{size}, {len(raw)} bytes>"
    # A Counter shows its counts in order, and to compare Counters takes twice as long a level.
    if raw.count(b"Counter") > 1 and any(map(_counts_counters, _all_in(value))):
        return f"<{type(value).__name__} with a Counter in a Counter>"
    try:
        text = repr(value)
    except ValueError:  # an int of more than 4300 digits
        return f"<{type(value).__name__} with a very large int>"
    except decimal.InvalidOperation:  # a Counter shows its counts in order, and a NaN has no place there
        return f"<{type(value).__name__} with a Decimal that cannot be compared>"
    return text if len(text) <= REPR_CHARS else text[: REPR_CHARS - 1] + "…"
