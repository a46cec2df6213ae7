"""The composite as PoQ's quality signal: what it adds under attack, alone or beside evaluators.

Multi-dimensional scoring (arXiv 2603.04028) puts its composite into PoQ in the place of an
evaluator's score, next to robust aggregation and adaptive trust. Here the same rounds are played
with three signals (the evaluators as they are, the composite alone, the composite as one more
evaluator) and four defences (none, a robust rule, adaptive trust, both) under each attack, so that
what each adds, and what both add, are differences on the same random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.errors import PoqError
from poq.metrics.bootstrap import replays
from poq.simulation.contrasts import SAME, simulated
from poq.simulation.engine import malicious_nodes, means
from poq.simulation.pool import Pool
from poq.simulation.settings import Grid
from poq.streams import stream

Floats = NDArray[np.float64]

COMPOSITE = "composite"
"""What the composite is called among evaluators."""
UNKNOWN = 5.0
"""Score of an output without a composite: the middle of the scale."""
METRICS = ("mae", "pearson")
GAINS = ("mae_saved", "pearson_gained")


def composite_scores(pool: Pool, composites: pl.DataFrame) -> Floats:
    """Return ten times the composite of each output, shape (P, M), NaN where it is undefined.

    Args:
        pool: the pool of the evaluators, with identified prompts.
        composites: ``prompt_id``, ``model`` and ``value`` in [0, 1] of one composite, null where
            none of an output's dimensions is left.

    Raises:
        PoqError: an output of the pool has no row.
    """
    outputs = pl.DataFrame(
        [(prompt, model) for prompt in pool.prompts for model in pool.inference_nodes],
        schema=["prompt_id", "model"],
        orient="row",
    )
    found = outputs.join(
        composites.select("prompt_id", "model", "value", known=True),
        on=["prompt_id", "model"],
        how="left",
        validate="1:1",
        maintain_order="left",
    )
    if unknown := found.filter(pl.col("known").is_null()).select("prompt_id", "model").rows():
        raise PoqError(f"composites: {len(unknown)} outputs have none, e.g. {unknown[0]}")
    scores = found.select((10 * pl.col("value")).fill_null(np.nan)).to_series()
    return scores.to_numpy().reshape(pool.quality.shape)


def signal_pools(pool: Pool, composite: Floats) -> dict[str, Pool]:
    """Return the pool of each signal, all over the same outputs, with as many nodes.

    An output without a composite is scored 5, which favours nobody, like one on a scale of no
    width (:func:`poq.scaling.to_scores`). The composite has no cost of its own here: only errors
    and correlations of the consensus are reported.

    Args:
        pool: the pool of the evaluators.
        composite: score of each output, shape (P, M), NaN where undefined
            (:func:`composite_scores`).
    """
    composite = np.where(np.isnan(composite), UNKNOWN, composite)[..., np.newaxis]
    free = np.zeros((len(pool.evaluator_costs), 1))
    noise = float(pool.noise.max(initial=0.0))
    alone = replace(
        pool,
        scores=composite,
        evaluators=(COMPOSITE,),
        evaluator_costs=free,
        evaluator_of=np.zeros_like(pool.evaluator_of),
    )
    beside = replace(
        pool,
        # The first, so that it has a node even where there are more evaluators than nodes.
        scores=np.concatenate([composite, pool.scores], axis=-1),
        evaluators=(COMPOSITE, *pool.evaluators),
        evaluator_costs=np.concatenate([free, pool.evaluator_costs], axis=-1),
    )
    return {
        "evaluators": pool,
        "composite": alone,
        "evaluators+composite": beside.with_nodes(len(pool), noise),
    }


def study_drop_in(
    pools: Mapping[str, Pool],
    grid: Grid,
    defences: Mapping[str, str],
    *,
    undefined: int,
    resamples: int,
    confidence: float,
    threads: int = 1,
) -> pl.DataFrame:
    """Return consensus quality by signal, defence and attack (table ``drop_in``).

    Intervals resample prompts; each resample is played once, on random numbers of its own, the
    same for all signals, defences and attacks.

    Args:
        pools: signal -> its pool (:func:`signal_pools`), the evaluators' first.
        grid: one trust update, one share of malicious nodes, one K; the rules of the defences.
        defences: defence -> its rule, a name of the grid, the undefended one first.
        undefined: outputs without a composite, which are played as 5.
        resamples: resamples of prompts.
        confidence: coverage of the intervals, in (0, 1).
        threads: threads that run, and processes that compile, at a time.

    Raises:
        PoqError: K exceeds the evaluator nodes that have a score for some output.
    """
    first = next(iter(pools.values()))
    prompts = len(first.scores)
    found = _played(pools, grid, threads)
    rng = stream(grid.seed, "drop-in")
    resampled = np.array(
        [
            _played(
                {signal: pool.over(chosen) for signal, pool in pools.items()},
                grid.model_copy(update={"seed": seed, "replications": 1}),
                threads,
            )
            for chosen, seed in replays(prompts, resamples, rng)
        ]
    ).reshape(-1, *found.shape)
    cells = list(grid.cells())
    undefended = defences[next(iter(defences))]
    plain = {key["attack"]: i for i, (key, _) in enumerate(cells) if key["consensus"] == undefended}
    baseline = [plain[key["attack"]] for key, _ in cells]
    found, resampled = (_with_gains(values, baseline) for values in (found, resampled))
    rows = []
    for s, (signal, pool) in enumerate(pools.items()):
        shared = {
            "signal": signal,
            "nodes": len(pool),
            "effective_evaluators": pool.effective_evaluators(),
            "n_prompts": prompts,
            "undefined": 0 if pool is first else undefined,
            "rounds": grid.rounds,
            "replications": grid.replications,
        }
        for defence, (i, (key, cell)) in product(defences, enumerate(cells)):
            if key["consensus"] != defences[defence]:
                continue
            row: dict[str, Any] = {"defence": defence, "malicious": malicious_nodes(cell, pool)}
            for m, name in enumerate((*METRICS, *GAINS)):
                estimate = simulated(found[s, i, m], resampled[:, s, i, m], confidence)
                row |= estimate.columns(name)
            rows.append(shared | key | row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _with_gains(values: Floats, baseline: list[int]) -> Floats:
    """Append what each cell gains over its baseline under the first signal.

    Args:
        values: shape (..., signals, cells, metrics).
        baseline: index of each cell's baseline, shape (cells,).

    Returns:
        Shape (..., signals, cells, metrics + gains).
    """
    gains = values - values[..., :1, baseline, :]
    gains[..., METRICS.index("mae")] *= -1  # an error is saved where it is less
    gains = np.where(np.abs(gains) > SAME, gains, 0.0)
    return np.concatenate([values, gains], axis=-1)


def _played(pools: Mapping[str, Pool], grid: Grid, threads: int) -> Floats:
    """Return the statistics of every cell with every signal, shape (signals, cells, metrics)."""
    cells = [cell for _, cell in grid.cells()]
    found = [means(cells, pool, threads=threads) for pool in pools.values()]
    return np.array([[[cell[name] for name in METRICS] for cell in signal] for signal in found])
