"""What asking cost: requests, completions, tokens, failures by reason, and money."""

import time
from collections import Counter
from dataclasses import dataclass, field

from pipeline.engines.types import Answer, Failure
from pipeline.params import Section
from pipeline.progress import Meter


class Prices(Section):
    """What a hosted model charges; 0 for one's own machines.

    usd_per_million_prompt_tokens, usd_per_million_completion_tokens: as the provider lists them.
    """

    usd_per_million_prompt_tokens: float
    usd_per_million_completion_tokens: float


@dataclass
class Usage:
    """Totals over outcomes.

    counts: answered, completions, prompt_tokens, completion_tokens, and failed_<reason> for each failure.
    reused: answers that came from the journal; they are part of the counts.
    new_completions, new_tokens: of the answers that did not.
    first_details: by reason, what the engine said of the first such failure.
    """

    prices: Prices
    counts: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    new_completions: int = 0
    new_tokens: int = 0
    first_details: dict[str, str] = field(default_factory=dict)

    def add(self, outcome: Answer | Failure) -> None:
        """Count one outcome."""
        if isinstance(outcome, Failure):
            self.counts[f"failed_{outcome.reason}"] += 1
            self.first_details.setdefault(outcome.reason, outcome.detail)
            return
        tokens = sum(completion.n_tokens for completion in outcome.completions)
        self.counts["answered"] += 1
        self.counts["completions"] += len(outcome.completions)
        self.counts["prompt_tokens"] += outcome.prompt_tokens
        self.counts["completion_tokens"] += tokens
        if outcome.reused:
            self.reused += 1
        else:
            self.new_completions += len(outcome.completions)
            self.new_tokens += tokens

    @property
    def failed(self) -> int:
        """Requests that were not answered."""
        return sum(count for name, count in self.counts.items() if name.startswith("failed_"))

    @property
    def usd(self) -> float:
        """What all counted tokens cost, those of reused answers included."""
        prompt = self.counts["prompt_tokens"] * self.prices.usd_per_million_prompt_tokens
        completion = self.counts["completion_tokens"] * self.prices.usd_per_million_completion_tokens
        return (prompt + completion) / 1e6

    def show(self, meter: Meter, outcome: Answer | Failure) -> None:
        """Count one outcome and move the progress display."""
        self.add(outcome)
        seconds = max(time.monotonic() - meter.started, 1e-9)
        rates = (
            f"{self.new_completions / seconds:.1f} completions/s, {self.new_tokens / seconds:.0f} tokens/s"
        )
        failed = f", {self.failed} failed" if self.failed else ""
        reused = isinstance(outcome, Answer) and outcome.reused
        meter.advance(reused=reused, note=rates + failed)

    def summary(self) -> str:
        """Totals for the end of a run, and a line for each reason of failures."""
        counts = self.counts
        cost = f", {self.usd:.2f} USD" if self.usd else ""
        total = (
            f"{counts['answered']} prompts answered ({self.reused} from the journal), {self.failed} failed; "
            f"{counts['completions']} completions, {counts['prompt_tokens']} prompt tokens, "
            f"{counts['completion_tokens']} completion tokens{cost}"
        )
        failures = [
            f"  {counts[f'failed_{reason}']} {reason}, the first: {detail or 'nothing was said'}"
            for reason, detail in sorted(self.first_details.items())
        ]
        return "\n".join([total, *failures])
