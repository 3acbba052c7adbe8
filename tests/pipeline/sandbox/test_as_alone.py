"""A program that shares its process answers what it answers alone."""

from collections import OrderedDict

import pytest

from pipeline.sandbox.jobs import Call, Job, Program
from pipeline.sandbox.sandbox import Sandbox
from tests.pipeline.sandbox.neighbours import met


def test_instances_of_builtin_types_subclasses_are_opaque_whoever_shares_the_process(sandbox: Sandbox):
    bytes_of_its_own = "class B(bytes):\n    pass\ndef f(x):\n    return B(b'x')\n"
    marked = "def f(x):\n    return StopIteration, 'Decimal', '1'\n"
    false_tuple = "class L:\n    __class__ = tuple\n    __eq__ = tuple.__eq__\ndef f(x):\n    return L()\n"
    assert met(sandbox, [bytes_of_its_own, marked, false_tuple], ("f(1)",)) == 3 * [["opaque"]]


def test_a_program_has_the_text_errors_and_values_that_it_has_alone(sandbox: Sandbox):
    untold = "def f(x):\n    return __doc__\n"
    lies = """M = type("M", (type,), {"__hash__": lambda self: hash(ValueError), "__eq__": lambda *_: True})
class E(Exception, metaclass=M):
    pass
def f(x):
    raise E
"""
    made_from_bytes = "class B(type(b'')):\n    pass\ndef f(x):\n    return [B(b'x')]\n"
    asks = """import copy
def f(x):
    try:
        copy.deepcopy()
    except TypeError as error:
        return str(error)
"""
    programs = tuple(Program(code, code) for code in (untold, lies, made_from_bytes, asks))
    job = Job("job", "f", programs, (Call("call", "f(1)"),))
    [beside], [alone] = (list(sandbox.execute([job], share=share)) for share in (True, False))
    assert beside.seen == alone.seen


def test_dicts_come_back_as_deep_and_in_the_order_that_they_are(sandbox: Sandbox):
    deep = "def f(x):\n    d = {}\n    for _ in range(80):\n        d = {1: d}\n    return d\n"
    own = "import os\nos.getcwd()\n" + deep
    moved = """
        from collections import OrderedDict
        def f(x):
            d = OrderedDict(a=1, b=2)
            d.move_to_end("a")
            return d
    """
    [one], [other], [last] = met(sandbox, [deep, own, moved], ("f(1)",))
    assert one == other != "large"
    assert last == repr(OrderedDict(b=2, a=1))


@pytest.mark.parametrize("around", ["[d]", "(d,)", "{1: d}", "deque([d])", "Counter(a=d)"])
def test_what_comes_back_may_be_as_deep_as_alone(around: str, sandbox: Sandbox):
    nests = f"""from collections import Counter, deque
def f(x):
    d = 1
    for _ in range(x):
        d = {around}
    return d
"""
    calls = tuple(Call(str(depth), f"f({depth})") for depth in (33, 50, 90, 91, 92, 100, 101, 102))
    job = Job("job", "f", (Program("nests", nests),), calls)
    [beside], [alone] = (list(sandbox.execute([job], share=share)) for share in (True, False))
    assert beside.seen == alone.seen
    assert beside.seen[0][0].status == "ok"


def test_copies_are_copies_and_those_of_plain_data_are_made_beside_others(sandbox: Sandbox):
    plain = """from collections import Counter, OrderedDict, defaultdict, deque
import copy
def f(x):
    held = [(x, {x: {x}}), deque([x]), Counter(a=x), OrderedDict(b=[x]), defaultdict(list, c=[x])]
    held.append(held[0])
    shallow, deep = copy.copy(held), copy.deepcopy(x=held)
    held[3]["b"].append(2)
    return [list(map(repr, shallow)), list(map(repr, deep)), deep[0] is deep[5], deep[4]["new"]]
"""
    own = """import copy
class Node:
    def __init__(self, held):
        self.held = held
def f(x):
    node = Node([x])
    shallow, deep = copy.copy(node), copy.deepcopy([node])
    node.held.append(2)
    return shallow.held, deep[0].held
"""
    programs = tuple(Program(code, code) for code in (plain, own))
    job = Job("job", "f", programs, (Call("call", "f(1)"),))
    [beside], [alone] = (list(sandbox.execute([job], share=share)) for share in (True, False))
    assert beside.seen == alone.seen
    assert [row[0].status for row in beside.seen] == ["ok", "ok"]
    assert beside.reasons["programs_run_alone"] == 1
