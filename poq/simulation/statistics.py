"""From the sums of a simulation to the statistics of its replications.

The kernel adds up a fixed number of sums (:data:`SUMS`), a histogram of consensus and the consensus
by output; everything that is reported follows from these. Intervals are Student's
t over replications: they say how sure the simulation is given the logged scores, not how sure one
can be of other prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.rewards import RewardSettings
from poq.simulation.pool import Pool

Floats = NDArray[np.float64]

SUMS = (
    # consensus less 5; its distance from 10 * reference quality
    *("consensus", "error"),
    # deviations and rewards of evaluator nodes: all, malicious
    *("deviation", "deviation_bad", "reward", "reward_sq", "reward_bad", "reward_sq_bad"),
    *("ratings_bad", "identities"),
    # as they are after the round: sum of trust and nodes at the cap, all and malicious
    *("trust", "trust_bad", "at_cap", "at_cap_bad"),
    # first round after which half of the nodes, all nodes, are at the cap; 0 if there was none
    *("half_saturated", "saturated"),
    "consensus_sq",  # of the first
)
"""Names of the sums, in the kernel's order; all since the first round."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What the kernel has added up in R replications, with C checkpoints."""

    rounds: NDArray[np.int64]
    """Rounds played at each checkpoint, shape (C,)."""
    sums: Floats
    """Shape (R, C, len(SUMS))."""
    by_output: Floats
    """Rounds, and sum of consensus - 5, shape (R, P * M, 2)."""
    histogram: Floats
    """Rounds, and sum of the ranks of their reference quality, by consensus; shape (R, B, 2)."""

    def of(self, name: str) -> Floats:
        """Return one of :data:`SUMS`, shape (R, C)."""
        return np.asarray(self.sums[..., SUMS.index(name)])


def replications(
    sums: Sums,
    *,
    k: int,
    malicious: int,
    pool: Pool,
    reward: RewardSettings,
) -> dict[str, Floats]:
    """Return the statistics of each replication, name -> shape (R,).

    NaN where one is undefined: a correlation with a constant, the reward of honest nodes where
    there are none, the round of a saturation that never came.

    Args:
        sums: what the kernel has added up.
        k: evaluator nodes in a round.
        malicious: malicious nodes in the pool.
        pool: what was played on.
        reward: alpha and beta.

    Returns:
        ``pearson``, ``spearman`` of consensus with reference quality (ranks of consensus in steps
        of 0.01 points, of quality among all logged outputs); ``mae``, ``bias`` of
        consensus against 10 * reference quality, in points; mean and standard deviation over
        ratings (``evaluator``, ``honest``, ``malicious``) or rounds (``inference``) of rewards;
        mean deviations; identities used; at the end of the run mean trust and share of nodes
        at the cap; the rounds of half and of full saturation.
    """
    n = float(sums.rounds[-1])

    def last(name: str) -> Floats:
        return sums.of(name)[:, -1]

    ratings_bad = last("ratings_bad")
    ratings_good = n * k - ratings_bad
    trust = standing(sums, len(pool), malicious)
    played, c = np.moveaxis(sums.by_output, -1, 0)
    cc = last("consensus_sq")
    g = 10 * pool.quality.ravel() - 5
    ranks = pool.ranks.ravel()
    paid = reward.alpha * (c + 5 * played) / 10
    burden = reward.beta * pool.inference_costs[pool.task].ravel()
    paid_sq = (reward.alpha / 10) ** 2 * (cc + (10 * c + 25 * played).sum(axis=1))
    inference = (paid - burden * played).sum(axis=1)
    inference_sq = paid_sq - (2 * burden * paid - burden**2 * played).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "pearson": _correlation(n, c.sum(axis=1), cc, played @ g, played @ g**2, c @ g),
            "spearman": _spearman(sums.histogram, played @ ranks**2),
            "mae": last("error") / n,
            "bias": (c.sum(axis=1) - played @ g) / n,
            "inference_reward": inference / n,
            "inference_reward_sd": _deviation(n, inference, inference_sq),
            "evaluator_reward": last("reward") / (n * k),
            "evaluator_reward_sd": _deviation(n * k, last("reward"), last("reward_sq")),
            "honest_reward": (last("reward") - last("reward_bad")) / ratings_good,
            "honest_reward_sd": _deviation(
                ratings_good,
                last("reward") - last("reward_bad"),
                last("reward_sq") - last("reward_sq_bad"),
            ),
            "malicious_reward": last("reward_bad") / ratings_bad,
            "malicious_reward_sd": _deviation(
                ratings_bad, last("reward_bad"), last("reward_sq_bad")
            ),
            "honest_deviation": (last("deviation") - last("deviation_bad")) / ratings_good,
            "malicious_deviation": last("deviation_bad") / ratings_bad,
            "identities": last("identities"),
            **{name: values[:, -1] for name, values in trust.items()},
            "half_saturated": np.where(last("half_saturated") > 0, last("half_saturated"), np.nan),
            "saturated": np.where(last("saturated") > 0, last("saturated"), np.nan),
        }


def standing(sums: Sums, nodes: int, malicious: int) -> dict[str, Floats]:
    """Return mean trust and share of nodes at the cap after each checkpoint, shape (R, C).

    NaN for honest or malicious nodes where there are none.
    """
    good = float(nodes - malicious) or np.nan
    bad = float(malicious) or np.nan
    return {
        "trust_honest": (sums.of("trust") - sums.of("trust_bad")) / good,
        "trust_malicious": sums.of("trust_bad") / bad,
        "at_cap_honest": (sums.of("at_cap") - sums.of("at_cap_bad")) / good,
        "at_cap_malicious": sums.of("at_cap_bad") / bad,
    }


def coalition_income(
    sums: Sums, *, pool: Pool, reward: RewardSettings, own: int, fee: float
) -> Floats:
    """Return what the malicious coalition earns in a round, shape (R,).

    The rewards of its evaluator nodes and of its inference node, less the fees of new identities.

    Args:
        sums: what the kernel has added up.
        pool: what was played on.
        reward: alpha and beta.
        own: its inference node; negative if it has none.
        fee: cost of an identity.
    """
    income = sums.of("reward_bad")[:, -1] - fee * sums.of("identities")[:, -1]
    if own >= 0:
        models = len(pool.inference_nodes)
        served = sums.by_output[:, own::models]
        quality = (served[..., 1] + 5 * served[..., 0]) / 10
        cost = pool.inference_costs[pool.task, own] * served[..., 0]
        income = income + (reward.alpha * quality - reward.beta * cost).sum(axis=1)
    return np.asarray(income / sums.rounds[-1])


def summarize(
    measured: Iterable[tuple[Mapping[str, Any], Mapping[str, Floats]]], confidence: float
) -> pl.DataFrame:
    """Return one row for each cell and statistic: n, mean over replications, interval.

    Replications where a statistic is undefined do not count; without any the value is null, with
    fewer than two its interval.

    Args:
        measured: keys of a cell, and its statistics, name -> shape (R,).
        confidence: coverage of the intervals, in (0, 1).

    Returns:
        The keys, then ``metric``, ``n``, ``value``, ``low``, ``high``.
    """
    from scipy.special import stdtrit

    rows = []
    for keys, values in measured:
        for name, replicates in values.items():
            known = replicates[np.isfinite(replicates)]
            n = len(known)
            mean = float(known.mean()) if n else None
            low = high = None
            if mean is not None and n > 1:
                quantile = stdtrit(n - 1, (1 + confidence) / 2)
                half = float(quantile * known.std(ddof=1) / np.sqrt(n))
                low, high = mean - half, mean + half
            interval = {"value": mean, "low": low, "high": high}
            rows.append({**keys, "metric": name, "n": n, **interval})
    floats = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=floats, infer_schema_length=None)


def _deviation(n: Floats | float, total: Floats, squares: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0)))


def _correlation(n: float, x: Floats, xx: Floats, y: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return Pearson's r from sums; NaN where a variable is constant up to rounding."""
    sxx, syy, sxy = xx - x * x / n, yy - y * y / n, xy - x * y / n
    flat = (sxx <= 1e-12 * (xx + n)) | (syy <= 1e-12 * (yy + n))
    return np.where(flat, np.nan, np.clip(sxy / np.sqrt(sxx * syy), -1, 1))


def _spearman(histogram: Floats, rank_sq: Floats) -> Floats:
    """Return Spearman's rho from the histogram; consensus in one bin counts as tied."""
    counts, ranks = histogram[..., 0], histogram[..., 1]
    n = counts.sum(axis=1)
    middle = np.cumsum(counts, axis=1) - (counts - 1) / 2
    middle = middle / n[:, None] - 0.5  # as the ranks of quality: in [-1/2, 1/2]
    return _correlation(
        float(n[0]),
        (counts * middle).sum(axis=1),
        (counts * middle**2).sum(axis=1),
        ranks.sum(axis=1),
        rank_sq,
        (ranks * middle).sum(axis=1),
    )
