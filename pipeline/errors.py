"""Errors written for the person at the terminal: what, where, got, wanted, next command.

Every error a user can cause or mend is a PairsmithError; `pipeline.stage.run` prints it without a traceback
and exits with 2. Anything else is a defect of Pairsmith and keeps its traceback.
"""


class PairsmithError(Exception):
    """A refusal or a breakage at a named boundary, told in full sentences.

    Args:
        what: what went wrong, one sentence without a full stop.
        where: file, line, column, parameter, URL or stage it was found at.
        got: what was there.
        wanted: what should have been there.
        next_step: the command or edit that mends it.
    """

    def __init__(
        self, what: str, *, where: str = "", got: str = "", wanted: str = "", next_step: str = ""
    ) -> None:
        self.what, self.where, self.got, self.wanted, self.next_step = what, where, got, wanted, next_step
        rows = [("where", where), ("got", got), ("wanted", wanted), ("next", next_step)]
        super().__init__("\n".join([what, *(f"  {name:<6} {text}" for name, text in rows if text)]))


class ParamsError(PairsmithError):
    """params.yaml is missing, malformed, or holds an unknown or ill-typed parameter."""


class TableError(PairsmithError):
    """A table under outputs/ is missing, or its rows break its schema, order or key."""


class TaskSourceError(PairsmithError):
    """A user's task source has a row that cannot be taken."""


class EngineError(PairsmithError):
    """The model cannot be reached, loaded or asked."""


class SandboxError(PairsmithError):
    """The sandbox cannot isolate on this machine, or broke; never a verdict about a solution."""


class JournalError(PairsmithError):
    """Finished work cannot be kept or found: a full disk, a damaged file, a file system without locks."""


class PromptError(PairsmithError):
    """A prompt template is missing or malformed."""


class WorkerError(PairsmithError):
    """A process that worked for a stage was killed from outside."""
