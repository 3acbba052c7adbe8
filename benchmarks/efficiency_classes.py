"""Pairs of programs whose complexity classes are known: the better one must come out as the faster.

Each group is one task: calls to grow from, and programs from the best class to the worst. Constant factors
are as natural as the programs are; several of the better ones lose on inputs as small as the call.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Programs that return the same, each in a strictly better class than the next; all define `f`."""

    calls: tuple[str, ...]
    programs: tuple[str, ...]


def _f(arguments: str, *lines: str) -> str:
    return f"def f({arguments}):\n" + "".join(f"    {line}\n" for line in lines)


GROUPS = (
    Group(
        ("f([3, 1, 2, 1])", "f([4, 1, 3])"),
        (
            _f("xs", "return len(set(xs)) < len(xs)"),
            _f("xs", "ys = sorted(xs)", "return any(a == b for a, b in zip(ys, ys[1:]))"),
            _f("xs", "return any(xs[i] in xs[:i] for i in range(len(xs)))"),
        ),
    ),
    Group(
        ("f([5, 2, 8, 1], 8)",),
        (
            _f(
                "xs, k",
                "seen = set()",
                "n = 0",
                "for x in xs:",
                "    n += (k - x) in seen",
                "    seen.add(x)",
                "return n > 0",
            ),
            _f(
                "xs, k", "n = 0", "for i in range(len(xs)):", "    n += (k - xs[i]) in xs[:i]", "return n > 0"
            ),
        ),
    ),
    Group(
        ("f([4, -1, 2, -7, 3])",),
        (
            _f(
                "xs",
                "best = here = xs[0]",
                "for x in xs[1:]:",
                "    here = max(x, here + x)",
                "    best = max(best, here)",
                "return best",
            ),
            _f(
                "xs",
                "best = xs[0]",
                "for i in range(len(xs)):",
                "    total = 0",
                "    for x in xs[i:]:",
                "        total += x",
                "        if total > best:",
                "            best = total",
                "return best",
            ),
            _f(
                "xs",
                "best = xs[0]",
                "for i in range(len(xs)):",
                "    for j in range(i + 1, len(xs) + 1):",
                "        best = max(best, sum(xs[i:j]))",
                "return best",
            ),
        ),
    ),
    Group(
        ("f([3, 1, 2])",),
        (
            _f("xs", "return sorted(xs)"),
            _f(
                "xs",
                "ys = list(xs)",
                "for i in range(1, len(ys)):",
                "    v, j = ys[i], i",
                "    while j and ys[j - 1] > v:",
                "        ys[j] = ys[j - 1]",
                "        j -= 1",
                "    ys[j] = v",
                "return ys",
            ),
        ),
    ),
    Group(
        ("f([3, 1, 3, 2])",),
        (
            _f("xs", "return list(dict.fromkeys(xs))"),
            _f(
                "xs",
                "out = []",
                "for x in xs:",
                "    if x not in out:",
                "        out.append(x)",
                "return out",
            ),
        ),
    ),
    Group(
        ("f([3, 1, 2])",),
        (
            _f(
                "xs",
                "total = 0",
                "out = []",
                "for x in xs:",
                "    total += x",
                "    out.append(total)",
                "return out",
            ),
            _f("xs", "return [sum(xs[:i + 1]) for i in range(len(xs))]"),
        ),
    ),
    Group(
        ("f(29)",),
        (
            _f("n", "return n * (n + 1) // 2"),
            _f("n", "return sum(range(n + 1))"),
        ),
    ),
    Group(
        ("f(30)",),
        (
            _f("n", "return n * (n + 1) * (2 * n + 1) // 6"),
            _f("n", "total = 0", "for i in range(n + 1):", "    total += i * i", "return total"),
        ),
    ),
    Group(
        ("f(97)",),
        (
            _f(
                "n",
                "if n < 2:",
                "    return False",
                "i = 2",
                "while i * i <= n:",
                "    if n % i == 0:",
                "        return False",
                "    i += 1",
                "return True",
            ),
            _f(
                "n",
                "if n < 2:",
                "    return False",
                "for i in range(2, n):",
                "    if n % i == 0:",
                "        return False",
                "return True",
            ),
        ),
    ),
    Group(
        ("f(60)",),
        (
            _f(
                "n",
                "c = 0",
                "i = 1",
                "while i * i <= n:",
                "    if n % i == 0:",
                "        c += 1 if i * i == n else 2",
                "    i += 1",
                "return c",
            ),
            _f("n", "return sum(n % i == 0 for i in range(1, n + 1))"),
        ),
    ),
    Group(
        ("f(12)",),
        (
            _f("n", "a, b = 0, 1", "for _ in range(n):", "    a, b = b, a + b", "return a"),
            _f("n", "return n if n < 2 else f(n - 1) + f(n - 2)"),
        ),
    ),
    Group(
        ("f(3, 40)",),
        (
            _f("a, n", "return pow(a, n, 1000007)"),
            _f("a, n", "r = 1", "for _ in range(n):", "    r = r * a % 1000007", "return r"),
        ),
    ),
    Group(
        ("f(84, 30)",),
        (
            _f("a, b", "while b:", "    a, b = b, a % b", "return a"),
            _f(
                "a, b",
                "for d in range(min(a, b), 0, -1):",
                "    if a % d == 0 and b % d == 0:",
                "        return d",
            ),
        ),
    ),
    Group(
        ("f(150)",),
        (
            _f("n", "import math", "return math.isqrt(n)"),
            _f("n", "i = 0", "while (i + 1) * (i + 1) <= n:", "    i += 1", "return i"),
        ),
    ),
    Group(
        ("f('abca')",),
        (
            _f(
                "s",
                "seen = {}",
                "for c in s:",
                "    seen[c] = seen.get(c, 0) + 1",
                "return [i for i, c in enumerate(s) if seen[c] == 1][:1]",
            ),
            _f("s", "return [i for i in range(len(s)) if s[i] not in s[:i] + s[i + 1:]][:1]"),
        ),
    ),
    Group(
        ("f([5, 3, 8, 1], 2)",),
        (
            _f("xs, k", "k %= len(xs)", "return xs[-k:] + xs[:-k]"),
            _f("xs, k", "xs = list(xs)", "for _ in range(k):", "    xs.insert(0, xs.pop())", "return xs"),
        ),
    ),
    Group(
        ("f([2, 9, 4, 7], [4, 2, 8])",),
        (
            _f("xs, ys", "other = set(ys)", "return [x for x in xs if x in other]"),
            _f("xs, ys", "return [x for x in xs if x in ys]"),
        ),
    ),
    Group(
        ("f([7, 2, 5, 9])",),
        (
            _f("xs", "return max(xs)"),
            _f("xs", "return sorted(xs)[-1]"),
            _f("xs", "return [x for x in xs if all(x >= y for y in xs)][0]"),
        ),
    ),
    Group(
        ("f([1, 3, 3, 2, 3])",),
        (
            _f(
                "xs",
                "counts = {}",
                "for x in xs:",
                "    counts[x] = counts.get(x, 0) + 1",
                "return max(counts.values())",
            ),
            _f("xs", "return max(xs.count(x) for x in xs)"),
        ),
    ),
    Group(
        ("f([6, 1, 4, 2, 5])",),
        (
            _f(
                "xs",
                "lo = hi = xs[0]",
                "for x in xs:",
                "    lo = x if x < lo else lo",
                "    hi = x if x > hi else hi",
                "return hi - lo",
            ),
            _f("xs", "return max(a - b for a in xs for b in xs)"),
        ),
    ),
    Group(
        ("f([4, 8, 1, 9])",),
        (
            _f(
                "xs",
                "out = []",
                "best = None",
                "for x in reversed(xs):",
                "    best = x if best is None else max(best, x)",
                "    out.append(best)",
                "return out[::-1]",
            ),
            _f("xs", "return [max(xs[i:]) for i in range(len(xs))]"),
        ),
    ),
    Group(
        ("f('hello world')",),
        (
            _f("s", "return s[::-1]"),
            _f("s", "out = []", "for c in s:", "    out.insert(0, c)", "return ''.join(out)"),
        ),
    ),
    Group(
        ("f('banana', 'bandana')",),
        (
            _f(
                "s, t",
                "row = [0] * (len(t) + 1)",
                "for a in s:",
                "    last = 0",
                "    for j, b in enumerate(t):",
                "        keep = row[j + 1]",
                "        row[j + 1] = last + 1 if a == b else max(row[j + 1], row[j])",
                "        last = keep",
                "return row[-1]",
            ),
            _f(
                "s, t",
                "if not s or not t:",
                "    return 0",
                "if s[-1] == t[-1]:",
                "    return 1 + f(s[:-1], t[:-1])",
                "return max(f(s[:-1], t), f(s, t[:-1]))",
            ),
        ),
    ),
    Group(
        ("f(9)",),
        (
            _f(
                "n",
                "ways = [1, 1]",
                "for i in range(2, n + 1):",
                "    ways.append(ways[-1] + ways[-2])",
                "return ways[n]",
            ),
            _f("n", "return 1 if n < 2 else f(n - 1) + f(n - 2)"),
        ),
    ),
    Group(
        ("f(7)",),
        (
            _f(
                "n",
                "row = [1]",
                "for k in range(n):",
                "    row.append(row[-1] * (n - k) // (k + 1))",
                "return row",
            ),
            _f(
                "n",
                "row = [1]",
                "for _ in range(n):",
                "    row = [1] + [a + b for a, b in zip(row, row[1:])] + [1]",
                "return row",
            ),
        ),
    ),
    Group(
        ("f(40)",),
        (
            _f(
                "n",
                "sieve = bytearray([1]) * (n + 1)",
                "sieve[:2] = b'00'[:min(2, n + 1)]",
                "i = 2",
                "while i * i <= n:",
                "    if sieve[i] == 1:",
                "        sieve[i * i::i] = bytes(len(range(i * i, n + 1, i)))",
                "    i += 1",
                "return [i for i in range(2, n + 1) if sieve[i] == 1]",
            ),
            _f("n", "return [i for i in range(2, n + 1) if all(i % d for d in range(2, int(i ** 0.5) + 1))]"),
            _f("n", "return [i for i in range(2, n + 1) if all(i % d for d in range(2, i))]"),
        ),
    ),
    Group(
        ("f([3, 7, 11, 15, 22, 31], 22)",),
        (
            _f(
                "xs, v",
                "lo, hi = 0, len(xs)",
                "while lo < hi:",
                "    mid = (lo + hi) // 2",
                "    if xs[mid] < v:",
                "        lo = mid + 1",
                "    else:",
                "        hi = mid",
                "return lo",
            ),
            _f("xs, v", "n = 0", "for x in xs:", "    n += x < v", "return n"),
        ),
    ),
    Group(
        ("f([9, 4, 6, 1])",),
        (
            _f("xs", "return sum(1 for a, b in zip(xs, xs[1:]) if a > b)"),
            _f("xs", "n = 0", "while len(xs) > 1:", "    n += xs[0] > xs[1]", "    xs = xs[1:]", "return n"),
        ),
    ),
    Group(
        ("f(['ab', 'c', 'de', 'a'])",),
        (
            _f("ws", "return ''.join(ws)"),
            _f("ws", "out = []", "for w in ws:", "    out = out + [w]", "return ''.join(out)"),
        ),
    ),
    Group(
        ("f([8, 2, 5, 1, 9, 4], 3)",),
        (
            _f(
                "xs, k",
                "total = sum(xs[:k])",
                "best = total",
                "for i in range(k, len(xs)):",
                "    total += xs[i] - xs[i - k]",
                "    best = max(best, total)",
                "return best",
            ),
            _f("xs, k", "return max(sum(xs[i:i + k]) for i in range(len(xs) - k + 1))"),
        ),
    ),
    Group(
        ("f([4, 2, 6, 3])",),
        (
            _f(
                "xs",
                "total = sum(xs)",
                "squares = sum(x * x for x in xs)",
                "return (total * total - squares) // 2",
            ),
            _f("xs", "return sum(xs[i] * xs[j] for i in range(len(xs)) for j in range(i))"),
        ),
    ),
    Group(
        ("f([3, 0, 1])",),
        (
            _f("xs", "return len(xs) * (len(xs) + 1) // 2 - sum(xs)"),
            _f("xs", "i = 0", "while i in xs:", "    i += 1", "return i"),
        ),
    ),
    Group(
        ("f({'a': 3, 'b': 1, 'c': 2})",),
        (
            _f("d", "return sorted(d.values())"),
            _f(
                "d",
                "left, out = list(d.values()), []",
                "while left:",
                "    out.append(min(left))",
                "    left.remove(out[-1])",
                "return out",
            ),
        ),
    ),
    Group(
        ("f('the cat and the hat')",),
        (
            _f(
                "s",
                "counts = {}",
                "for w in s.split():",
                "    counts[w] = counts.get(w, 0) + 1",
                "return counts",
            ),
            _f(
                "s",
                "ws = s.split()",
                "out = {}",
                "for i in range(len(ws)):",
                "    out[ws[i]] = sum(w == ws[i] for w in ws)",
                "return out",
            ),
        ),
    ),
    Group(
        ("f([2, 7, 4, 1])",),
        (
            _f("xs", "import heapq", "return heapq.nsmallest(3, xs)"),
            _f(
                "xs",
                "ys = list(xs)",
                "for i in range(len(ys)):",
                "    for j in range(len(ys) - 1):",
                "        if ys[j] > ys[j + 1]:",
                "            ys[j], ys[j + 1] = ys[j + 1], ys[j]",
                "return ys[:3]",
            ),
        ),
    ),
    Group(
        ("f([[1, 5], [2, 3], [4, 8]])",),
        (
            _f(
                "rows",
                "total = {}",
                "for a, b in rows:",
                "    total[a] = total.get(a, 0) + b",
                "return total",
            ),
            _f("rows", "return {a: sum(y for x, y in rows if x == a) for a, _ in rows}"),
        ),
    ),
    Group(
        ("f(6)",),
        (
            _f("n", "return 2 ** n - 1"),
            _f("n", "return 0 if n == 0 else 1 + f(n - 1) + f(n - 1)"),
        ),
    ),
    Group(
        ("f(1234)",),
        (
            _f("n", "return (n - 1) % 9 + 1"),
            _f("n", "d = 0", "for _ in range(n):", "    d = d % 9 + 1", "return d"),
        ),
    ),
    Group(
        ("f('level')",),
        (
            _f("s", "return all(s[i] == s[-1 - i] for i in range(len(s) // 2))"),
            _f("s", "t = s", "while len(t) > 1 and t[0] == t[-1]:", "    t = t[1:-1]", "return len(t) < 2"),
        ),
    ),
    Group(
        ("f([5, 1, 4, 2, 3])",),
        (
            _f("xs", "place = {x: i for i, x in enumerate(xs)}", "return [place[x] for x in sorted(xs)]"),
            _f("xs", "return [xs.index(x) for x in sorted(xs)]"),
        ),
    ),
    Group(
        ("f([2, 7, 4])",),
        (
            _f("xs", "return len(xs)"),
            _f("xs", "return sum(1 for _ in xs)"),
            _f("xs", "return sum(1 for i in range(len(xs)) if xs[:i + 1])"),
        ),
    ),
    Group(
        ("f(18)",),
        (
            _f("n", "return n % 2 == 0"),
            _f("n", "even = True", "for _ in range(n):", "    even = not even", "return even"),
        ),
    ),
    Group(
        ("f(45)",),
        (
            _f("n", "return n * n"),
            _f("n", "return sum(n for _ in range(n))"),
            _f("n", "return sum(1 for _ in range(n) for _ in range(n))"),
        ),
    ),
    Group(
        ("f('aabcccd')",),
        (
            _f(
                "s",
                "best = run = 1",
                "for a, b in zip(s, s[1:]):",
                "    run = run + 1 if a == b else 1",
                "    best = max(best, run)",
                "return best",
            ),
            _f(
                "s",
                "best = 1",
                "for i in range(len(s)):",
                "    j = i",
                "    while j < len(s) and s[j] == s[i]:",
                "        j += 1",
                "    best = max(best, j - i, len(set(s[:i])) * 0)",
                "return best",
            ),
        ),
    ),
    Group(
        ("f([4, 1, 3], [2, 5, 6])",),
        (
            _f("xs, ys", "return sum(xs) * sum(ys)"),
            _f("xs, ys", "return sum(x * y for x in xs for y in ys)"),
        ),
    ),
    Group(
        ("f([1, 4, 9], [2, 3, 11])",),
        (
            _f(
                "xs, ys",
                "i = j = 0",
                "out = []",
                "while i < len(xs) and j < len(ys):",
                "    if xs[i] <= ys[j]:",
                "        out.append(xs[i])",
                "        i += 1",
                "    else:",
                "        out.append(ys[j])",
                "        j += 1",
                "return out + xs[i:] + ys[j:]",
            ),
            _f(
                "xs, ys",
                "out = list(xs)",
                "for y in ys:",
                "    i = 0",
                "    while i < len(out) and out[i] <= y:",
                "        i += 1",
                "    out.insert(i, y)",
                "return out",
            ),
        ),
    ),
    Group(
        ("f('())(')",),
        (
            _f(
                "s",
                "depth = worst = 0",
                "for c in s:",
                "    depth += 1 if c == '(' else -1",
                "    worst = min(worst, depth)",
                "return worst",
            ),
            _f("s", "return min([0] + [s[:i].count('(') - s[:i].count(')') for i in range(1, len(s) + 1)])"),
        ),
    ),
    Group(
        ("f([3, 6, 2, 8])",),
        (
            _f("xs", "return [x * 2 for x in xs]"),
            _f("xs", "out = []", "for x in xs:", "    out = out + [x * 2]", "return out"),
        ),
    ),
    Group(
        ("f(25)",),
        (
            _f("n", "return n.bit_length()"),
            _f("n", "k = 0", "while n:", "    n, k = n >> 1, k + 1", "return k"),
            _f(
                "n", "k = 0", "while 2 ** k <= n:", "    k += 1", "for _ in range(n):", "    pass", "return k"
            ),
        ),
    ),
    Group(
        ("f([5, 3, 9, 1, 7])",),
        (
            _f("xs", "return sorted(xs)[len(xs) // 2]"),
            _f("xs", "return [x for x in xs if sum(y < x for y in xs) == len(xs) // 2][0]"),
        ),
    ),
)
