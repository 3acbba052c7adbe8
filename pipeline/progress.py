"""Progress bars with rates while a stage works, and one line of totals when it is done.

On a terminal this is a live bar; elsewhere (dvc's logs, CI) a plain line every ten seconds, so that a long
run is never silent and a log never fills with control characters.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


@dataclass
class Meter:
    """Counts finished work; made by `meter`.

    unit: plural noun of what is counted.
    total: how many there will be, or None.
    """

    label: str
    unit: str
    total: int | None
    show: Callable[["Meter"], None]
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    reused: int = 0
    note: str = ""

    def advance(self, count: int = 1, *, reused: bool = False, note: str = "") -> None:
        """Count finished work; `reused` work came from the journal and is left out of the rate."""
        self.done += count
        self.reused += count if reused else 0
        self.note = note or self.note
        self.show(self)

    @property
    def per_s(self) -> float:
        """Finished work a second, reused work left out."""
        return (self.done - self.reused) / max(time.monotonic() - self.started, 1e-9)

    def line(self) -> str:
        """Where the work stands, as one line."""
        of_total = f"/{self.total}" if self.total is not None else ""
        reused = f", {self.reused} reused from the journal" if self.reused else ""
        note = f", {self.note}" if self.note else ""
        seconds = time.monotonic() - self.started
        rate = f"{self.per_s:.1f}/s"
        return f"{self.label}: {self.done}{of_total} {self.unit}, {rate}{reused}, {seconds:.0f} s{note}"


@contextmanager
def meter(label: str, unit: str, total: int | None = None) -> Iterator[Meter]:
    """A Meter shown while the block runs; its totals are printed when the block ends, however it ends."""
    console = Console(file=sys.stderr)
    gauge = Meter(label, unit, total, show=lambda _: None)
    try:
        if console.is_terminal:
            with _bar(gauge, console):
                yield gauge
        else:
            gauge.show = _line_printer(console)
            yield gauge
    finally:
        console.print(gauge.line(), highlight=False, soft_wrap=True)


@contextmanager
def _bar(gauge: Meter, console: Console) -> Iterator[None]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(gauge.label, total=gauge.total, rate="")

        def show(now: Meter) -> None:
            progress.update(task, completed=now.done, rate=f"{now.per_s:.1f} {now.unit}/s {now.note}")

        gauge.show = show
        yield


def _line_printer(console: Console) -> Callable[[Meter], None]:
    last = time.monotonic()

    def show(now: Meter) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(now.line(), highlight=False, soft_wrap=True)

    return show
