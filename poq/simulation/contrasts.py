"""What the findings of robust PoQ rest on, with intervals that resample prompts.

The simulator's own intervals say how sure a simulation is of the logged prompts. Here the pool is
built again on every resample of its prompts, and all of them play the same random numbers, so that
an interval says how sure one can be of other prompts. Both sides of a contrast play the same
rounds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from poq import kinds
from poq.metrics.bootstrap import Estimate, interval, prompt_counts
from poq.rewards import RewardSettings
from poq.simulation.engine import malicious_nodes, run
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell
from poq.simulation.statistics import replications as statistics_of
from poq.streams import stream
from poq.trust import published

Floats = NDArray[np.float64]

ATTACKS = ("noise", "boosting", "sabotage", "intermittent")
RULES = ("median", "trimmed_mean", "trust_weighted_mean")
BASELINE = "mean"
"""The attacks of robust PoQ, its robust rules, and the rule that they are set against."""
MALICIOUS_RATIO, EVALUATORS_PER_ROUND = 0.3, 5
"""The middle of the paper's sweep; K is smaller where fewer nodes score some output."""
REPLICATIONS = 4
"""Replications that rewards and alignment need: rounds are many, so more change little."""


class Contrast(NamedTuple):
    """One number: how it is told from the others, the cells that it rests on, and how."""

    keys: dict[str, Any]
    cells: tuple[Cell, ...]
    of: Callable[..., float]
    """Its value, from the statistics of each cell, name -> mean over replications."""


def contrast_attacks(
    pool: Pool,
    *,
    consensus: Mapping[str, Any],
    trust: published.Settings,
    attacks: Mapping[str, Any],
    ks: Sequence[int],
    rounds: int,
    replications: int,
    reward: RewardSettings,
    seed: int,
    resamples: int,
    confidence: float,
    threads: int = 1,
) -> pl.DataFrame:
    """Return the contrasts of a pool (table ``contrasts``).

    - ``mae_saved``: MAE of the mean less that of a robust rule, in points, under an attack;
    - ``reward_by_k``: mean reward of evaluator nodes at the largest K less that at the smallest,
      in an honest network under the mean; only if there are two;
    - ``rounds_to_cap``: rounds until half of the nodes of an honest network under the
      trust-weighted mean stand at the cap of the published trust update; ``rounds_predicted``:
      what its formula says (:func:`predicted_rounds`); ``saturation``: the first over the second.
      Null where half of the nodes do not get there, if only in one replication.

    Args:
        pool: what to play on.
        consensus: settings of :data:`BASELINE` and of each of :data:`RULES`.
        trust: the published trust update.
        attacks: settings of each of :data:`ATTACKS`.
        ks: values of K that are compared.
        rounds: rounds of a replication.
        replications: replications of the saturation, whose round varies most.
        reward: alpha and beta.
        seed: seed of simulation and resampling.
        resamples: resamples of prompts.
        confidence: coverage of the intervals, in (0, 1).
        threads: threads that run at a time.

    Raises:
        PoqError: a value of K exceeds the evaluator nodes that have a score for some output.
    """
    _, groups, _ = pool.rosters
    k = min(EVALUATORS_PER_ROUND, int(np.diff(groups).min()))
    honest = kinds.settings("poq.attacks", {"kind": "honest"})

    def cell(rule: str, k: int, attack: Any = honest, n: int = REPLICATIONS) -> Cell:
        return Cell(
            rounds=rounds,
            replications=n,
            seed=seed,
            reward=reward,
            consensus=consensus[rule],
            trust=trust,
            attack=attack,
            malicious_ratio=0 if attack == honest else MALICIOUS_RATIO,
            evaluators_per_round=k,
        )

    def less(metric: str) -> Callable[..., float]:
        return lambda first, second: first[metric] - second[metric]

    def row(contrast: str, rule: str, against: str | None, attack: str) -> dict[str, Any]:
        return {"contrast": contrast, "consensus": rule, "against": against, "attack": attack}

    plan = [
        Contrast(
            row("mae_saved", rule, BASELINE, attack),
            tuple(cell(name, k, attacks[attack]) for name in (BASELINE, rule)),
            less("mae"),
        )
        for attack in ATTACKS
        for rule in RULES
    ]
    most, least = max(ks), min(ks)
    if most > least:
        keys = row("reward_by_k", BASELINE, f"k = {least}", "honest")
        cells = cell(BASELINE, most), cell(BASELINE, least)
        plan.append(Contrast(keys, cells, less("evaluator_reward")))
    saturating = cell("trust_weighted_mean", k, n=replications)
    formulas: dict[str, Callable[..., float]] = {
        "rounds_to_cap": lambda seen: seen["half_saturated"],
        "rounds_predicted": lambda seen: seen["predicted"],
        "saturation": lambda seen: seen["half_saturated"] / seen["predicted"],
    }
    plan += [
        Contrast(row(name, "trust_weighted_mean", None, "honest"), (saturating,), of)
        for name, of in formulas.items()
    ]

    def values(on: Pool) -> list[float]:
        found = _play([cell for contrast in plan for cell in contrast.cells], on, threads)
        found[saturating]["predicted"] = predicted_rounds(saturating, on)
        return [contrast.of(*(found[cell] for cell in contrast.cells)) for contrast in plan]

    played = values(pool)
    resampled = np.array([values(other) for other in _resampled(pool, resamples, seed)])
    resampled = resampled.reshape(-1, len(plan))
    return pl.DataFrame(
        [
            {
                **contrast.keys,
                "malicious_ratio": contrast.cells[0].malicious_ratio,
                "k": contrast.cells[0].evaluators_per_round,
                "nodes": len(pool),
                "effective_evaluators": pool.effective_evaluators(),
                "n": rounds * contrast.cells[0].replications,
                "n_prompts": len(pool.scores),
                **_estimate(value, resampled[:, i], confidence).columns("value"),
            }
            for i, (contrast, value) in enumerate(zip(plan, played, strict=True))
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

    Over as many random outputs and groups of K equally trusted honest nodes as the cell has
    rounds. Equal trust is where the published update begins and ends.

    Returns:
        The share of rounds in which each node is sampled, shape (N,): K / N, but less for the
        nodes of an evaluator that has not scored all outputs; and the mean deviation, shape (N,),
        in [0, 1], NaN for a node that is never sampled.
    """
    rule = kinds.load("poq.consensus", cell.consensus.kind)
    k = cell.evaluators_per_round
    outputs = pool.scores.reshape(-1, len(pool.evaluators))
    scores = rng.choice(outputs, cell.rounds)[:, pool.evaluator_of]
    keys = np.where(np.isnan(scores), np.inf, rng.random(scores.shape))
    nodes = np.argpartition(keys, k - 1, axis=1)[:, :k]
    errors = rng.normal(size=nodes.shape) * pool.noise[nodes]
    given = np.clip(np.take_along_axis(scores, nodes, 1) + errors, 0, 10)
    deviations = np.abs(given - rule.consensus(given, cell.consensus)[:, None]) / 10
    ratings = np.bincount(nodes.ravel(), minlength=len(pool))
    with np.errstate(invalid="ignore"):
        mean = np.bincount(nodes.ravel(), deviations.ravel(), len(pool)) / ratings
    return ratings / cell.rounds, mean


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


def _play(cells: list[Cell], pool: Pool, threads: int) -> dict[Cell, dict[str, float]]:
    """Return the statistics of each cell, averaged over replications; NaN if NaN in one of them."""
    distinct = list(dict.fromkeys(cells))
    at = np.array([distinct[0].rounds])
    return {
        cell: {
            name: float(values.mean())
            for name, values in statistics_of(
                sums,
                k=cell.evaluators_per_round,
                malicious=malicious_nodes(cell, pool),
                pool=pool,
                reward=cell.reward,
            ).items()
        }
        for cell, sums in zip(distinct, run(distinct, pool, threads=threads, at=at), strict=True)
    }


def _resampled(pool: Pool, resamples: int, seed: int) -> Iterator[Pool]:
    """Yield the pool on each resample of its prompts; one prompt cannot be resampled."""
    prompts = len(pool.scores)
    counts = prompt_counts(prompts, resamples if prompts > 1 else 0, stream(seed, "contrasts"))
    for drawn in counts.astype(np.int64):
        chosen = np.repeat(np.arange(prompts), drawn)
        yield replace(
            pool,
            scores=pool.scores[chosen],
            quality=pool.quality[chosen],
            task=pool.task[chosen],
        )


def _estimate(value: float, replicates: Floats, confidence: float) -> Estimate:
    if len(replicates) == 0:
        return Estimate(value, np.nan, np.nan)
    return interval(value, replicates, confidence)
