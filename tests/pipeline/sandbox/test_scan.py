import sys
import types

import pytest

from pipeline.sandbox.inside.names import identity
from pipeline.sandbox.inside.programs import is_fixed, namespace
from pipeline.sandbox.inside.scan import ALONE, FIXED, FRESH, LOST, ONCE, OWN, Scan
from pipeline.sandbox.inside.vocabulary import OPEN_MODULES
from pipeline.sandbox.isolation import PRELOAD

F = "def f(x):\n    return x\n"
# What is jumped to is an EXTENDED_ARG.
JUMPED_TO_AFTER_256_NAMES = (
    "def f(x):\n    "
    + "; ".join(f"n{number}" for number in range(300))
    + "\n    ('{0.gi_frame}' if x else '{0}').format(x)\n"
)


@pytest.fixture(scope="module")
def scan() -> Scan:
    for name in PRELOAD:
        __import__(name)
    return Scan()


SUBCLASS = """
import collections
class Node:
    def __init__(self):
        self._children = collections.defaultdict(Node)
class Root(Node):
    def __init__(self):
        super().__init__()
        self.count = 0
def f(x):
    return Root().count
"""


def compiled(text: str, mode: str = "exec"):
    return compile(text, "<test>", mode, dont_inherit=True)


@pytest.mark.parametrize(
    "text",
    [
        F,
        "from typing import List\n\n\ndef f(x: List[int]) -> int:\n    return sum(x)\n",
        "import math\ndef f(x):\n    return math.sqrt(x)\n",
        "import os\n" + F,
        "from collections import Counter\nLIMIT = 10\ndef f(x):\n    return Counter(x).most_common(LIMIT)\n",
        "def f(x):\n    return [y for y in x if type(y) is int]\n",
        "def f(x):\n    return x + input()\n",
        "import math\ndef _half(x):\n    return math.floor(x / 2)\ndef f(x):\n    return _half(x)\n",
    ],
)
def test_programs_that_only_define_are_loaded_once(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier == ONCE


@pytest.mark.parametrize(
    "text",
    [
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n\n",
        "class Solution:\n    calls = 0\n    def f(self, x):\n        self.calls += 1\n        return x\n",
        "def f(x):\n    f.n = 1\n    return x\n",
        "import random\ndef f(x):\n    return random.random()\n",
        "import sys\nsys.setrecursionlimit(5000)\n" + F,
        "class Stack:\n    __slots__ = ('_my_items',)\n    def __init__(self):\n        self._my_items = []\n"
        + F,
        "from typing import List\nclass Node:\n    def __init__(self, at: List[int]):\n        self.at = at\n"
        + F,
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n"
        "    def __init__(self, item: T) -> None:\n        self.item = item\n" + F,
    ],
)
def test_programs_with_state_of_their_own_are_loaded_for_every_call(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier == FRESH


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are new in Python 3.12")
def test_generic_classes_share_unless_they_may_say_what_calling_them_makes(scan: Scan):
    box = "class Box[T]{}:\n    def __init__(self, item: T) -> None:\n        self.item: T = item\n" + F
    assert scan.program(compiled(box.format(""))).tier == FRESH
    assert scan.program(compiled("class M(type):\n    pass\n" + box.format("(metaclass=M)"))).tier == OWN


@pytest.mark.parametrize(
    "text",
    [
        F + "print(f(1))\n",
        "LIMIT = int('7')\ndef f(x, least=0):\n    return max(x, least)\n" + "if f(1):\n    import math\n",
    ],
)
def test_programs_that_leave_only_functions_and_constants_are_loaded_once(scan: Scan, text: str):
    space = namespace()
    exec(text, space)
    assert scan.program(compiled(text)).tier == FIXED
    assert is_fixed(space)


@pytest.mark.parametrize(
    "text",
    [
        "seen = []\n" + F,
        "__name__ = []\ndef f(x):\n    return f.__module__.append(x)\n__name__ = 'solution'\n",
        "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n",
        "def f(x, *, seen={}):\n    return seen.setdefault(x, len(seen))\n",
        "def made(n):\n    def f(x):\n        nonlocal n\n        n += x\n    return f\nf = made(0)\n",
        "numbers = iter(range(9))\n" + F,
        "keep = [].append\n" + F,
        "pair = 1, []\n" + F,
        "from functools import lru_cache\n@lru_cache\ndef f(x):\n    return x\n",
        "from typing import List\nclass Solution:\n    def f(self, x: List[int]):\n        return x\n",
        "import math\nif math.pi:\n    LIMIT: int = 7\ndef f(x: int) -> int:\n    return x\n",
        F + "class A:\n    n: int\n    if f:\n        m: 'A' = 1\n",
        "from typing import NamedTuple\nclass A(NamedTuple):\n    n: int = 1\n" + F,
    ],
)
def test_programs_that_leave_more_are_not_taken_for_fixed(scan: Scan, text: str):
    space = namespace()
    exec(text, space)
    assert scan.program(compiled(text)).tier == FIXED
    assert not is_fixed(space)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (F + "import no_such.module", "ModuleNotFoundError"),
        ("import os.path, no_such\nprint(os.environ)\n", "ModuleNotFoundError"),
        ("import os\nfrom .models import Task\nprint(os.environ)\n", "ImportError"),
        ("import os\nfrom . import no_such\nprint(os.environ)\n", "ImportError"),
    ],
)
def test_programs_that_import_what_is_not_there_never_load(scan: Scan, text: str, error: str):
    scanned = scan.program(compiled(text))
    assert (scanned.tier, scanned.lost_by) == (LOST, error)


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import no_such.module\nexcept ImportError:\n    pass\n" + F,
        "import os.path\nif os.environ:\n    import no_such\n" + F,
        "import os.path\ndef f(x):\n    import no_such\n    return x\n",
        "import os.path\nos.environ.clear()\nimport no_such\n" + F,
        "__name__ = 'json'\nfrom . import no_such\n" + F,
    ],
)
def test_programs_that_may_load_all_the_same_are_run(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier != LOST


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef f(x):\n    return os.getcwd()\n",
        "import os as o\n" + F,
        "def f(x):\n    return eval(x)\n",
        "def f(x):\n    return open(x)\n",
        "def f(x):\n    return len(bytes(x))\n",
        "f = dir\n",
        SUBCLASS,
        "import json\nclass A:\n    def __init__(self):\n        self._x = json.loads('1')\n",
        "import json\nclass A(Exception):\n    def __init__(self):\n        super().__init__(json)\n",
        "def f(x):\n    return x.__class__.__name__\n",
    ],
)
def test_programs_that_look_outside_get_a_process(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier == OWN


@pytest.mark.parametrize(
    "text",
    [
        "import builtins\nbuiltins.len = None\n",
        "import math\nmath.__name__ = 'm'\n",
        "import math\ndef f(x):\n    math.kept = x\n    del math.kept\n",
        "import json as j\ndef f(x):\n    j.kept = x\n",
        "import json\ndef f(x, m=json):\n    m.kept = x\n",
        "import json\ndef f(x):\n    return json._default_decoder\n",
        "import statistics\ndef f(x):\n    return statistics.__conditional_annotations__.add(x)\n",
        "import statistics\ndef f(x):\n    return statistics.__annotate__(x)\n",
        "def f(x):\n    return '{0.__annotations__[x]}'.format(f)\n",
        "__builtins__['len'] = None\n",
        "def f(x):\n    return ().__class__.__base__.__subclasses__()\n",
        "def f(x):\n    setattr(x, 'a', 1)\n",
        "def f(x):\n    return (i for i in x).gi_frame.f_back\n",
        "import sys\nsys.modules.clear()\n",
        "import gc\n" + "def f(x):\n    return gc.get_objects()\n",
        "import math\nmath.__init__('math', [])\n" + F,
    ],
)
def test_programs_that_could_leave_something_behind_get_a_process_for_every_call(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier == ALONE


@pytest.mark.parametrize(
    "text",
    [
        "import re\nclass S(str):\n    def __eq__(self, other):\n        return True\n" + F,
        "import re\nM = type('M', (type,), {})\n" + F,
        "from collections.abc import Sized\nM = type('M', (type,), {})\n" + F,
        "from typing import Iterable\ndef f(x):\n    return isinstance(x, Iterable), type(x)\n",
        "def f(x):\n    match x:\n        case object(__class__=c):\n            return c\n",
        "from typing import NamedTupleMeta\nclass M(NamedTupleMeta):\n    pass\n" + F,
        "import copy\ncopy.dispatch_table[int] = None\n",
        "from pipeline.sandbox.inside import run\n" + F,
        "import functools\nfunctools.update_wrapper(functools, len)\n",
        "def f(x, o='a'):\n    return vars(x)[o]\n",
        "from typing import Generic, T\nM = type\nclass G(Generic[T], metaclass=M):\n    x = 1\n",
        JUMPED_TO_AFTER_256_NAMES,
        "from test import support\n" + F,
        "_parse = 1\nimport re\ndef f(x):\n    return re._parser\n",
        "import re\ndef f(x):\n    return re._parser, _parser\n",
        "import copy, time\ndef f(x):\n    return copy.replace(time.get_clock_info('time'), **x)\n",
        "import time\ndef f(x):\n    return time.pthread_getcpuclockid(id(x))\n",
        "from typing import List, get_args\ndef f(x):\n    return get_args(List[x])[0].evaluate()\n",
    ],
)
def test_programs_that_might_reach_a_neighbour_never_share(scan: Scan, text: str):
    assert scan.program(compiled(text)).tier in (OWN, ALONE)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("f([1, 2], key=lambda x: -x)", True),
        ("sorted(f({'a': 1}))", True),
        ("f(globals())", False),
        ("f(x := 3)", False),
        ("f(statistics.random.random())", False),
        ("f(os.remove)", False),
        ("f(type('M', (type,), {}))", False),
        ("f(f.__globals__)", False),
    ],
)
def test_calls_share_a_process_only_if_they_are_harmless(scan: Scan, text: str, shares: bool):
    assert scan.call(compiled(text, "eval")) is shares


def test_an_attribute_that_is_assigned_to_anything_open_is_noticed(scan: Scan):
    modules = [sys.modules[name] for name in OPEN_MODULES]
    reached = [*modules, *_open_attributes(scan, modules)]
    reached += [part for thing in reached if isinstance(thing, type) for part in vars(thing).values()]
    reached += [type(thing) for thing in reached]
    changed = 0
    for thing in reached:
        before = scan.watch.sizes()
        try:
            thing.kept_here = 1
        except (AttributeError, TypeError):
            continue
        assert scan.watch.sizes() != before, thing
        holder = thing if "kept_here" in vars(thing) else thing.__origin__  # an alias of typing hands it on
        del holder.kept_here
        changed += 1
    assert changed > 500


def _open_attributes(scan: Scan, modules: list[types.ModuleType]) -> list[object]:
    return [
        thing
        for module in modules
        for name, thing in vars(module).items()
        if name not in scan.closed_with_imports
    ]


def test_identity_leaves_out_layout_and_comments_and_nothing_else():
    one = identity(compiled("def f(x):\n    return x + 1\n"))
    assert one == identity(compiled("# told\n\ndef f(x):\n\n    return (x  +  1)  # more\n"))
    for other in (
        "def f(x):\n    return x + 1.0\n",
        "def f(x):\n    return x + True\n",
        "def f(y):\n    return y + 1\n",
    ):
        assert one != identity(compiled(other))
    assert identity(compiled("x = 0.0")) != identity(compiled("x = -0.0"))
    assert identity(compiled("x = y[1:2]")) == identity(compiled("x = y[1 : 2]"))
    for other in ("x = y[1.0:2]", "x = y[True:2]", "x = y[1:2.0, 0]"):
        assert identity(compiled("x = y[1:2]")) != identity(compiled(other))
    assert identity(compiled("x = y[1:(0.0, 2)]")) != identity(compiled("x = y[1:(-0.0, 2)]"))
