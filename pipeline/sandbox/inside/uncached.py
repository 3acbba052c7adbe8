"""The library without its caches, and without what would hand out `getattr` or `type`.

Caches hold what a program handed them and give it to the next one whose argument equals it; what falls out of
them ends on the account of whoever fills them up. Nothing is as well hidden in them as a suspended generator.
"""

import collections
import copy
import fractions
import gc
import os
import statistics
import string
import sys
import types
import typing
from collections.abc import Callable, Set
from typing import Any

from pipeline.sandbox.inside import layout
from pipeline.sandbox.inside.vocabulary import OPEN_MODULES

_sharing: list[bool] = []
_ATOMS = frozenset([int, float, complex, str, bytes, bool, type(None), type(Ellipsis), range])
_DATA = _ATOMS | {list, tuple, set, frozenset, dict, collections.deque, collections.Counter}
_DATA |= {collections.defaultdict, collections.OrderedDict}
_FACTORIES = frozenset([type(None), type, types.FunctionType, types.BuiltinFunctionType])


def close_ways_to_strings() -> None:
    """Put before what turns strings into access what `forbid_ways_to_strings` may have look at its arguments.

    To be called before a `Watch` is made, which has to know what all share.
    `copy` asks an object how it is made again, and reads, sets and calls what that says by name; next to
    neighbours it copies plain data only. What calls the class of what it is handed calls `type` if that is a
    class, or hands it out. A forward reference is a text that evaluates itself since Python 3.14; whoever has
    `typing` has one, of a union or a type variable's bound.
    """
    copy.copy = _guarded(copy.copy, lambda x=None, *_, **__: not _is_datum(x))
    copy.deepcopy = _guarded(
        copy.deepcopy, lambda x=None, *memo, **named: bool(memo or named) or not _is_data(x)
    )
    collections.Counter.copy = _guarded(collections.Counter.copy, _is_of_class)  # type: ignore[method-assign]
    chain: Any = collections.ChainMap
    chain.copy = chain.__copy__ = _guarded(chain.copy, _is_of_class)
    chain.new_child = _guarded(chain.new_child, _is_of_class)
    chain.parents = property(_guarded(chain.parents.fget, _is_of_class), doc=chain.parents.__doc__)
    library: Any = statistics
    library._coerce = _guarded(library._coerce, lambda *kinds: any(issubclass(kind, type) for kind in kinds))
    forward: Any = typing.ForwardRef
    if hasattr(forward, "evaluate"):
        forward.evaluate = _guarded(forward.evaluate, lambda *_, **__: True)


def forbid_ways_to_strings() -> None:
    """Have these end a shared child where they could be abused: what called them then runs alone."""
    _sharing.append(True)


def _is_data(value: object) -> bool:
    """Whether it and all that it holds is plain data."""
    met: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if not _is_datum(one):
            return False
        if type(one) not in _ATOMS and id(one) not in met:
            met.add(id(one))
            todo += one  # type: ignore[arg-type]
            todo += one.values() if isinstance(one, dict) else ()
    return True


def _is_datum(value: object) -> bool:
    if not _is_one_of(_DATA, value):
        return False
    if isinstance(value, collections.defaultdict):
        return _is_one_of(_FACTORIES, value.default_factory)
    return not getattr(value, "__dict__", None)  # attributes of its own stand before its methods


def _is_one_of(kinds: Set[object], value: object) -> bool:
    kind = type(value)
    return type(kind) is type and kind in kinds  # another kind of class may say that it equals one


def _is_of_class(thing: object = None, *_: object, **named: object) -> bool:
    return isinstance(thing, type) or "self" in named


def _guarded(function: Callable[..., Any], is_abused: Callable[..., bool]) -> Callable[..., Any]:
    def guarded(*given: Any, **named: Any) -> Any:
        if _sharing and is_abused(*given, **named):
            os._exit(layout.EXIT_ABUSED)
        return function(*given, **named)

    guarded.__name__, guarded.__qualname__ = function.__name__, function.__qualname__
    guarded.__module__, guarded.__doc__ = function.__module__, function.__doc__
    return guarded


def make_what_is_lazy() -> None:
    """Have every open module bear what it makes when it is first asked for, for a `Watch` to know it.

    Source: `__getattr__` in Lib/typing.py of CPython 3.13; `Counter.most_common`, which imports, and
    `_TemplatePattern` in Lib/string of 3.14.
    """
    for name in OPEN_MODULES:
        module = sys.modules[name]
        for attribute in getattr(module, "__all__", ()):
            getattr(module, attribute, None)
    collections.Counter().most_common(1)
    string.Template("").substitute()


def note_warnings() -> None:
    """Have every open module bear the attribute that it gets when it first warns."""
    for name in OPEN_MODULES:
        vars(sys.modules[name]).setdefault("__warningregistry__", {})


def uncache_fractions() -> None:
    """Have `hash` of a fraction, which is cached by its parts since Python 3.12, ask no other's parts."""
    library: Any = fractions
    if hasattr(library, "_hash_algorithm"):
        library._hash_algorithm = library._hash_algorithm.__wrapped__


def uncache_typing() -> None:
    """Have `typing` make anew what it would keep.

    Source: `_tp_cache` in CPython's Lib/typing.py: a cell in Python 3.11, a table since 3.12.
    """
    if hasattr(typing, "_caches"):
        typing._caches.update({function: function for function in typing._caches})
        return
    for inner in gc.get_objects():
        if type(inner) is types.FunctionType and inner.__module__ == "typing":
            cells = dict(zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True))
            if "cached" in cells:
                cells["cached"].cell_contents = cells["func"].cell_contents
