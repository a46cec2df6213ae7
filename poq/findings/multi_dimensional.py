"""What the paper on multi-dimensional scoring found (arXiv 2603.04028).

Its figures are second hand, and nothing says by which rule it calibrated. Ours is fixed beforehand:
the calibrated composite is that of the dimensions which the audit of the calibration split calls
reliable, task by task, at their default weights; everything is pooled over tasks, with the
reference quality that the configuration chose, of all signals, and on the test split.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from poq.findings.base import (
    Above,
    Below,
    Certainty,
    Claim,
    Evidence,
    Finding,
    Measured,
    NotMeasured,
    Value,
    pearson_less,
)
from poq.metrics.bootstrap import Estimate
from poq.pooled import SEPARATOR

PAPER = "multi-dimensional scoring, arXiv 2603.04028"
TABLES = ("calibration", "dimension_audit", "dimensions", "reference_quality")

DEFAULT = {"role": "default"}
CALIBRATED = {"scope": "task", "variant": "reliable"}
SEMANTIC, ALIGNMENT = "semantic", "alignment"
"""Kinds of the dimensions that the paper's findings are about."""
MATCH = 0.02
"""A composite whose r is at most this much less than another's matches it: some three times what
the paper's calibrated composite is ahead of the best single evaluator by (.760 over .754)."""


def rung(evidence: Evidence, *, of: dict[str, str], name: str = "pearson") -> Measured:
    """Return a composite's r, or (``name``) its difference to another rung of the ladder.

    Raises:
        NotMeasured: the run has no dimensions.
    """
    return _measured(_ladder(evidence).filter(**of), name)


def best(evidence: Evidence, *, role: str) -> Measured:
    """Return r of the best ``single`` evaluator or ``consensus``, chosen on the calibration split.

    Raises:
        NotMeasured: the run has no dimensions, or no evaluator scored the calibration split.
    """
    rows = _ladder(evidence).filter(role=role)
    chosen = rows.filter(pl.col("variant").str.strip_prefix(_PREFIX[role]) == rows[f"best_{role}"])
    if chosen.is_empty():
        raise NotMeasured("no evaluator scored the calibration split")
    return _measured(chosen, "pearson")


def dimension(evidence: Evidence, *, kind: str) -> Measured:
    """Return Pearson's r of the dimension of one kind; of several, see :func:`dimension_of`.

    Raises:
        NotMeasured: the run has no such dimension, or its tasks have no reference in common.
    """
    name, reference = dimension_of(evidence, kind), _reference(evidence)
    found = _audit(evidence, reference, "test").filter(dimension=name)
    return _measured(found, "pearson", f"{name} with {reference}")


def above_others(evidence: Evidence, *, kind: str) -> Measured:
    """Return r of the dimension of one kind less that of the best of other kinds.

    The other one is chosen by its r on the calibration split; the same outputs for both.

    Raises:
        NotMeasured: see :func:`dimension`; or the run has no dimension of another kind.
    """
    name, reference = dimension_of(evidence, kind), _reference(evidence)
    others = [other for other, found in evidence.dimensions.items() if found != kind]
    ranked = _audit(evidence, reference, "calibration").filter(pl.col("dimension").is_in(others))
    ranked = ranked.drop_nulls("pearson").sort("pearson", "dimension", descending=[True, False])
    if ranked.is_empty():
        raise NotMeasured(f"no dimension of another kind than {kind} in this run")
    other = ranked["dimension"][0]
    keys = ["prompt_id", "model"]
    quality = evidence.tables["reference_quality"].select(*keys, target=reference)
    rows = evidence.tables["dimensions"].filter(pl.col("split") == "test")
    rows = rows.select(*keys, first=name, second=other).join(quality, on=keys).drop_nulls()
    rows = rows.sort(keys)
    whose = f"{name} less {other}, with {reference}"
    return pearson_less(evidence, rows, whose, name, other, reference)


def dimension_of(evidence: Evidence, kind: str) -> str:
    """Return the dimension of one kind: of several the one that sees the reference, then by name.

    Raises:
        NotMeasured: the run has none.
    """
    if "dimension_audit" not in evidence.tables:
        raise NotMeasured("no dimensions in this run")
    names = [name for name, found in evidence.dimensions.items() if found == kind]
    known = evidence.tables["dimension_audit"].filter(pl.col("dimension").is_in(names))
    if known.is_empty():
        raise NotMeasured(f"no dimension of kind {kind} in this run")
    ordered = known.sort("reference_based", "dimension", descending=[True, False])
    return str(ordered["dimension"][0])


def _ladder(evidence: Evidence) -> pl.DataFrame:
    if "calibration" not in evidence.tables:
        raise NotMeasured("no dimensions in this run")
    ladder = evidence.tables["calibration"]
    rows = ladder.filter(signals="all", task="pooled", split="test")
    if rows.is_empty():
        raise NotMeasured("no test split in this run")
    return rows


def _reference(evidence: Evidence) -> str:
    """Return the reference quality that all tasks share."""
    reference = str(_ladder(evidence)["reference"][0])
    if SEPARATOR in reference:
        raise NotMeasured("tasks have no reference quality in common")
    return reference


def _audit(evidence: Evidence, reference: str, split: str) -> pl.DataFrame:
    audit = evidence.tables["dimension_audit"]
    return audit.filter(reference=reference, split=split, task="pooled")


def _measured(rows: pl.DataFrame, name: str, whose: str | None = None) -> Measured:
    if rows.is_empty():
        raise NotMeasured("no such composite in this run")
    (found,) = rows.iter_rows(named=True)
    ends = (found[key] for key in (name, f"{name}_low", f"{name}_high"))
    estimate = Estimate(*(np.nan if end is None else end for end in ends))
    if whose is None:
        scope = " per task" if found["scope"] == "task" else ""
        other = found.get(f"best_{name.removeprefix('over_')}")
        against = f" less {other}" if other else " less default" if name == "over_default" else ""
        whose = f"{found['variant']}{scope}{against}, with {found['reference']}"
    return Measured(estimate, found["n"], found["n_prompts"], whose)


_PREFIX = {"single": "evaluator:", "consensus": "consensus:"}
_SECOND_HAND: Certainty = "second hand"
_R = "Pearson's r with reference quality, pooled over tasks"
_LADDER = "Calibration lifts the composite's correlation with the reference quality from .513 to "
_LADDER += ".760; the best single evaluator has .754, the best consensus (median) .749."
_MATCHES = "The calibrated composite matches or exceeds the best single evaluator and the best "
_MATCHES += "consensus."
_DIMENSIONS = "The semantic dimension is the best one (.733), query-output alignment goes against "
_DIMENSIONS += "the reference quality (-.437)."
_AT_LEAST = Above(-MATCH, f"not more than {MATCH:g} below 0")


def _value(published: float) -> Value:
    return Value(published, rounding=0.0005, denies=0)


def _of_ladder(name: str, quantity: str, claim: Claim, measure: partial[Measured]) -> Finding:
    return Finding(
        id=f"multi-dimensional/{name}",
        statement=_MATCHES if claim is _AT_LEAST else _LADDER,
        quantity=f"{_R}: {quantity}",
        claim=claim,
        certainty=_SECOND_HAND,
        measure=measure,
        rule="calibrate_composites",
        figure="composite_ladder",
    )


def _of_dimension(name: str, quantity: str, claim: Claim, measure: partial[Measured]) -> Finding:
    return Finding(
        id=f"multi-dimensional/{name}",
        statement=_DIMENSIONS,
        quantity=f"{_R}: {quantity}",
        claim=claim,
        certainty=_SECOND_HAND,
        measure=measure,
        rule="audit_dimensions",
        figure="dimension_audit",
    )


FINDINGS = (
    _of_ladder("default", "the default composite", _value(0.513), partial(rung, of=DEFAULT)),
    _of_ladder(
        "calibrated", "the calibrated composite", _value(0.760), partial(rung, of=CALIBRATED)
    ),
    _of_ladder(
        "best-single", "the best single evaluator", _value(0.754), partial(best, role="single")
    ),
    _of_ladder(
        "best-consensus", "the best consensus", _value(0.749), partial(best, role="consensus")
    ),
    _of_ladder(
        "calibrated-above-default", "the calibrated composite less the default one",
        Above(0, "above 0"), partial(rung, of=CALIBRATED, name="over_default"),
    ),
    _of_ladder(
        "calibrated-matches-single", "the calibrated composite less the best single evaluator",
        _AT_LEAST, partial(rung, of=CALIBRATED, name="over_single"),
    ),
    _of_ladder(
        "calibrated-matches-consensus", "the calibrated composite less the best consensus",
        _AT_LEAST, partial(rung, of=CALIBRATED, name="over_consensus"),
    ),
    _of_dimension(
        "semantic", "the semantic dimension", _value(0.733), partial(dimension, kind=SEMANTIC)
    ),
    _of_dimension(
        "semantic-best", "the semantic dimension less the best one of another kind",
        Above(0, "above 0"), partial(above_others, kind=SEMANTIC),
    ),
    _of_dimension(
        "alignment", "the alignment dimension", _value(-0.437), partial(dimension, kind=ALIGNMENT)
    ),
    _of_dimension(
        "alignment-harmful", "the alignment dimension", Below(0, "below 0"),
        partial(dimension, kind=ALIGNMENT),
    ),
)  # fmt: skip
