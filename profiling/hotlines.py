"""Where a solution's time goes, as the few lines that a model (or a person) needs to read."""

import re
from collections.abc import Sequence

from profiling.answers import LineCost

LEAST_SHARE = 0.01
LEAST_BYTES = 1_024
# Python's own; str.splitlines also counts a form feed and others, which may stand inside a line.
LINE_ENDS = re.compile(r"\r\n|\r|\n")


def hot_lines(code: str, lines: Sequence[LineCost]) -> str:
    """`line|%time|hits|+mem|code`, one source line a line, those with at least 1 % of the time; may be empty.

    Memory is what the line left in use, shown from 1 kB on.
    """
    source = LINE_ENDS.split(code)
    total = sum(line.seconds for line in lines)
    if total <= 0:
        return ""
    return "\n".join(
        f"{line.number}|{line.seconds / total:.0%}|{line.hits}|{_memory(line.grown_bytes)}|"
        f"{source[line.number - 1].strip()}"
        for line in lines
        if line.seconds / total >= LEAST_SHARE and 1 <= line.number <= len(source)
    )


def _memory(grown_bytes: int) -> str:
    if grown_bytes < LEAST_BYTES:
        return ""
    return f"+{grown_bytes / 1e6:.1f}MB" if grown_bytes >= 1_000_000 else f"+{grown_bytes / 1e3:.0f}kB"
