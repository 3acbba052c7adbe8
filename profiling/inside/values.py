"""Whether two solutions returned the same: exact types, floats up to rounding."""

import hashlib
import marshal
import math
from typing import Any

Value = Any  # whatever a solution returned
RELATIVE_TOLERANCE = 1e-9
PLAIN = (int, str, bool, bytes, type(None))


def agree(left: Value, right: Value) -> bool:
    """Whether two returned values are equal in type and content.

    Floats agree within 1e-9 relative (sums in another order differ by that), NaN with NaN. Values that are
    not plain data agree with nothing, not even with themselves.
    """
    try:
        # Equal bytes of the version without references mean equal plain data, at the speed of C.
        if marshal.dumps(left, 2) == marshal.dumps(right, 2):
            return True
        return _agree(left, right)
    except (ValueError, RecursionError):
        return False


def _agree(left: Value, right: Value) -> bool:
    kind = type(left)
    if kind is not type(right):
        return False
    if kind is float:
        return math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE) or (
            math.isnan(left) and math.isnan(right)
        )
    if kind in PLAIN:
        return bool(left == right)
    if kind in (list, tuple):
        return len(left) == len(right) and all(map(_agree, left, right))
    if kind is dict:
        # Not looked up by the keys themselves: floats among them agree up to rounding, too.
        here, there = ({_ordered(key): item for key, item in both.items()} for both in (left, right))
        same_keys = len(left) == len(right) and here.keys() == there.keys()
        return same_keys and all(_agree(here[key], there[key]) for key in here)
    return kind in (set, frozenset) and _ordered(left) == _ordered(right)


def digest(value: Value) -> str:
    """16 hex digits of a value that agrees with itself; equal digests are equal values."""
    return hashlib.blake2b(_ordered(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _ordered(value: Value) -> str:
    # repr of a set follows the hash seed; a float is cut to the digits that agreement looks at.
    if isinstance(value, float):
        return f"{value:.9e}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({','.join(map(_ordered, value))})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({','.join(sorted(map(_ordered, value)))})"
    if isinstance(value, dict):
        return f"dict({','.join(sorted(f'{_ordered(k)}:{_ordered(v)}' for k, v in value.items()))})"
    # A digest of the bytes: the decimal digits of a huge int take quadratic time, and Python refuses them.
    if type(value) is int and value.bit_length() > 2_000:
        return f"int{hashlib.blake2b(marshal.dumps(value, 2)).hexdigest()}"
    return f"{type(value).__name__}{value!r}"
