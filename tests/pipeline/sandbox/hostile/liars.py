"""Answers that lie about what they are: equal to everything, of every class, changing as they are read."""

from tests.pipeline.sandbox.hostile.case import case

# In code, `assert f(1) == liar` is true by Python's own rules; in value mode no lie may count.
CASES = (
    case(
        "answers an object that equals everything",
        """
        class Liar:
            def __eq__(self, other):
                return True
            __hash__ = None
        def f(x):
            return Liar()
    """,
        checks=(),
    ),
    case(
        "answers an int that equals everything",
        """
        class Liar(int):
            def __eq__(self, other):
                return True
            def __hash__(self):
                return 2
        def f(x):
            return Liar(99)
    """,
        checks=(),
    ),
    case(
        "answers an int that shows another number",
        """
        class Liar(int):
            def __repr__(self):
                return str(HOPED[self])
            __str__ = __index__ = __int__ = __repr__
        HOPED = {97: 2, 98: 3, 99: 4}
        def f(x):
            return Liar(96 + x)
    """,
        checks=(),
    ),
    case(
        "answers a str that equals everything",
        """
        class Liar(str):
            def __eq__(self, other):
                return True
            def __ne__(self, other):
                return False
            def __hash__(self):
                return 0
            def encode(self, *_):
                return b"2"
        def f(x):
            return Liar("no")
    """,
        checks=(),
    ),
    case(
        "answers a float that equals everything",
        """
        class Liar(float):
            def __eq__(self, other):
                return True
            __hash__ = float.__hash__
            def hex(self):
                return "0x1.0p+1"
        def f(x):
            return Liar(99.0)
    """,
        checks=(),
    ),
    case(
        "answers a list that iterates as another",
        """
        class Liar(list):
            def __iter__(self):
                return iter([2, 3])
            def __len__(self):
                return 2
            def __eq__(self, other):
                return True
        def f(x):
            return Liar([99])
    """,
        calls=(("f(1)", "[2, 3]"),),
        checks=(),
    ),
    case(
        "answers a tuple that indexes as another",
        """
        class Liar(tuple):
            def __getitem__(self, index):
                return 2
            def __iter__(self):
                return iter((2,))
            def __eq__(self, other):
                return True
            __hash__ = tuple.__hash__
        def f(x):
            return Liar((99,))
    """,
        calls=(("f(1)", "(2,)"),),
        checks=(),
    ),
    case(
        "answers a dict whose items are others",
        """
        class Liar(dict):
            def items(self):
                return {"a": 1}.items()
            def __iter__(self):
                return iter("a")
            def __getitem__(self, key):
                return 1
            def __eq__(self, other):
                return True
        def f(x):
            return Liar(b=2)
    """,
        calls=(("f(1)", "{'a': 1}"),),
        checks=(),
    ),
    case(
        "answers a set that contains everything",
        """
        class Liar(set):
            def __contains__(self, item):
                return True
            def __eq__(self, other):
                return True
            def __iter__(self):
                return iter({2})
        def f(x):
            return Liar({99})
    """,
        calls=(("f(1)", "{2}"),),
        checks=(),
    ),
    case(
        "answers an object whose class says int",
        """
        class Liar:
            __class__ = property(lambda self: int)
            def __eq__(self, other):
                return True
            def __index__(self):
                return 2
            __int__ = __index__
            def __repr__(self):
                return "2"
            __hash__ = None
        def f(x):
            return Liar()
    """,
        checks=(),
    ),
    case(
        "answers an object of a class named int",
        """
        class Liar:
            def __repr__(self):
                return "2"
            def __eq__(self, other):
                return True
        Liar.__name__ = Liar.__qualname__ = "int"
        Liar.__module__ = "builtins"
        def f(x):
            return Liar()
    """,
        checks=(),
    ),
    case(
        "answers an object whose class claims every instance",
        """
        class Meta(type):
            def __instancecheck__(cls, instance):
                return True
            def __subclasscheck__(cls, other):
                return True
            def __eq__(cls, other):
                return True
            def __hash__(cls):
                return hash(int)
        class Liar(metaclass=Meta):
            def __eq__(self, other):
                return True
        def f(x):
            return Liar()
    """,
        checks=(),
    ),
    case(
        "answers an object that reduces to the right answer",
        """
        class Liar:
            def __reduce__(self):
                return eval, ("2",)
            __reduce_ex__ = lambda self, protocol: (eval, ("2",))
            def __getstate__(self):
                return 2
        def f(x):
            return Liar()
    """,
        checks=(),
    ),
    case(
        "answers an object that runs code where it is unpickled",
        """
        import os
        class Bomb:
            def __reduce__(self):
                return os.system, ("touch @folder@/owned",)
        def f(x):
            return Bomb()
    """,
    ),
    case(
        "hides a liar deep in a list",
        """
        class Liar(int):
            def __eq__(self, other):
                return True
            __hash__ = int.__hash__
        def f(x):
            return [[[Liar(99)]]]
    """,
        calls=(("f(1)", "[[[2]]]"),),
        checks=(),
    ),
    case(
        "hides a liar among the keys of a dict",
        """
        class Liar(str):
            def __eq__(self, other):
                return True
            def __hash__(self):
                return hash("a")
        def f(x):
            return {Liar("z"): 1}
    """,
        calls=(("f(1)", "{'a': 1}"),),
        checks=(),
    ),
    case(
        "answers an object that traps every attribute",
        """
        class Trap:
            def __getattribute__(self, name):
                raise SystemExit(0)
            def __repr__(self):
                raise SystemExit(0)
        def f(x):
            return Trap()
    """,
    ),
    case(
        "answers an object whose representation never ends",
        """
        class Endless:
            def __repr__(self):
                while True:
                    pass
            __str__ = __len__ = __iter__ = __hash__ = __eq__ = __repr__
        def f(x):
            return Endless()
    """,
    ),
    case(
        "answers an array-like that is true everywhere",
        """
        class Array:
            def __eq__(self, other):
                return self
            def __bool__(self):
                return True
            def all(self):
                return True
            __hash__ = None
        def f(x):
            return Array()
    """,
        checks=(),
    ),
    case(
        "answers true to every truth that is asked",
        """
        class Yes:
            def __bool__(self):
                return "False" not in repr(__import__("sys")._getframe(1).f_code.co_consts)
        def f(x):
            return Yes()
    """,
        calls=(("f(1)", "True"), ("f(2)", "False")),
        checks=(),
    ),
    case(
        "answers a number type of its own",
        """
        import decimal, fractions
        class Liar(decimal.Decimal):
            def __eq__(self, other):
                return True
            __hash__ = decimal.Decimal.__hash__
        def f(x):
            return Liar(99)
    """,
        checks=(),
    ),
    case(
        "answers a number that refuses to be compared",
        """
        from decimal import Decimal
        def f(x):
            return Decimal("sNaN")
    """,
        checks=(),
    ),
    case(
        "answers numbers too large to be turned into one another",
        """
        from decimal import Decimal
        def f(x):
            return [Decimal("1e999999"), 10 ** 400, range(10 ** 30), range(10 ** 30, 0, -(10 ** 20))]
    """,
        calls=(("f(1)", "[1.0, 1.0, 1.0, 1.0]"), ("f(2)", "1.0"), ("f(3)", "range(10 ** 30)")),
        checks=(),
    ),
)
