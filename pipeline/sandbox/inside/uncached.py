"""`typing` without its caches, and `copy` without what it would hand out.

Caches hold what a program handed them and give it to the next one whose argument equals it; what falls out of
them ends on the account of whoever fills them up. Nothing is as well hidden in them as a suspended generator.
"""

import __future__

import copy
import gc
import os
import types
import typing

from pipeline.sandbox.inside import layout

_deepcopy = copy.deepcopy


def close_copy() -> None:
    """Have `copy.deepcopy` hand nothing that it shares to a `memo` of a program's own.

    Source: CPython's Lib/copy.py: the list `_nil` that `memo.get` is given, and what `_keep_alive` keeps,
    which is the `__dict__` of an object.
    """
    copy.deepcopy.__defaults__ = (None, ...)
    features = {type(getattr(__future__, name)) for name in __future__.all_feature_names}
    copy._deepcopy_dispatch.update(dict.fromkeys(features, copy._deepcopy_atomic))  # type: ignore[attr-defined]


def forbid_memo() -> None:
    """Have `copy.deepcopy` end a shared child where it is handed a `memo`: the program then runs alone.

    By what a memo holds a program says what is found in place of the parts of an object, and so calls what
    copies are made by (`getattr`, with any name; `setattr` by an object's state).
    """
    copy.deepcopy = _deepcopy_without_memo  # type: ignore[assignment]


def _deepcopy_without_memo(x: object, *memo: object, **named: object) -> object:
    if memo or named:
        os._exit(layout.EXIT_MEMO)
    return _deepcopy(x)


_deepcopy_without_memo.__name__ = _deepcopy_without_memo.__qualname__ = "deepcopy"
_deepcopy_without_memo.__module__ = "copy"
_deepcopy_without_memo.__doc__ = _deepcopy.__doc__


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
