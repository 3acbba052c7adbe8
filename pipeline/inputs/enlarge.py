"""Large relatives of a call: type-aware growth of its arguments, on which solutions differ in cost.

What a call's arguments have in common with each other and keep to themselves is taken for a precondition and
kept: element types and lengths of records, order, distinctness, signs, alphabets, rectangular rows, values
that are elements or positions of a container. That is a guess, and nothing here checks it; whoever measures
must let several trusted solutions agree on a grown input before using it.

The module runs inside the sandbox too, so it imports the standard library only. Everything follows from
(call, shape, size, seed), in every process and on every machine.
"""

import ast
import itertools
import math
from collections.abc import Sequence
from random import Random
from typing import Any

# How a container's elements are arranged, or an integer is chosen; the last keeps the integers beside a
# container as they are, where the others let positions and counts grow with it.
CONTAINER_SHAPES = ("random", "sorted", "reversed", "repeated", "tiled", "small_integers")
INTEGER_SHAPES = ("magnitude", "odd", "next_prime")
AS_WRITTEN = "as_written"
MAX_ELEMENTS = 100_000
MAX_INTEGER = 10**15

Value = Any  # what a Python literal evaluates to
Arguments = tuple[list[Value], dict[str, Value]]


def plain_call(expression: str, entry_point: str) -> str | None:
    """The one call of `entry_point` in `expression`, if all its arguments are literals; else None."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        found = [node for node in ast.walk(tree) if _calls(node, entry_point)]
        if len(found) != 1:
            return None
        literal_arguments(ast.unparse(found[0]))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return ast.unparse(found[0])


def _calls(node: ast.AST, entry_point: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point


def literal_arguments(call: str) -> Arguments:
    """Positional and keyword arguments of a call whose arguments are literals.

    Raises:
        ValueError: an argument is no literal, or a keyword is `**`.
    """
    node = ast.parse(call, mode="eval").body
    if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
        raise ValueError(f"not a call with literal arguments: {call[:80]}")
    keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    return [ast.literal_eval(argument) for argument in node.args], keywords


def natural_size(call: str) -> int:
    """Elements of the largest container, or else the largest integer's magnitude, or 0.

    A container without elements cannot grow: beside one it is the integers that do.
    """
    values = _values(literal_arguments(call))
    elements = max((len(value) for value in values if _is_container(value)), default=0)
    return elements or max((abs(value) for value in values if _is_int(value)), default=0)


def largest_size(call: str) -> int:
    """Where growth ends: MAX_ELEMENTS, or MAX_INTEGER for a call without elements in containers."""
    values = _values(literal_arguments(call))
    return MAX_ELEMENTS if any(_is_container(value) and len(value) for value in values) else MAX_INTEGER


def shapes(call: str) -> tuple[str, ...]:
    """The shapes in which this call can grow; none where no argument can."""
    values = _values(literal_arguments(call))
    if any(_is_container(value) and len(value) for value in values):
        beside = any(_is_int(value) for value in values)
        return CONTAINER_SHAPES if beside else CONTAINER_SHAPES[:-1]
    return INTEGER_SHAPES if any(_is_int(value) and value for value in values) else ()


def bases(calls: Sequence[str], count: int) -> list[str]:
    """Up to `count` of the plain `calls` to grow from: unordered inputs and large ones first.

    Inputs with and without repeated elements take turns: which of them is hard depends on the task.
    """
    growing = [call for call in sorted(set(calls)) if shapes(call)]
    growing.sort(key=lambda call: (*_poverty(call), -natural_size(call), call))
    without = [call for call in growing if _all_distinct(call)]
    repeating = [call for call in growing if not _all_distinct(call)]
    turns = itertools.chain.from_iterable(itertools.zip_longest(repeating, without))
    return [call for call in turns if call is not None][:count]


def _all_distinct(call: str) -> bool:
    containers = [
        value for value in _values(literal_arguments(call)) if isinstance(value, list | tuple | str)
    ]
    return all(_distinct(list(value)) for value in containers)


def _poverty(call: str) -> tuple[int, int]:
    # A sorted input may be sorted by contract or by chance; an unsorted one is free to be anything. Equal
    # values, ones and noughts say as little.
    values = _values(literal_arguments(call))
    ordered = sum(_is_sorted(v) or len(v) < 2 for v in values if isinstance(v, list | tuple | str))
    leaves = {repr(leaf) for value in values for leaf in (value if _is_container(value) else [value])}
    return ordered, -min(len(leaves - {"0", "1", "-1"}), 6)


def enlarge(call: str, shape: str, size: int, seed: int) -> Arguments:
    """The arguments of `call` grown to `size`: elements a container, or the magnitude of the integers.

    Sizes are cut at MAX_ELEMENTS and MAX_INTEGER. Arguments that cannot grow stay as they are; all do in the
    shape AS_WRITTEN.

    Raises:
        ValueError: the arguments are no literals.
    """
    random = Random(f"{call}|{shape}|{size}|{seed}")
    args, keywords = literal_arguments(call)
    if shape == AS_WRITTEN:
        return args, keywords
    if shape in INTEGER_SHAPES:
        natural = max(natural_size(call), 1)
        return (
            [_grown_integer(value, natural, shape, size) for value in args],
            {name: _grown_integer(value, natural, shape, size) for name, value in keywords.items()},
        )
    return _grown_containers(args, keywords, shape, min(size, MAX_ELEMENTS), random)


def _grown_integer(value: Value, natural: int, shape: str, size: int) -> Value:
    if not _is_int(value) or value == 0:
        return value
    grown = min(abs(value) * size // natural, MAX_INTEGER)
    if shape == "odd":
        grown |= 1
    if shape == "next_prime":
        grown = _next_prime(grown)
    return grown if value > 0 else -grown


def _next_prime(number: int) -> int:
    candidate = max(number, 2)
    while not _is_prime(candidate):
        candidate += 1
    return candidate


def _is_prime(number: int) -> bool:
    # Miller-Rabin, exact below 3.4e14 with these bases (Jaeschke 1993); above it errs with no one harmed.
    witnesses = (2, 3, 5, 7, 11, 13, 17)
    if number < 20:
        return number in (2, 3, 5, 7, 11, 13, 17, 19)
    if any(number % p == 0 for p in witnesses):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(
        pow(a, odd, number) in (1, number - 1)
        or any(pow(a, odd << k, number) == number - 1 for k in range(1, twos))
        for a in witnesses
    )


def _grown_containers(
    args: list[Any], keywords: dict[str, Any], shape: str, size: int, random: Random
) -> Arguments:
    named: dict[Any, Value] = {**dict(enumerate(args)), **keywords}
    lengths = [len(value) for value in named.values() if _is_container(value)]
    largest = max(lengths)
    # A short string beside a container is a needle, a separator, a letter: it stays.
    grows = {
        name
        for name, value in named.items()
        if _is_container(value) and len(value) and not (isinstance(value, str) and len(value) * 2 <= largest)
    }
    grown = {
        name: _grown(value, shape, size, random) if name in grows else value for name, value in named.items()
    }
    for name, value in named.items():
        if name not in grows:
            grown[name] = _beside(value, [(named[g], grown[g]) for g in grows], shape, random)
    return [grown[index] for index in range(len(args))], {name: grown[name] for name in keywords}


def _beside(value: Value, containers: list[tuple[Any, Any]], shape: str, random: Random) -> Value:
    """An argument beside containers: an element stays an element, a position or count grows along."""
    for before, after in containers:
        if isinstance(before, list | tuple) and _among(value, before) and shape != "small_integers":
            return random.choice(after)
        if _is_int(value) and 1 < value <= len(before) and shape != "small_integers":
            return max(1, value * len(after) // len(before))
    return value


def _among(value: Value, elements: Sequence[Any]) -> bool:
    return any(type(element) is type(value) and element == value for element in elements)


def _grown(value: Value, shape: str, size: int, random: Random) -> Value:
    if isinstance(value, str):
        return _grown_string(value, shape, size, random)
    if isinstance(value, dict):
        keys = _elements(list(value), size, random, distinct=True)
        # Fewer where the values are the rows of a matrix, which grows both ways.
        return dict(zip(keys, _elements(list(value.values()), len(keys), random), strict=False))
    if isinstance(value, set | frozenset):
        return type(value)(_elements(sorted(value, key=repr), size, random, distinct=True))
    return type(value)(_grown_list(list(value), shape, size, random))


def _grown_string(text: str, shape: str, size: int, random: Random) -> str:
    if shape == "tiled":
        return (text * (size // len(text) + 1))[:size] if len(text) == 1 else text * (size // len(text) + 1)
    if shape == "repeated":
        return text[len(text) // 2] * size
    if " " in text.strip() and shape == "random":
        words = text.split()
        return " ".join(random.choice(words) for _ in range(size * len(words) // len(text) + 1))
    letters = random.choices(text, k=size)
    if _is_sorted(text) or shape == "sorted":
        letters.sort()
    if shape == "reversed":
        letters.sort(reverse=True)
    if text.isdigit() and letters[0] == "0" != text[0]:
        letters[0] = text[0]
    return "".join(letters)


def _grown_list(values: list[Any], shape: str, size: int, random: Random) -> list[Any]:
    if shape == "tiled":
        grown = (values * (size // len(values) + 1))[: size - size % len(values) or size]
    elif shape == "repeated":
        grown = [values[len(values) // 2]] * size
    else:
        # Where elements repeat, a search for repetition leaves early: one shape has none, whatever was given.
        distinct = _distinct(values) or (shape == "reversed" and not _is_binary(values))
        apart = shape == "reversed" and {type(value) for value in values} == {float}
        grown = (
            _floats_apart(values, size, random)
            if apart
            else _elements(values, size, random, distinct=distinct)
        )
    if _is_sorted(values) or (shape == "sorted" and _orderable(grown)):
        grown.sort()
    elif shape == "reversed" and _orderable(grown):
        grown.sort(reverse=True)
    return grown


def _elements(values: list[Any], size: int, random: Random, *, distinct: bool = False) -> list[Any]:
    """`size` values like `values`; fewer if so many distinct ones cannot be made."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return _integers(values, size, random, distinct)
    if kinds == {float}:
        return [round(random.uniform(min(values), max(values)), 3) for _ in range(size)]
    if kinds == {str}:
        return _strings(values, size, random, distinct)
    if kinds in ({list}, {tuple}) and all(values):
        return _rows(values, size, random)
    if distinct:
        return values
    return random.choices(values, k=size)


def _integers(values: list[int], size: int, random: Random, distinct: bool) -> list[int]:
    low, high = min(values), max(values)
    if _is_binary(values) and not (distinct and size > 2):
        return random.choices(values, k=size)
    if distinct and low in (0, 1) and high <= len(values) + low:
        return random.sample(range(low, low + size + 1), size)  # nearly a permutation: stays one
    wider = (high - low + 1) * max(1, size // len(values))
    low = low if low >= 0 else low * max(1, size // len(values))
    if distinct:
        return random.sample(range(low, low + max(wider, 2 * size)), size)
    return random.choices(range(low, low + wider), k=size)


def _floats_apart(values: list[float], size: int, random: Random) -> list[float]:
    """None nearer to each other than the nearest two given: to be near may be what is looked for."""
    low, high = min(values), max(values)
    gap = min((b - a for a, b in itertools.pairwise(sorted(set(values)))), default=1.0)
    if not (high - low) / gap < MAX_INTEGER or not math.isfinite(4 * gap * size):
        return [round(random.uniform(low, high), 3) for _ in range(size)]
    places = random.sample(range(max(2 * size, int((high - low) / gap))), size)
    low = low if low >= 0 else low - gap * size
    return [float(f"{low + gap * place:.12g}") for place in places]


def _strings(values: list[str], size: int, random: Random, distinct: bool) -> list[str]:
    letters = sorted({letter for value in values for letter in value}) or ["a"]
    lengths = [len(value) for value in values]
    if not distinct and len(set(values)) < len(values):
        pool = _strings(sorted(set(values)), max(len(values), size // 4), random, True)
        return random.choices(pool, k=size)
    if len(letters) < 4 and max(lengths) > 0 and letters[0].isalpha():
        letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    made: dict[str, None] = dict.fromkeys(values)
    for _ in range(4 * size):
        if len(made) >= size:
            break
        length = random.choice(lengths) + random.randrange(1 + size.bit_length() // 2)
        made["".join(random.choices(letters, k=length))] = None
    words = list(made)[:size]
    return words if distinct else words + random.choices(words, k=size - len(words))


def _rows(values: list[Any], size: int, random: Random) -> list[Any]:
    """Rows like `values`: a matrix grows both ways, records keep their columns, ragged rows their lengths."""
    kind = type(values[0])
    lengths = {len(row) for row in values}
    if len(lengths) > 1:
        flat = [item for row in values for item in row]
        return [kind(_elements(flat, len(random.choice(values)), random)) for _ in range(size)]
    width = lengths.pop()
    if kind is list and width > 2:
        side = max(1, int(size**0.5))
        flat = [item for row in values for item in row]
        return [kind(_elements(flat, side, random)) for _ in range(side)]
    columns = [
        _elements([row[c] for row in values], size, random, distinct=_distinct([row[c] for row in values]))
        for c in range(width)
    ]
    if width > 1 and all(_is_sorted(row) for row in values):
        if all(map(_is_int, itertools.chain(*values))):
            # From here to there: as long as those given, or all overlap, the more the larger they grow.
            steps = [[b - a for a, b in itertools.pairwise(row)] for row in values]
            starts = columns[0]
            return [kind(itertools.accumulate([start, *random.choice(steps)])) for start in starts]
        return [kind(sorted(row)) for row in zip(*columns, strict=False)]
    return [kind(row) for row in zip(*columns, strict=False)]


def _values(arguments: Arguments) -> list[Any]:
    return [*arguments[0], *arguments[1].values()]


def _is_container(value: Value) -> bool:
    return isinstance(value, list | tuple | str | dict | set | frozenset)


def _is_int(value: Value) -> bool:
    return type(value) is int


def _is_sorted(values: Value) -> bool:
    """Whether `values` ascend and are not all equal; nothing else is order."""
    items = list(values)
    if len(items) < 2 or not _orderable(items):
        return False
    return items[0] != items[-1] and all(a <= b for a, b in itertools.pairwise(items))


def _orderable(values: list[Any]) -> bool:
    kinds = {type(value) for value in values}
    return kinds <= {int, float} or kinds == {str}


def _is_binary(values: list[Any]) -> bool:
    return all(_is_int(value) and value in (0, 1) for value in values)


def _distinct(values: list[Any]) -> bool:
    try:
        return len(values) > 1 and len(set(values)) == len(values)
    except TypeError:
        return False
