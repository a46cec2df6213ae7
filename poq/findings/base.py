"""A published finding, how this run measures it, and the rules that decide whether they agree.

The rules stand here before any run is made, and every finding names one of them:

- a **value** (:class:`Value`) agrees if our interval holds it, as far as it was rounded, and not
  also the value that the finding denies (0 for a correlation, 1 for a ratio); it differs if the
  interval does not hold it;
- a **direction** (:class:`Above`, :class:`Below`) agrees if our whole interval lies on its side of
  the bound, and differs if the whole interval lies on the other;
- a **prediction** (:class:`Within`) agrees if our whole interval lies within its tolerance, and
  differs if the whole interval lies outside.

Otherwise, and without an interval, nothing is claimed: the verdict is "not measured", and the
reason says "undecided". An interval too wide to tell the finding from its denial never agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import polars as pl

from poq.metrics.bootstrap import Estimate
from poq.metrics.correlation import pearson_difference
from poq.rewards import RewardSettings
from poq.streams import stream

Verdict = Literal["agrees", "differs", "not measured"]
Certainty = Literal["abstract", "authors' blog", "second hand"]


class Claim(Protocol):
    """What was published, as a rule that an interval of ours fulfils or breaks."""

    @property
    def published(self) -> str:
        """What was published, in words."""
        ...

    def verdict(self, low: float, high: float) -> tuple[Verdict, str]:
        """Return the verdict on our interval, and its reason."""
        ...


@dataclass(frozen=True)
class Value:
    """A published number, half a unit of its last digit, and the value that it denies."""

    value: float
    rounding: float
    denies: float

    @property
    def published(self) -> str:
        """What was published, in words."""
        return f"{self.value:g}" if self.rounding < 0.5 else f"about {self.value:g}"

    def verdict(self, low: float, high: float) -> tuple[Verdict, str]:
        """Return the verdict on our interval, and its reason."""
        ours = _interval(low, high)
        if high < self.value - self.rounding or low > self.value + self.rounding:
            return "differs", f"{ours} does not hold {self.value:g}"
        if low <= self.denies <= high:
            return "not measured", f"undecided: {ours} holds {self.value:g} and {self.denies:g}"
        return "agrees", f"{ours} holds {self.value:g}"


@dataclass(frozen=True)
class Direction:
    """A published direction: the quantity lies on one side of the bound."""

    side: ClassVar[str]
    bound: float
    published: str

    def verdict(self, low: float, high: float) -> tuple[Verdict, str]:
        """Return the verdict on our interval, and its reason."""
        ours = _interval(low, high)
        found = "above" if low > self.bound else "below" if high < self.bound else None
        if found is None:
            return "not measured", f"undecided: {ours} holds both sides of {self.bound:g}"
        verdict: Verdict = "agrees" if found == self.side else "differs"
        return verdict, f"{ours} lies {found} {self.bound:g}"


class Above(Direction):
    """A published direction: the quantity is above the bound."""

    side = "above"


class Below(Direction):
    """A published direction: the quantity is below the bound."""

    side = "below"


@dataclass(frozen=True)
class Within:
    """A predicted number, and how far off it may be, as a share of it."""

    value: float
    tolerance: float

    @property
    def published(self) -> str:
        """What was published, in words."""
        return f"{self.value:g} within {100 * self.tolerance:g} %"

    def verdict(self, low: float, high: float) -> tuple[Verdict, str]:
        """Return the verdict on our interval, and its reason."""
        margin = self.tolerance * abs(self.value)
        bounds = self.value - margin, self.value + margin
        ours = f"{_interval(low, high)} lies"
        if bounds[0] <= low and high <= bounds[1]:
            return "agrees", f"{ours} within {_interval(*bounds)}"
        if high < bounds[0] or low > bounds[1]:
            return "differs", f"{ours} outside of {_interval(*bounds)}"
        return "not measured", f"undecided: {ours} on both sides of an end of {_interval(*bounds)}"


class Measured(NamedTuple):
    """Ours: the estimate, what it rests on, and whose it is."""

    ours: Estimate
    n: int
    n_prompts: int
    whose: str


class NotMeasured(Exception):  # noqa: N818
    """This run cannot measure the finding; the message says why."""


@dataclass(frozen=True)
class Evidence:
    """What findings are measured on.

    ``tables`` maps names of the tables that the run has to their frames, ``judge`` is the evaluator
    that is a reference for the others, ``weights`` are alpha and beta, ``dimensions`` maps quality
    dimensions to their kinds; the rest are the settings of the bootstrap.
    """

    tables: Mapping[str, pl.DataFrame]
    judge: str | None
    weights: RewardSettings
    resamples: int
    confidence: float
    seed: int
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> dict[str, Any]:
        """Resamples and confidence, as the functions of ``poq.metrics`` take them."""
        return {"resamples": self.resamples, "confidence": self.confidence}


@dataclass(frozen=True)
class Finding:
    """A published finding: what it says, how sure that is, and how a run measures it.

    ``measure`` returns :class:`Measured` or raises :class:`NotMeasured`; ``rule`` is the rule of
    the workflow that makes the numbers, ``figure`` the figure that shows them.
    """

    id: str
    statement: str
    quantity: str
    claim: Claim
    certainty: Certainty
    measure: Callable[[Evidence], Measured]
    rule: str
    figure: str


def pearson_less(evidence: Evidence, rows: pl.DataFrame, whose: str, *names: str) -> Measured:
    """Return r of one signal with a target less that of another, on the same outputs.

    Args:
        evidence: the settings of the bootstrap.
        rows: ``prompt_id``, ``first``, ``second`` and ``target`` of each output, without nulls.
        whose: what the two signals are.
        names: what tells the random numbers of this difference from those of others.
    """
    found = pearson_difference(
        rows["first"],
        rows["second"],
        rows["target"],
        rows["prompt_id"],
        **evidence.bootstrap,
        rng=stream(evidence.seed, "findings", *names),
    )
    return Measured(found, len(rows), rows["prompt_id"].n_unique(), whose)


def row(finding: Finding, paper: str, evidence: Evidence) -> dict[str, Any]:
    """Return a finding's row of table ``findings``."""
    measured: dict[str, Any] = dict.fromkeys(("ours", "ours_low", "ours_high", "n", "n_prompts"))
    verdict: Verdict = "not measured"
    try:
        found = finding.measure(evidence)
    except NotMeasured as reason:
        why = str(reason)
    else:
        ours = found.ours
        measured = {**ours.columns("ours"), "n": found.n, "n_prompts": found.n_prompts}
        if np.isnan([ours.low, ours.high]).any():
            why = "undecided: no interval"
        else:
            verdict, why = finding.claim.verdict(ours.low, ours.high)
        why = f"{found.whose}: {why}"
    return {
        "finding": finding.id,
        "paper": paper,
        "statement": finding.statement,
        "quantity": finding.quantity,
        "published": finding.claim.published,
        "certainty": finding.certainty,
        **measured,
        "verdict": verdict,
        "why": why,
        "rule": finding.rule,
        "figure": finding.figure,
    }


def _interval(low: float, high: float) -> str:
    return f"[{low:.3f}, {high:.3f}]"
