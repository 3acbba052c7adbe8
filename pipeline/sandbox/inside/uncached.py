"""`typing` without its caches.

They hold what a program handed them and give it to the next one whose argument equals it; what falls out of
them ends on the account of whoever fills them up. Nothing is as well hidden in them as a suspended generator.
"""

import gc
import types
import typing


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
