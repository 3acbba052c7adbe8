"""The shell of every stage: run it, tell its errors to a person, leave with an honest exit code."""

import os
import sys
from collections.abc import Callable

from pipeline.errors import PairsmithError

REFUSED = 2
INTERRUPTED = 130


def run(stage: Callable[[], None]) -> None:
    """Run a stage as a program: a PairsmithError is printed and exits 2, Ctrl-C exits 130.

    Any other exception keeps its traceback: it is a defect, and hiding it would only lose the evidence.
    """
    try:
        stage()
    except PairsmithError as error:
        print(f"\npairsmith: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        print(
            "\npairsmith: interrupted; finished work is kept, `dvc repro` goes on from there", file=sys.stderr
        )
        sys.stderr.flush()
        os._exit(INTERRUPTED)
