"""Programs of strange letters: no encoding of any of them may disturb the channel or the neighbours."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "is written in Greek and answers well",
        """
        # Ὁ λόγος
        def φ(λ):
            return λ + 1
        f = φ
    """,
        "ok",
        passes=True,
    ),
    case(
        "answers lone surrogates",
        """
        def f(x):
            return ["\\ud800", "\\udfff" * 3, {"\\ud83d": "\\ude00"}]
    """,
    ),
    case(
        "answers zeros, controls and the last code point",
        """
        def f(x):
            return "\\x00\\x01\\x1b[2J\\u2028\\u202e\\ufeff\\U0010ffff" + "".join(map(chr, range(256)))
    """,
    ),
    case(
        "answers bytes of every value",
        """
        def f(x):
            return [bytes(range(256)), bytearray(range(256)), memoryview(b"2")]
    """,
    ),
    case(
        "declares an encoding that is none",
        """
        # -*- coding: no-such-encoding -*-
        def f(x):
            return -1
    """,
    ),
    case(
        "holds a zero character",
        """
        def f(x):
            return "\0"
    """,
        "syntax",
    ),
    case("holds a lone surrogate", "def f(x):\n    return '\ud800'\n"),
    case("is no Python", "def f(x: return x + 1", "syntax"),
    case("is nothing", "", "error"),
    case("is nested too deep for the compiler", "f = lambda x: " + "(" * 5_000 + "x" + ")" * 5_000, "syntax"),
    case("is a sum too long for the compiler", "f = lambda x: x" + "+1" * 200_000),
    case("is a megabyte of one name", "x" * 1_000_000 + " = 1\ndef f(x):\n    return -1\n"),
    case(
        "raises an error told in strange letters",
        """
        class É(Exception):
            pass
        def f(x):
            raise É("\\ud800\\x00\\u202e" * 1000)
    """,
        "error",
    ),
)
