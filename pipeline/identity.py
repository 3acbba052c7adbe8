"""Content -> id, and (seed, id) -> child seed: the same on every machine and in every run."""

import hashlib
from pathlib import Path

ID_HEX_DIGITS = 20
PROJECT = Path(__file__).resolve().parent.parent
# vLLM and llama.cpp give sample i of one request the seed `seed + i`; spacing keeps requests apart.
SEEDS_PER_REQUEST = 1024


def _digest(parts: tuple[str, ...]) -> bytes:
    hasher = hashlib.blake2b(digest_size=ID_HEX_DIGITS // 2)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return hasher.digest()


def content_id(kind: str, *parts: str) -> str:
    """20 hex digits that name this content; `kind` keeps equal texts of different tables apart."""
    return _digest((kind, *parts)).hex()


def sources_id(*patterns: str) -> str:
    """Names the code in the project's files that match, e.g. `ranking/**/*.py`.

    A journal's key holds it, so that no change of the code is answered with what older code decided.
    """
    paths = sorted(path for pattern in patterns for path in PROJECT.glob(pattern))
    return content_id("sources", *(path.read_text(encoding="utf-8") for path in paths))


def child_seed(seed: int, *parts: str) -> int:
    """A seed in [0, 2**31) for the thing `parts` name, equal to any other such seed or 1024 and more away.

    There are 2**21 of them, so some things share one: harmless, since they are asked different prompts.
    """
    value = int.from_bytes(_digest((str(seed), *parts))[:4], "little") >> 1
    return value - value % SEEDS_PER_REQUEST
