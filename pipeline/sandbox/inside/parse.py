"""Bytes from a process that ran untrusted code -> a plain value, without trusting them.

The bytes are `marshal` version 2 (see `transport`), but `marshal.loads` must not see hostile bytes (it may
crash or allocate without bound). This is a parser of its own for the part of the format that plain data
needs: every length is checked against the bytes that are there before anything is allocated, depth is
bounded, and only builtin and a few standard types are built.
"""

import collections
import datetime
import decimal
import fractions
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 100
MAX_COLLISIONS = 64  # keys of one hash
LONGEST_NUMBER = 5_000  # characters: reading decimal digits is quadratic
LONGEST_BITS = 100_000  # of an int beside a Decimal: as keys of one hash they are compared, in quadratic time
DECIMAL = b"(\x03\0\0\0Su\x07\0\0\0Decimal"  # how one begins

_INT = struct.Struct("<i")
_UINT = struct.Struct("<I")
_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_SINGLETONS = {ord("N"): None, ord("T"): True, ord("F"): False, ord("."): Ellipsis}


class Malformed(ValueError):
    """The bytes are no plain value: somebody tampered with the channel, or the value holds code objects."""


class TooDeep(Malformed):
    """The value is nested deeper than it may be."""


def _pairs(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def build(content: Any) -> Any:
        _guard_hashes([key for key, _ in content])
        return kind(content)

    return build


def _items(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def build(content: Any) -> Any:
        _guard_hashes(content)
        return kind(content)

    return build


_WRAPPED: dict[str, Callable[[Any], Any]] = {
    "set": _items(set),
    "frozenset": _items(frozenset),
    "dict": _pairs(dict),
    "OrderedDict": _pairs(collections.OrderedDict),
    "Counter": _pairs(lambda pairs: collections.Counter(dict(pairs))),
    "defaultdict": _pairs(lambda pairs: collections.defaultdict(None, pairs)),
    "deque": collections.deque,
    "range": lambda content: range(*content),
    "bytearray": bytearray,
    "timedelta": lambda content: datetime.timedelta(*content),
    "Decimal": decimal.Decimal,
    "Fraction": lambda text: fractions.Fraction(*map(int, text.split("/"))),
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
}
_WRAPPED_CONTENT = {
    "bytearray": bytes,
    "Decimal": str,
    "Fraction": str,
    "date": str,
    "time": str,
    "datetime": str,
}


def parse(raw: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The value `raw` encodes.

    Raises:
        Malformed: not the encoding of a plain value; TooDeep: nested more than max_depth deep.
    """
    try:
        value, end = _parse(raw, 0, max_depth)
    except Malformed:
        raise
    except (IndexError, ValueError, TypeError, OverflowError, ArithmeticError, struct.error) as error:
        raise Malformed(str(error)) from None
    if end != len(raw):
        raise Malformed("bytes after the value")
    return value


def _parse(raw: bytes, at: int, room: int) -> tuple[Any, int]:
    """(the value at `at`, with `room` more levels inside at most; where it ends)."""
    tag = raw[at]
    at += 1
    if tag == 105:  # i
        return _INT.unpack_from(raw, at)[0], at + 4
    if tag in _SINGLETONS:
        return _SINGLETONS[tag], at
    if tag == 103:  # g
        return _FLOAT.unpack_from(raw, at)[0], at + 8
    if tag == 117 or tag == 115:  # u s
        return _parse_text(raw, at, tag)
    if room < 0:
        raise TooDeep("nested too deeply")
    if tag == 123:  # {
        return _parse_dict(raw, at, room)
    if tag in (91, 40, 60, 62):  # [ ( < >
        return _parse_container(raw, at, room, tag)
    if tag == 108:  # l
        return _parse_long(raw, at)
    if tag == 121:  # y
        return complex(*_COMPLEX.unpack_from(raw, at)), at + 16
    raise Malformed(f"tag {tag}")


def _parse_text(raw: bytes, at: int, tag: int) -> tuple[Any, int]:
    size = _UINT.unpack_from(raw, at)[0]
    data = raw[at + 4 : at + 4 + size]
    if len(data) != size:
        raise Malformed("cut short")
    return data.decode("utf-8", "surrogatepass") if tag == 117 else data, at + 4 + size


def _parse_long(raw: bytes, at: int) -> tuple[int, int]:
    digits = _INT.unpack_from(raw, at)[0]
    count = abs(digits)
    if 15 * count > LONGEST_BITS and DECIMAL in raw:
        raise Malformed("a large int beside a Decimal")
    words = struct.unpack_from(f"<{count}H", raw, at + 4) if 2 * count <= len(raw) - at - 4 else ()
    if len(words) != count or (words and max(words) >= 1 << 15):
        raise Malformed("digits of a large int")
    magnitude = _join_digits(words)
    return (-magnitude if digits < 0 else magnitude), at + 4 + 2 * count


def _join_digits(words: tuple[int, ...]) -> int:
    """15-bit digits, least significant first -> int, in O(n log n) big-int work."""
    level = list(words)
    bits = 15
    while len(level) > 1:
        if len(level) % 2:
            level.append(0)
        level = [low | high << bits for low, high in zip(level[::2], level[1::2], strict=True)]
        bits *= 2
    return level[0] if level else 0


def _parse_container(raw: bytes, at: int, room: int, tag: int) -> tuple[Any, int]:
    size = _UINT.unpack_from(raw, at)[0]
    at += 4
    if size > len(raw) - at:
        raise Malformed("cut short")
    if tag == 40 and size == 3 and raw[at] == 83:  # (StopIteration, tag, content)
        return _parse_wrapped(raw, at + 1, room)
    items = []
    for _ in range(size):
        item, at = _parse(raw, at, room - 1)
        items.append(item)
    if tag == 91:
        return items, at
    if tag == 40:
        return tuple(items), at
    _guard_hashes(items)
    return (set(items) if tag == 60 else frozenset(items)), at


def _parse_dict(raw: bytes, at: int, room: int) -> tuple[Any, int]:
    pairs = []
    while raw[at] != 48:  # 0
        key, at = _parse(raw, at, room - 1)
        value, at = _parse(raw, at, room - 1)
        pairs.append((key, value))
    _guard_hashes([key for key, _ in pairs])
    return dict(pairs), at + 1


def _parse_wrapped(raw: bytes, at: int, room: int) -> tuple[Any, int]:
    name, at = _parse(raw, at, -1)
    content, at = _parse(raw, at, room - 1)
    build = _WRAPPED.get(name) if type(name) is str else None
    if build is None or type(content) is not _WRAPPED_CONTENT.get(name, tuple):
        raise Malformed("unknown wrapping")
    if type(content) is str and len(content) > LONGEST_NUMBER:
        raise Malformed("a number of too many digits")
    return build(content), at


def _guard_hashes(keys: list[Any]) -> None:
    """Refuse keys forged to collide: building their dict or set would take quadratic time."""
    colliding = len(keys) - len(set(map(hash, keys)))
    if colliding > MAX_COLLISIONS and max(Counter(map(hash, keys)).values()) > MAX_COLLISIONS:
        raise Malformed("colliding keys")
