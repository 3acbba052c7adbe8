"""Tasks that say the same as another task, or that a benchmark holds: found, so that they can be left out."""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
TOKENS_PER_SHINGLE = 3
RECALL = 0.999
# DeepSeek-Coder's filter: a shared 10-gram is contamination; shorter texts must match as a whole.
# Source: Guo et al. 2024, https://arxiv.org/abs/2401.14196, section 2.4.
WORDS_OF_OVERLAP = 10
FEWEST_WORDS = 3


def near_duplicates(texts: Sequence[str], similarity: float) -> dict[int, int]:
    """{index of a text: index of the earlier text it repeats} for all texts that repeat one.

    MinHash LSH proposes candidates, the exact Jaccard similarity of their 3-grams of words and marks decides.
    A text is only held against texts that are kept, so of a chain of look-alikes the first stays.

    Args:
        texts: in the order of preference.
        similarity: at or above it, two texts are the same; in (0, 1].

    Source: Broder 1997, "On the resemblance and containment of documents"; LSH as in datasketch.
    """
    index = MinHashLSH(num_perm=PERMUTATIONS, params=_bands(similarity))
    empty = MinHash(num_perm=PERMUTATIONS)
    hashes_of: dict[int, array[int]] = {}  # of the texts that are kept: a tenth of what their shingles take
    repeats: dict[int, int] = {}
    for number, text in enumerate(texts):
        shingles = set(_ngrams(_tokens(text), TOKENS_PER_SHINGLE))
        sketch = empty.copy()
        sketch.update_batch([" ".join(shingle).encode() for shingle in shingles])
        own = set(map(hash, shingles))
        near = (kept for kept in sorted(index.query(sketch)) if _jaccard(own, hashes_of[kept]) >= similarity)
        first = next(near, None)
        if first is None:
            index.insert(number, sketch)
            hashes_of[number] = array("q", own)
        else:
            repeats[number] = first
    return repeats


def contaminated(texts: Iterable[str], benchmark: Iterable[str]) -> Iterator[bool]:
    """For each text, whether it shares 10 words in a row with a benchmark text.

    Benchmark texts of 3 to 9 words count when a text holds them whole; shorter ones are no evidence.
    """
    forbidden: dict[int, set[tuple[str, ...]]] = {}
    for theirs in map(words, benchmark):
        length = min(len(theirs), WORDS_OF_OVERLAP)
        if length >= FEWEST_WORDS:
            forbidden.setdefault(length, set()).update(_ngrams(theirs, length))
    for own in map(words, texts):
        yield any(
            not grams.isdisjoint(_ngrams(own, length))
            for length, grams in forbidden.items()
            if len(own) >= length
        )


def words(text: str) -> list[str]:
    """The text's words and numbers in lower case: a benchmark's task is found again in another layout."""
    return re.findall(r"[^\W_]+", text.lower())


def _bands(similarity: float) -> tuple[int, int]:
    """(bands, rows a band): the most selective ones that propose 999 of 1,000 texts this similar."""
    for n_rows in range(PERMUTATIONS, 0, -1):
        n_bands = PERMUTATIONS // n_rows
        if 1 - (1 - similarity**n_rows) ** n_bands >= RECALL:
            return n_bands, n_rows
    return PERMUTATIONS, 1


def _tokens(text: str) -> list[str]:
    # Marks count here: `a + b` and `a - b` are two tasks.
    return re.findall(r"\w+|[^\w\s]", text.lower())


def _ngrams(tokens: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    if len(tokens) < length:
        yield tuple(tokens)
    for start in range(len(tokens) - length + 1):
        yield tuple(tokens[start : start + length])


def _jaccard(a: set[int], b: Sequence[int]) -> float:
    """The Jaccard similarity of two sets; b's members are given as a sequence, each once."""
    shared = len(a.intersection(b))
    return shared / (len(a) + len(b) - shared)
