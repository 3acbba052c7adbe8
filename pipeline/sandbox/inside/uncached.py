"""The library without its caches, and without what would hand out `getattr` or `type`.

Caches hold what a program handed them and give it to the next one whose argument equals it; what falls out of
them ends on the account of whoever fills them up. Nothing is as well hidden in them as a suspended generator.
"""

import __future__

import collections
import copy
import fractions
import gc
import os
import statistics
import types
import typing
from collections.abc import Callable
from typing import Any

from pipeline.sandbox.inside import layout

_sharing: list[bool] = []


def close_copy() -> None:
    """Have `copy.deepcopy` hand nothing that it shares to a `memo` of a program's own, and `copy.copy` look
    for no attribute by the name that a method's function has, which stands in no `co_names`.

    Source: CPython's Lib/copy.py: the list `_nil` that `memo.get` is given, and what `_keep_alive` keeps,
    which is the `__dict__` of an object. A method's `__reduce__` says `getattr` and its function's name.
    """
    copy._copy_dispatch[types.MethodType] = copy._copy_immutable  # type: ignore[attr-defined]
    copy.deepcopy.__defaults__ = (None, ...)
    features = {type(getattr(__future__, name)) for name in __future__.all_feature_names}
    copy._deepcopy_dispatch.update(dict.fromkeys(features, copy._deepcopy_atomic))  # type: ignore[attr-defined]


def close_ways_to_strings() -> None:
    """Put before what turns strings into access what `forbid_ways_to_strings` may have look at its arguments.

    To be called before a `Watch` is made, which has to know what all share.
    By what a memo holds a program says what is found in place of the parts of an object, and so calls what
    `copy.deepcopy` makes copies by (`getattr`, with any name; `setattr` by an object's state). What calls the
    class of what it is handed calls `type` if that is a class, or hands it out: with it, names need not be
    written, and `copy.copy` does as a `__reduce_ex__` says that the scan did not see; or as a new type's name
    says, which need be no text.
    """
    copy.deepcopy = _guarded(copy.deepcopy, lambda _, *memo, **named: bool(memo or named))
    collections.Counter.copy = _guarded(collections.Counter.copy, _is_of_class)  # type: ignore[method-assign]
    chain: Any = collections.ChainMap
    chain.copy = chain.__copy__ = _guarded(chain.copy, _is_of_class)
    chain.new_child = _guarded(chain.new_child, _is_of_class)
    chain.parents = property(_guarded(chain.parents.fget, _is_of_class), doc=chain.parents.__doc__)
    new_type: Any = typing.NewType
    new_type.__reduce__ = _guarded(new_type.__reduce__, lambda made: not isinstance(made.__qualname__, str))
    library: Any = statistics
    library._coerce = _guarded(library._coerce, lambda *kinds: any(issubclass(kind, type) for kind in kinds))


def forbid_ways_to_strings() -> None:
    """Have these end a shared child where they could be abused: what called them then runs alone."""
    _sharing.append(True)


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
