"""Three small tasks and what the scripted model says about them: right, wrong, slow and fast on purpose."""

import json


def starter(signature: str, summary: str, call: str, value: str) -> str:
    return f'{signature}\n    """{summary}\n\n    >>> {call}\n    {value}\n    """'


TASKS = [
    {
        "id": "has-duplicates",
        "prompt": "Tell whether a list of integers holds some value twice.",
        "entry_point": "has_duplicates",
        "starter_code": starter(
            "def has_duplicates(items: list[int]) -> bool:",
            "Whether some value stands twice.",
            "has_duplicates([1, 2, 1])",
            "True",
        ),
        "example_tests": ["assert has_duplicates([1, 2, 1]) == True"],
        "reference_solution": "def has_duplicates(items):\n    return len(set(items)) < len(items)\n",
        "reference_tests": [
            "assert has_duplicates([]) == False",
            "assert has_duplicates([3, 3]) == True",
            "assert has_duplicates([1, 2, 3]) == False",
            "assert has_duplicates([1, 2, 1]) == True",
        ],
    },
    {
        "id": "sum-to",
        "prompt": "Add the integers from 1 to n.",
        "entry_point": "sum_to",
        "starter_code": starter("def sum_to(n: int) -> int:", "The sum of 1, 2, ..., n.", "sum_to(3)", "6"),
        "example_tests": ["assert sum_to(3) == 6"],
        "reference_solution": "def sum_to(n):\n    return n * (n + 1) // 2\n",
        "reference_tests": ["assert sum_to(1) == 1", "assert sum_to(10) == 55", "assert sum_to(0) == 0"],
    },
    {
        "id": "shout",
        "prompt": "Return the text in capitals with an exclamation mark.",
        "entry_point": "shout",
        "starter_code": starter(
            "def shout(text: str) -> str:", "The text in capitals, with a mark.", "shout('hé')", "'HÉ!'"
        ),
        "example_tests": ["assert shout('hé') == 'HÉ!'"],
        "reference_solution": "def shout(text):\n    return text.upper() + '!'\n",
        "reference_tests": ["assert shout('') == '!'", "assert shout('abc') == 'ABC!'"],
    },
]


def block(code: str) -> str:
    return f"```python\n{code}\n```"


QUADRATIC = """def has_duplicates(items):
    for i in range(len(items)):
        for j in range(i + 1, len(items)):
            if items[i] == items[j]:
                return True
    return False"""
WITH_SET = "def has_duplicates(items):\n    return len(set(items)) != len(items)"
ADJACENT = "def has_duplicates(items):\n    return any(a == b for a, b in zip(items, items[1:]))"
LOOP = "def sum_to(n):\n    total = 0\n    for i in range(1, n + 1):\n        total += i\n    return total"
FORMULA = "def sum_to(n):\n    return n * (n + 1) // 2 if n > 0 else 0"
OFF_BY_ONE = "def sum_to(n):\n    return sum(range(n))"
UPPER = "def shout(text):\n    return text.upper() + '!'"
NO_MARK = "def shout(text):\n    return text.upper()"

SCRIPT = {
    ("SOLVE", "has_duplicates"): [*map(block, [QUADRATIC, WITH_SET, QUADRATIC, ADJACENT])],
    ("SOLVE", "sum_to"): [*map(block, [LOOP, LOOP, OFF_BY_ONE])],
    ("SOLVE", "shout"): [block(UPPER), block(UPPER), block(NO_MARK), "I would rather not."],
    ("TEST", "has_duplicates"): [
        block("assert has_duplicates([1, 2, 3]) == False"),
        block("assert has_duplicates([5, 1, 5]) == True"),
        block("assert has_duplicates([7, 8, 9, 7]) == True"),
        block("assert has_duplicates([4, 4]) == True"),
    ],
    ("TEST", "sum_to"): [
        block("assert sum_to(1) == 1\nassert sum_to(4) == 10"),
        block("assert sum_to(10) == 55"),
        block("assert sum_to(5) == 99"),
    ],
    ("TEST", "shout"): [
        block("assert shout('abc') == 'ABC!'"),
        block("assert shout('x') == 'X!'"),
        "No tests today.",
    ],
    ("REWRITE", "has_duplicates"): [block(WITH_SET), block(ADJACENT)],
    ("REWRITE", "sum_to"): [block(FORMULA), block(OFF_BY_ONE), "As fast as it gets."],
}


def tasks_jsonl() -> str:
    return "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in TASKS)
