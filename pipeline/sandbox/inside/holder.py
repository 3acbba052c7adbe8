"""The program's side of a check: what a check may ask of the program, and the messages that both sides send.

A `Holder` keeps the program's objects; what is not plain data the check knows by its number only. A program
that shares a process with its check is asked directly; one in a process of its own answers over pipes
(`serve_program`). `check` is the other side.
"""

import collections
import contextlib
import os
import struct
from collections.abc import Iterator
from typing import Any

from pipeline.sandbox.inside import exceptions, layout, parse, transport
from pipeline.sandbox.inside.programs import namespace

MAX_MESSAGE_BYTES = 4 << 20
_LENGTH = struct.Struct("<I")
SEQUENCES = (list, bytearray, collections.deque)
COLLECTIONS = (dict, set, collections.Counter, collections.defaultdict, collections.OrderedDict)
MUTABLE = SEQUENCES + COLLECTIONS
_module = type.__dict__["__module__"].__get__
_mro = type.__dict__["__mro__"].__get__
# What not every object can do, and its class says: a bit each of the number that the object is told by.
ABILITIES = ("__call__", "__iter__", "__next__", "__len__", "__getitem__")
_LEAVES = frozenset([int, float, str, bool, bytes, complex, type(None)])
VALUE, OBJECT, RAISED, ABSENT, NO_REPLY, GIVEN = range(6)

Reply = tuple[int, Any, list[Any]]


class NotPlain(BaseException):
    """A message holds what cannot cross; no `except Exception` of a check hides it."""


class HungUp(BaseException):
    """The other process has ended."""


def encoded(value: object) -> bytes:
    """The value's bytes.

    Raises:
        NotPlain: it has none.
    """
    kind, raw = transport.careful(value, MAX_MESSAGE_BYTES)
    if kind != layout.PLAIN:
        raise NotPlain
    return raw


def copied(value: object) -> Any:
    """A copy of the value.

    Raises:
        NotPlain: it is no plain data, or nobody would read it. The exception of `parse` is of a class that a
            program whom it reached could change for others.
    """
    try:
        return parse.parse(encoded(value))
    except parse.Malformed:
        raise NotPlain from None


class Holder:
    """The program's objects by number, and what a check may do with them."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.objects: list[Any] = [space]

    def do(self, verb: str, handle: int, detail: Any, arguments: list[Any]) -> Reply:
        """One request of the check; exceptions of the program cross as `exceptions` says."""
        try:
            return exceptions.with_none_active(self._do, verb, self.meant(OBJECT, handle), detail, arguments)
        except NotPlain:
            raise
        except (SystemExit, MemoryError) as error:
            raise exceptions.ending(error) from None
        except BaseException as error:
            return RAISED, exceptions.described(error), []

    def _do(self, verb: str, target: Any, detail: Any, arguments: list[Any]) -> Reply:
        if verb == "global":
            return self.reply(target[detail]) if detail in target else (ABSENT, None, [])
        if verb == "get":
            return self.reply(getattr(target, detail))
        if verb == "call":
            named = dict(detail)
            given = [*arguments, *named.values()]
            kind, content, _ = self._returned(target(*arguments, **named), given)
            return kind, content, [item if type(item) in MUTABLE else None for item in given]
        if verb == "set":
            if _module(type(target)) != namespace()["__name__"]:
                raise AttributeError(detail)  # what other classes made may be shared with neighbours
            setattr(target, detail, *arguments)
            return VALUE, None, []
        if verb == "iterate":
            return self.reply(iter(target))
        if verb == "item":
            return self.reply(target[detail])
        if verb == "length":
            return self.reply(len(target))
        if verb == "truth":
            return self.reply(bool(target))
        return self.reply(next(target))

    def _returned(self, value: Any, given: list[Any]) -> Reply:
        """As `reply`, but an argument that comes back is told as that, so that `is` holds of it."""
        for place, item in enumerate(given):
            if item is value and type(item) in MUTABLE:
                return GIVEN, place, []
        return self.reply(value)

    def meant(self, kind: int, content: Any) -> Any:
        """What an argument told over a pipe stands for."""
        return self.objects[content >> len(ABILITIES)] if kind == OBJECT else content

    def reply(self, value: Any) -> Reply:
        """The value as plain data, or by number."""
        if is_leaf(value):
            return VALUE, value, []
        kind, raw = transport.careful(value, MAX_MESSAGE_BYTES)
        if kind == layout.PLAIN:
            with contextlib.suppress(parse.Malformed):
                return VALUE, parse.parse(raw), []
        said = set().union(*map(vars, _mro(type(value))))
        able = sum((name in said) << place for place, name in enumerate(ABILITIES))
        self.objects.append(value)
        return OBJECT, len(self.objects) - 1 << len(ABILITIES) | able, []


class Unloadable(Holder):
    """A program that raised while it was loaded raises the same whenever it is asked for anything."""

    def __init__(self, error: BaseException) -> None:
        super().__init__({})
        self.error = exceptions.described(error)

    def do(self, *_: Any) -> Reply:
        """The exception."""
        return RAISED, self.error, []


def is_leaf(value: Any) -> bool:
    """Whether it is of such a type exactly: a class of the program's own class may say that it equals one."""
    kind = type(value)
    return type(kind) is type and kind in _LEAVES


def serve_program(holder: Holder, read_end: int, write_end: int) -> None:
    """Answer a check in another process until it hangs up."""
    while True:
        try:
            verb, handle, told, arguments = parse.parse(receive(read_end))
            detail = [(name, holder.meant(*item)) for name, item in told] if verb == "call" else told
            reply = encoded(
                list(holder.do(verb, handle, detail, [holder.meant(*item) for item in arguments]))
            )
        except (NotPlain, parse.Malformed):
            reply = encoded([NO_REPLY, None, []])
        send(write_end, reply)


def send(descriptor: int, data: bytes) -> None:
    """Write one message.

    Raises:
        HungUp: nobody reads it.
    """
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            raise HungUp from None


def receive(descriptor: int) -> bytes:
    """Read one message.

    Raises:
        HungUp: there is none to come.
        NotPlain: it is too long to be one.
    """
    (size,) = _LENGTH.unpack(b"".join(_exactly(descriptor, _LENGTH.size)))
    if size > MAX_MESSAGE_BYTES + 1024:
        raise NotPlain
    return b"".join(_exactly(descriptor, size))


def _exactly(descriptor: int, size: int) -> Iterator[bytes]:
    while size:
        data = os.read(descriptor, min(size, 1 << 16))
        if not data:
            raise HungUp
        size -= len(data)
        yield data
