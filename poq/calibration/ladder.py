"""The ladder: composites, single evaluators and consensus against reference quality.

What multi-dimensional scoring (arXiv 2603.04028) reports, with the selection done honestly: weights
are fitted, and the best single evaluator and consensus chosen, on the calibration split; the test
split reports. All differences are paired, on the same resamples of prompts. The same choices made
on the test split itself tell the optimism, what a ladder without a split would have added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import calibration
from poq.calibration import baselines
from poq.calibration.composite import Floats, composite, given
from poq.calibration.sample import Sample
from poq.metrics.bootstrap import Estimate
from poq.metrics.shared import SharedCorrelations
from poq.pooled import POOLED, pooled_reference, with_pooled
from poq.schema import SPLITS, TABLES
from poq.streams import stream

SETS = ("all", "live")
KEY = ["prompt_id", "model"]
UNDEFINED = Estimate(np.nan, np.nan, np.nan)
Mask = NDArray[np.bool_]


class Calibration(NamedTuple):
    """The tables ``composites``, ``weights`` and ``calibration``."""

    composites: pl.DataFrame
    weights: pl.DataFrame
    calibration: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Variant:
    """One rung of the ladder: a quality of every output."""

    signals: str
    scope: str
    name: str
    role: str
    values: Floats
    """Shape (n,), NaN where undefined."""
    refitted: Floats | None = None
    """The same, fitted on the test split; None if nothing is fitted."""

    @property
    def key(self) -> str:
        """Return a name of its own; an evaluator is the same in every set."""
        if self.role == "single":
            return self.name
        return f"{self.signals}/{self.scope}/{self.name}"

    def columns(self) -> dict[str, str]:
        """Return the key columns of the tables."""
        return {"signals": self.signals, "scope": self.scope, "variant": self.name}


@dataclass(frozen=True, eq=False)
class Outputs:
    """All outputs, sorted by key, and what is known of them; arrays have shape (n,)."""

    keys: pl.DataFrame
    quality: Floats
    dimensions: Mapping[str, Floats]
    scores: Mapping[str, Floats]

    def rows(self, task: str, split: str) -> Mask:
        """Return which outputs of a task (or of all) and split have a reference quality."""
        of_split = (self.keys["split"] == split).to_numpy()
        return np.asarray(np.isfinite(self.quality) & of_split & self.of_task(task))

    def of_task(self, task: str) -> Mask:
        """Return which outputs are of a task, or pooled."""
        return np.asarray((self.keys["task"] == task).to_numpy() | (task == POOLED))

    def tasks(self) -> list[str]:
        """Return the tasks, sorted."""
        return self.keys["task"].unique().sort().to_list()


@dataclass(frozen=True)
class Settings:
    """The settings of the choice and of its intervals."""

    minimum: float
    resamples: int
    confidence: float
    seed: int


def calibrate(
    dimensions: pl.DataFrame,
    quality: pl.DataFrame,
    scores: pl.DataFrame,
    *,
    weights: Mapping[str, float],
    reference_based: Mapping[str, bool],
    compares_with: Mapping[str, str],
    references: Mapping[str, str],
    minimum: float,
    resamples: int,
    confidence: float,
    seed: int,
) -> Calibration:
    """Fit all composites on the calibration split and set them against the baselines.

    Per task, and pooled: then each output has the reference quality of its own task, and composites
    of scope "task" each task's own weights. Weights that nothing is fitted for and baselines stand
    once, under scope "pooled". An output without reference quality has composites, but counts in
    no correlation. An evaluator that scored no output of the calibration split (a sampled judge)
    takes no part in consensus and cannot be the best.

    Optimism is that of the choice: of weights, and of which evaluator or consensus is best. It is
    null where nothing is chosen (default, ablations, the other evaluators).

    Args:
        dimensions: table ``dimensions``.
        quality: table ``reference_quality``.
        scores: table ``scores`` of all evaluators.
        weights: dimension -> its weight in the default composite.
        reference_based: dimension -> whether it is made with the output's own reference.
        compares_with: evaluator of the pool -> what it compares the output with.
        references: task -> its column of ``quality``.
        minimum: least r of a reliable dimension.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    settings = Settings(minimum, resamples, confidence, seed)
    outputs = _outputs(dimensions, quality, scores, [*weights], [*compares_with], references)
    variants: list[Variant] = []
    weighed: list[dict[str, Any]] = []
    for signals in SETS:
        live = signals == "live"
        used = {n: w for n, w in weights.items() if not (live and reference_based[n])}
        seen = [n for n, t in compares_with.items() if not (live and t == "reference")]
        for found, rows in _composites(outputs, signals, used, settings):
            variants.append(found)
            weighed += rows
        variants += _baselines(outputs, signals, seen)
    rows = [
        row
        for task in (*outputs.tasks(), POOLED)
        for row in _ladder(outputs, task, variants, references, settings)
    ]
    schema = {column.name: column.dtype for column in TABLES["weights"].columns}
    return Calibration(
        pl.concat(
            outputs.keys.with_columns(
                **{name: pl.lit(value) for name, value in variant.columns().items()},
                value=pl.Series(variant.values).fill_nan(None),
            )
            for variant in variants
            if variant.role not in ("single", "consensus")
        ),
        pl.DataFrame(weighed, schema=schema),
        pl.DataFrame(rows, infer_schema_length=None),
    )


def _outputs(
    dimensions: pl.DataFrame,
    quality: pl.DataFrame,
    scores: pl.DataFrame,
    names: Sequence[str],
    evaluators: Sequence[str],
    references: Mapping[str, str],
) -> Outputs:
    """Join all that is known of each output.

    Qualities and scores without the dimensions, since a dimension may have the name of either.
    """
    rows = dimensions.select(*KEY, "task", "split", *names).sort(KEY)
    keys = rows.select(KEY)
    measured = keys.join(
        with_pooled(quality, references), on=KEY, how="left", validate="1:1", maintain_order="left"
    )
    scored = {
        name: keys.join(
            scores.filter(pl.col("evaluator") == name), on=KEY, how="left", validate="1:1",
            maintain_order="left",
        )["score"]
        for name in evaluators
    }  # fmt: skip
    return Outputs(
        rows.select(*KEY, "task", "split"),
        _floats(measured[pooled_reference(references)]),
        {name: _floats(rows[name]) for name in names},
        {name: _floats(values) for name, values in scored.items()},
    )


def _floats(values: pl.Series) -> Floats:
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _composites(
    outputs: Outputs, signals: str, default: Mapping[str, float], settings: Settings
) -> Iterator[tuple[Variant, list[dict[str, Any]]]]:
    """Yield every composite of one set of dimensions, with its rows of table ``weights``."""
    names = [*default]
    values = np.empty((len(outputs.quality), len(names)))
    for column, name in enumerate(names):
        values[:, column] = outputs.dimensions[name]

    def rows(variant: Variant, task: str, found: Floats) -> list[dict[str, Any]]:
        keys = variant.columns() | {"task": task}
        pairs = zip(names, found.tolist(), strict=True)
        return [{**keys, "dimension": name, "weight": weight} for name, weight in pairs]

    for name, found in given(default).items():
        role = "default" if name == "default" else "ablation"
        fixed = Variant(signals, POOLED, name, role, composite(values, found))
        yield fixed, rows(fixed, POOLED, found)
    for scope, groups in (("task", outputs.tasks()), (POOLED, [POOLED])):
        for name in calibration.weightings():
            fit = calibration.load(name).fit
            fitted = {split: np.full(len(values), np.nan) for split in SPLITS}
            variant = Variant(signals, scope, name, "calibrated", fitted["calibration"])
            weighed = []
            for task in groups:
                own = outputs.of_task(task)
                for split in SPLITS:
                    sample = _sample(outputs, values, default, task, split, settings)
                    found = fit(sample)
                    fitted[split][own] = composite(values[own], found)
                    if split == "calibration":
                        weighed += rows(variant, task, found)
            yield replace(variant, refitted=fitted["test"]), weighed


def _sample(
    outputs: Outputs,
    values: Floats,
    default: Mapping[str, float],
    task: str,
    split: str,
    settings: Settings,
) -> Sample:
    chosen = outputs.rows(task, split)
    return Sample(
        values[chosen],
        outputs.quality[chosen],
        outputs.keys["prompt_id"].to_numpy()[chosen],
        np.array([*default.values()], dtype=np.float64),
        settings.minimum,
        settings.resamples,
        settings.confidence,
        # The audit's own stream: verdicts are those of table `dimension_audit`.
        partial(stream, settings.seed, "audit", task, split),
    )


def _baselines(outputs: Outputs, signals: str, evaluators: Sequence[str]) -> Iterator[Variant]:
    """Yield single evaluators and consensus, on [0, 1]."""
    for name in evaluators:
        values = outputs.scores[name] / 10
        yield Variant(signals, POOLED, f"evaluator:{name}", "single", values)
    calibrating = (outputs.keys["split"] == "calibration").to_numpy()
    pool = [name for name in evaluators if np.isfinite(outputs.scores[name][calibrating]).any()]
    if not pool:
        return
    scores = np.column_stack([outputs.scores[name] for name in pool])
    weights = baselines.trust(scores[calibrating])
    for rule in baselines.RULES:
        values = baselines.consensus(rule, scores, weights) / 10
        yield Variant(signals, POOLED, f"consensus:{rule}", "consensus", values)


def _ladder(
    outputs: Outputs,
    task: str,
    variants: Sequence[Variant],
    references: Mapping[str, str],
    settings: Settings,
) -> Iterator[dict[str, Any]]:
    """Yield a task's rows of table ``calibration``."""
    reference = pooled_reference(references) if task == POOLED else references[task]
    correlated = {
        split: _correlate(outputs, task, split, {v.key: v.values for v in variants}, settings)
        for split in SPLITS
    }
    both: dict[str, Floats] = {}
    for variant in variants:
        if variant.refitted is not None:
            both |= {variant.key: variant.values, f"{variant.key}+": variant.refitted}
    refitted = _correlate(outputs, task, "test", both, settings)
    # Both splits choose among those that the calibration split knows.
    known = [
        variant
        for variant in variants
        if np.isfinite(correlated["calibration"].estimate(variant.key).value)
    ]
    best = {split: _best(known, found) for split, found in correlated.items()}
    for variant in variants:
        chosen_by = {role: best["calibration"].get((variant.signals, role)) for role in _CHOSEN}
        for split, found in correlated.items():
            size = found.size(variant.key)
            optimism = UNDEFINED
            if split == "test":
                optimism = _optimism(variant, found, refitted, best)
            row = {
                **variant.columns(),
                "role": variant.role,
                "task": task,
                "split": split,
                "reference": reference,
                "n": size.n,
                "n_prompts": size.n_prompts,
                **found.estimate(variant.key).columns("pearson"),
                **found.estimate(variant.key, "spearman").columns("spearman"),
                **found.difference(variant.key, f"{variant.signals}/{POOLED}/default").columns(
                    "over_default"
                ),
                **optimism.columns("optimism"),
            }
            for role, other in chosen_by.items():
                over = found.difference(variant.key, other.key) if other else UNDEFINED
                name = other.name.partition(":")[2] if other else None
                row |= {f"best_{role}": name, **over.columns(f"over_{role}")}
            yield row


def _correlate(
    outputs: Outputs,
    task: str,
    split: str,
    columns: Mapping[str, Floats],
    settings: Settings,
) -> SharedCorrelations:
    chosen = outputs.rows(task, split)
    return SharedCorrelations(
        {key: values[chosen] for key, values in columns.items()},
        outputs.quality[chosen],
        outputs.keys["prompt_id"].to_numpy()[chosen],
        resamples=settings.resamples,
        confidence=settings.confidence,
        rng=partial(stream, settings.seed, "calibration", task, split),
    )


_CHOSEN = ("single", "consensus")
_Best = dict[tuple[str, str], Variant]


def _best(variants: Sequence[Variant], found: SharedCorrelations) -> _Best:
    """Return the variant of greatest r of each set and role; the first of those that are equal."""
    best: _Best = {}
    reached: dict[tuple[str, str], float] = {}
    for variant in variants:
        place = variant.signals, variant.role
        # Equal up to rounding is equal: trust in which all stand at the cap gives the mean.
        r = round(found.estimate(variant.key).value, 9)
        if r > reached.get(place, -np.inf):
            best[place], reached[place] = variant, r
    return best


def _optimism(
    variant: Variant,
    found: SharedCorrelations,
    refitted: SharedCorrelations,
    best: Mapping[str, _Best],
) -> Estimate:
    """Return the r of the same choice made on the test split, less that of the variant."""
    if variant.refitted is not None:
        return refitted.difference(f"{variant.key}+", variant.key)
    place = variant.signals, variant.role
    # Where the quality is constant on the test split, that split chooses none.
    again = best["test"].get(place)
    if variant.role in _CHOSEN and best["calibration"].get(place) is variant and again:
        return found.difference(again.key, variant.key)
    return UNDEFINED
