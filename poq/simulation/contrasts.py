"""What the findings of robust PoQ rest on, with intervals that resample prompts.

The simulator's own intervals say how sure a simulation is of the logged prompts; these say how sure
one can be of other prompts. The pool is built again on every resample of its prompts and played
once, on random numbers of its own, so that an interval also holds the chance of one replication.
Both sides of a contrast play the same rounds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from poq import kinds
from poq.metrics.bootstrap import Estimate, interval, replays
from poq.simulation.engine import check_k, means
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell, Grid, RunSettings
from poq.streams import stream
from poq.trust import published

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BASELINE, TRUSTED = "mean", "trust_weighted_mean"
"""The rule that others are set against, and the one under which trust matters."""
USUAL_K = 5
"""K of all but the comparison of two: the grid's largest up to this one, else its smallest."""
PATIENCE = 10
"""Saturation is waited for this many times as long as predicted, or all rounds if they are less."""
SAME = 1e-9
"""Differences up to this one are rounding: a trimmed mean that trims nothing is the mean."""
DRAWS = 5000
"""Outputs and groups of nodes that a prediction averages over."""


class Contrast(NamedTuple):
    """One number: how it is told from the others, the cells that it rests on, and how."""

    keys: dict[str, Any]
    cells: tuple[Cell, ...]
    of: Callable[..., float]
    """Its value, from the statistics of each cell, name -> mean over replications."""


def contrast_attacks(
    pool: Pool, grid: Grid, *, resamples: int, confidence: float, threads: int = 1
) -> pl.DataFrame:
    """Return the contrasts of a pool (table ``contrasts``).

    - ``mae_saved``: MAE of the mean less that of another rule of the grid, in points, under an
      attack;
    - ``reward_by_k``: mean reward of evaluator nodes at the largest K less that at the smallest,
      in an honest network under the mean; only if there are two;
    - ``rounds_to_cap``: rounds until half of the nodes of an honest network under the
      trust-weighted mean stand at the cap of the published trust update; ``rounds_predicted``:
      what its formula says (:func:`predicted_rounds`); ``saturation``: the first over the second.
      Null where half of the nodes do not get there, if only in one replication.

    Args:
        pool: what to play on.
        grid: rules (:data:`BASELINE` and :data:`TRUSTED` among them) and attacks by name, the
            published trust update, one share of malicious nodes, values of K. A resample is
            played for one replication, but for saturation, whose round varies much, for all.
        resamples: resamples of prompts.
        confidence: coverage of the intervals, in (0, 1).
        threads: threads that run, and processes that compile, at a time.

    Raises:
        PoqError: a value of K exceeds the evaluator nodes that have a score for some output.
    """
    most, least = max(grid.evaluators_per_round), min(grid.evaluators_per_round)
    usual = max((k for k in grid.evaluators_per_round if k <= USUAL_K), default=least)
    (ratio,), (trust,) = grid.malicious_ratios, grid.trust.items()
    shared = {name: getattr(grid, name) for name in RunSettings.model_fields}
    honest = kinds.settings("poq.attacks", {"kind": "honest"})

    def cell(rule: str, k: int, attack: str | None, **run: int) -> Cell:
        return Cell(
            **shared | run,
            consensus=grid.consensus[rule],
            trust=trust[1],
            attack=grid.attacks[attack] if attack else honest,
            malicious_ratio=ratio if attack else 0,
            evaluators_per_round=k,
        )

    expected = predicted_rounds(cell(TRUSTED, usual, None), pool)
    patience = grid.rounds
    if np.isfinite(expected):
        patience = min(patience, max(ceil(PATIENCE * expected), 1))

    def plan(**run: int) -> list[Contrast]:
        saved = [
            Contrast(
                _keys("mae_saved", rule, BASELINE, attack),
                tuple(cell(name, usual, attack, **run) for name in (BASELINE, rule)),
                lambda mean, robust: _less(mean["mae"], robust["mae"]),
            )
            for attack in grid.attacks
            for rule in grid.consensus
            if rule != BASELINE
        ]
        by_k = Contrast(
            _keys("reward_by_k", BASELINE, f"k = {least}", "honest"),
            tuple(cell(BASELINE, k, None, **run) for k in (most, least)),
            lambda large, small: _less(large["evaluator_reward"], small["evaluator_reward"]),
        )
        saturating = cell(TRUSTED, usual, None, rounds=patience, seed=run["seed"])
        formulas: dict[str, Callable[..., float]] = {
            "rounds_to_cap": lambda seen: seen["half_saturated"],
            "rounds_predicted": lambda seen: seen["predicted"],
            "saturation": lambda seen: seen["half_saturated"] / seen["predicted"],
        }
        saturation = [
            Contrast(_keys(name, TRUSTED, None, "honest"), (saturating,), of)
            for name, of in formulas.items()
        ]
        return [*saved, *([by_k] if most > least else []), *saturation]

    first = plan(seed=grid.seed, replications=grid.replications)
    values = _values(first, pool, threads)
    prompts = len(pool.scores)
    resampled = [
        _values(plan(seed=seed, replications=1), pool.over(chosen), threads)
        for chosen, seed in replays(prompts, resamples, stream(grid.seed, "contrasts"))
    ]
    replicates = np.array(resampled).reshape(-1, len(first))
    return pl.DataFrame(
        [
            {
                **contrast.keys,
                "trust": trust[0],
                "malicious_ratio": contrast.cells[0].malicious_ratio,
                "k": contrast.cells[0].evaluators_per_round,
                "nodes": len(pool),
                "effective_evaluators": pool.effective_evaluators(),
                "n": contrast.cells[0].rounds * grid.replications,
                "n_prompts": prompts,
                **simulated(value, replicates[:, i], confidence).columns("value"),
            }
            for i, (contrast, value) in enumerate(zip(first, values, strict=True))
        ],
        infer_schema_length=None,
    )


def predicted_rounds(cell: Cell, pool: Pool) -> float:
    """Return after how many rounds half of the nodes of an honest network stand at the cap.

    From the logged scores alone, nothing is simulated: :func:`published.updates_to_cap` turns a
    node's mean deviation into updates, :func:`rounds_until_half` updates into rounds. Each node
    counts with its own deviation (:func:`honest_ratings`): updates are not linear in it, so that a
    mean over nodes would be off where evaluators differ much. NaN if half never get there.
    """
    shares, deviations = honest_ratings(cell, pool, stream(cell.seed, "contrasts", "ratings"))
    updates = [published.updates_to_cap(cell.trust, deviation) for deviation in deviations]
    return rounds_until_half(updates, shares)


def honest_ratings(cell: Cell, pool: Pool, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return how often each node is sampled, and how far it is from the consensus on average.

    Over :data:`DRAWS` random outputs and groups of K equally trusted honest nodes. Equal trust is
    where the published update begins and ends. Nodes of one evaluator with the same noise are alike
    and share what was seen of any of them: of a large pool each is drawn but seldom.

    Raises:
        PoqError: K exceeds the evaluator nodes that have a score for some output.

    Returns:
        The share of rounds in which each node is sampled, shape (N,): K / N, but less for the
        nodes of an evaluator that has not scored all outputs; and the mean deviation, shape (N,),
        in [0, 1], NaN for a node that is never sampled.
    """
    check_k(cell, pool)
    rule = kinds.load("poq.consensus", cell.consensus.kind)
    nodes, given = _draw(cell.evaluators_per_round, pool, rng)
    given = np.clip(given + rng.normal(size=nodes.shape) * pool.noise[nodes], 0, 10)
    deviations = np.abs(given - rule.consensus(given, cell.consensus)[:, None]) / 10
    alike = np.stack([pool.evaluator_of, pool.noise])
    _, group, sizes = np.unique(alike, axis=1, return_inverse=True, return_counts=True)
    group = group.ravel()
    drawn = group[nodes].ravel()
    ratings = np.bincount(drawn, minlength=len(sizes))
    with np.errstate(invalid="ignore"):
        mean = np.bincount(drawn, deviations.ravel(), len(sizes)) / ratings
    return (ratings / sizes)[group] / DRAWS, mean[group]


def _draw(k: int, pool: Pool, rng: np.random.Generator) -> tuple[Integers, Floats]:
    """Return K nodes for each of :data:`DRAWS` random outputs, and their scores: (DRAWS, K)."""
    roster_of, ends, roster = pool.rosters
    output = rng.integers(roster_of.size, size=DRAWS)
    start, size = (of[roster_of.ravel()[output]] for of in (ends[:-1], np.diff(ends)))
    places = np.empty((DRAWS, k), dtype=np.int64)
    for i in range(k):  # Floyd's sampling, whose effort does not depend on the size of the pool
        last = size - (k - i)
        drawn = rng.integers(last + 1)
        taken = (places[:, :i] == drawn[:, None]).any(axis=1)
        places[:, i] = np.where(taken, last, drawn)
    nodes = roster[start[:, None] + places]
    scores = pool.scores.reshape(-1, len(pool.evaluators))
    return nodes, scores[output[:, None], pool.evaluator_of[nodes]]


def rounds_until_half(updates: ArrayLike, shares: ArrayLike) -> float:
    """Return the round in which half of N nodes have had the updates that each of them needs.

    A node that is sampled in a share p of the rounds has had Binomial(t, p) updates after t of
    them. With the same share K / N and the same need for all, half of the nodes have had theirs
    after about updates * N / K rounds. In general the round is where the j-th of N nodes lies on
    average, j = N / 2 rounded up: the first by which the mean probability of having had one's
    updates is j / (N + 1). NaN if half of the nodes never get there.

    Args:
        updates: updates that each node needs, shape (N,), at least 0.
        shares: share of rounds in which each node is sampled, shape (N,), in [0, 1].
    """
    from scipy.stats import binom

    due = np.ceil(np.asarray(updates, dtype=np.float64))
    p = np.asarray(shares, dtype=np.float64)
    nodes = len(due)
    half = (nodes + 1) // 2
    if (np.isfinite(due) & ((p > 0) | (due == 0))).sum() < half:
        return np.nan

    def reached(t: int) -> float:
        return float(binom.sf(due - 1, t, p).mean())

    high = 1
    while reached(high) < half / (nodes + 1):
        high *= 2
    return float(bisect_left(range(high), half / (nodes + 1), key=reached))


def _keys(contrast: str, rule: str, against: str | None, attack: str) -> dict[str, Any]:
    return {"contrast": contrast, "consensus": rule, "against": against, "attack": attack}


def _less(first: float, second: float) -> float:
    """Return the difference; 0 up to rounding, so that rules that do the same never differ."""
    return first - second if abs(first - second) > SAME else 0.0


def _values(plan: list[Contrast], pool: Pool, threads: int) -> list[float]:
    """Play what a plan rests on, each cell once, and return the value of each contrast."""
    cells = list(dict.fromkeys(cell for contrast in plan for cell in contrast.cells))
    found = dict(zip(cells, means(cells, pool, threads=threads), strict=True))
    saturating = plan[-1].cells[0]
    found[saturating]["predicted"] = np.float64(predicted_rounds(saturating, pool))
    with np.errstate(divide="ignore", invalid="ignore"):
        return [contrast.of(*(found[cell] for cell in contrast.cells)) for contrast in plan]


def simulated(value: float, replicates: Floats, confidence: float) -> Estimate:
    """Return what was simulated, with the interval of its resamples, shape (resamples,).

    NaN where it is undefined; an interval of NaN without resamples.
    """
    if len(replicates) == 0 or not np.isfinite(value):
        return Estimate(value if np.isfinite(value) else np.nan, np.nan, np.nan)
    return interval(value, replicates, confidence)
