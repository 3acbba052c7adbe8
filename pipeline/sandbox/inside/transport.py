"""A value -> bytes that the parent can parse without trusting them.

Exact builtin types go through `marshal` version 2: C speed, no code of the value's own is run, exact types
only (subclasses are refused in C), no references, sets in sorted order. What it refuses is walked here: a few
standard types become (StopIteration, tag, content), as the marker is no plain data itself; the rest is
opaque.

`marshal` cannot tell bytearray, array and memoryview from bytes; the scan keeps those names out of processes
that use `plain`, everything else is encoded by `careful`.
"""

import collections
import datetime
import decimal
import fractions
import marshal
from collections.abc import Callable
from typing import Any

from pipeline.sandbox.inside.layout import NOT_PLAIN, PLAIN, TOO_LARGE
from pipeline.sandbox.inside.parse import MAX_DEPTH

MARKED = b"(\x03\0\0\0S"  # how (StopIteration, tag, content) begins
dumps: Callable[[Any, int], bytes] = marshal.dumps

_LEAVES = frozenset([int, float, str, bool, bytes, complex, type(None), type(Ellipsis)])
_MAPPINGS: dict[type, str] = {
    dict: "dict",
    collections.OrderedDict: "OrderedDict",
    collections.Counter: "Counter",
    collections.defaultdict: "defaultdict",
}
_TEXTS: dict[type, str] = {
    decimal.Decimal: "Decimal",
    fractions.Fraction: "Fraction",
    datetime.date: "date",
    datetime.time: "time",
    datetime.datetime: "datetime",
}


class Opaque(Exception):
    """The value holds something that is not plain data."""


def plain(value: object, max_bytes: int) -> tuple[int, bytes]:
    """(kind of frame, bytes), for a value that cannot hold a bytearray."""
    try:
        raw = dumps(value, 2)
    except ValueError:
        return careful(value, max_bytes)
    if MARKED in raw:  # a tuple that looks as if it was written here
        return careful(value, max_bytes)
    return (PLAIN, raw) if len(raw) <= max_bytes else (TOO_LARGE, b"")


def careful(value: object, max_bytes: int) -> tuple[int, bytes]:
    """(kind of frame, bytes), for any value."""
    try:
        raw = dumps(_tree(value, 0), 2)
    except Opaque:
        return NOT_PLAIN, b""
    except (ValueError, RecursionError):
        return TOO_LARGE, b""
    except MemoryError:
        raise MemoryError from None  # and none of the value's own
    except BaseException:  # of the value's own code, such as the text of a fraction of its own numbers
        return NOT_PLAIN, b""
    return (PLAIN, raw) if len(raw) <= max_bytes else (TOO_LARGE, b"")


def _tree(value: Any, depth: int) -> object:
    """The value; what marshal would refuse or confuse is wrapped as (StopIteration, tag, content)."""
    kind = type(value)
    if type(kind) is not type and kind is not fractions.Fraction:
        raise Opaque  # a class of a class that may say it equals one of those below
    if kind in _LEAVES:
        return value
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return kind([_tree(item, depth + 1) for item in kind.__iter__(value)])
    if kind in _MAPPINGS:
        if kind is dict:
            return {_tree(key, depth + 1): _tree(item, depth + 1) for key, item in value.items()}
        pairs = tuple((_tree(key, depth + 1), _tree(item, depth + 1)) for key, item in value.items())
        return StopIteration, _MAPPINGS[kind], pairs
    if kind is collections.deque:
        return StopIteration, "deque", tuple(_tree(item, depth + 1) for item in value)
    if kind is range:
        return StopIteration, "range", (value.start, value.stop, value.step)
    if kind is bytearray:
        return StopIteration, "bytearray", bytes(value)
    if kind is datetime.timedelta:
        return StopIteration, "timedelta", (value.days, value.seconds, value.microseconds)
    if kind in _TEXTS:
        return StopIteration, _TEXTS[kind], _text(value)
    if issubclass(kind, tuple) and type.__getattribute__(kind, "__eq__") is tuple.__eq__:
        return tuple(_tree(item, depth + 1) for item in tuple.__iter__(value))  # a namedtuple is its tuple
    raise Opaque


def _text(value: Any) -> str:
    if type(value) in (datetime.date, datetime.time, datetime.datetime):
        if getattr(value, "tzinfo", None) is not None:
            raise Opaque
        return str(value.isoformat())
    return str(value)
