"""The simulated model in plain Python: the specification of :mod:`poq.simulation.kernel`.

One round after the other, every quantity by the definition of its module, on the same random
numbers as the kernel: for reading, for tests, and for the log of one replication.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import kinds, rewards
from poq.simulation.engine import beneficiary, check_k, malicious_nodes
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell
from poq.simulation.streams import Xoshiro256Plus, states

Floats = NDArray[np.float64]
MIDDLE = 5.0
"""What an attacker that knows nothing yet takes for a score: the middle of the scale."""


@dataclass(frozen=True, eq=False)
class Round:
    """What happened in a round; arrays have shape (K,), in the order of sampling."""

    prompt: int
    model: int
    nodes: NDArray[np.int64]
    malicious: NDArray[np.bool_]
    honest: Floats
    """Scores as the nodes found them."""
    reported: Floats
    """Scores as they reported them."""
    weights: Floats
    """Trust before the round."""
    consensus: float
    deviations: Floats
    rewards: Floats
    trust: Floats
    """Trust of all nodes after the round, shape (N,)."""
    renewed: int
    """Nodes that came back under a new identity."""


def play(cell: Cell, pool: Pool, replication: int) -> Iterator[Round]:
    """Yield the rounds of one replication.

    Raises:
        PoqError: K exceeds the evaluator nodes that have a score for some output, or the
            beneficiary is unknown.
    """
    check_k(cell, pool)
    rule = kinds.load("poq.consensus", cell.consensus.kind)
    update = kinds.load("poq.trust", cell.trust.kind)
    attack = kinds.load("poq.attacks", cell.attack.kind)
    words = states(cell.seed, range(replication, replication + 1))[0]
    sampling, other = Xoshiro256Plus(words[:4]), Xoshiro256Plus(words[4:])
    prompts, models, _ = pool.scores.shape
    size, k = len(pool), cell.evaluators_per_round

    # Nodes run the evaluators in turn, so a stretch of them is balanced over evaluators.
    first = sampling.below(size)
    is_malicious = (np.arange(size) - first) % size < malicious_nodes(cell, pool)
    own = beneficiary(cell, pool)
    initial, cap = cell.trust.initial, update.cap(cell.trust)
    below = attack.renews_below(cell.attack, initial)
    trust = np.full(size, float(initial))
    previous = np.full(models, np.nan)
    revealed = MIDDLE
    consensus_so_far: list[float] = []

    for _ in range(cell.rounds):
        prompt, model = divmod(sampling.below(prompts * models), models)
        scores = pool.scores[prompt, model, pool.evaluator_of]
        able = np.flatnonzero(~np.isnan(scores))
        nodes = able[_floyd(sampling, len(able), k)]
        malicious, weights = is_malicious[nodes], trust[nodes]

        honest = scores[nodes]
        if pool.noise.any():
            errors = np.array([pool.noise[node] * other.normal() for node in nodes])
            honest = np.clip(honest + errors, 0, 10)

        reported = honest.copy()
        peers = honest[~malicious]
        peer = peers[0] if len(peers) else np.nan
        average = float(np.mean(consensus_so_far)) if consensus_so_far else MIDDLE
        for i in np.flatnonzero(malicious):
            draw = 0.0
            if attack.DRAWS == "uniform":
                draw = other.uniform()
            elif attack.DRAWS == "normal":
                draw = other.normal()
            reported[i] = attack.manipulate(
                honest[i],
                model == own,
                weights[i] / cap,
                peer,
                revealed,
                average,
                draw,
                np.array(attack.params(cell.attack)),
            )
        if len(peers):
            revealed = peer

        consensus = float(rule.consensus(reported, cell.consensus, weights))
        deviations = np.abs(reported - consensus) / 10
        effort = np.where(malicious, attack.effort(cell.attack), 1.0)
        cost = effort * pool.evaluator_costs[pool.task[prompt], pool.evaluator_of[nodes]]
        paid = rewards.reward(rewards.evaluator_quality(deviations), cost, cell.reward)

        compared = deviations
        if update.COMPARES_WITH == "others":
            compared = _leave_one_out(rule, cell, reported, weights)
        elif update.COMPARES_WITH == "previous":
            compared = np.abs(reported - previous[model]) / 10
        after = weights.copy()
        if not np.isnan(compared).any():
            typical = float(np.median(compared)) if update.USES_TYPICAL else 0.0
            update.update(after, compared, typical, update.params(cell.trust))
        renewed = malicious & (after < below)
        trust[nodes] = np.where(renewed, initial, after)
        previous[model] = consensus
        consensus_so_far.append(consensus)
        yield Round(
            prompt,
            model,
            nodes,
            malicious,
            honest,
            reported,
            weights,
            consensus,
            deviations,
            paid,
            trust.copy(),
            int(renewed.sum()),
        )


def log(cell: Cell, pool: Pool, replication: int = 0) -> pl.DataFrame:
    """Return every rating of one replication: one row for each round and sampled node.

    Prompts of a pool without identifiers, and nodes, go by their index.
    """
    played = (
        (
            *(r.prompt, r.model, r.consensus, r.nodes, r.malicious),
            *(r.honest, r.reported, r.weights, r.deviations, r.rewards),
        )
        for r in play(cell, pool, replication)
    )
    prompt, model, consensus, *by_rating = zip(*played, strict=True)
    nodes, malicious, honest, reported, weights, deviations, paid = map(np.concatenate, by_rating)
    index = np.repeat(np.arange(cell.rounds), cell.evaluators_per_round)
    prompts = np.array(pool.prompts or [str(i) for i in range(len(pool.scores))])
    return pl.DataFrame(
        {
            "round": index,
            "prompt_id": prompts[np.array(prompt)[index]],
            "model": np.array(pool.inference_nodes)[np.array(model)[index]],
            "consensus": np.array(consensus)[index],
            "node": nodes,
            "evaluator": np.array(pool.evaluators)[pool.evaluator_of[nodes]],
            "malicious": malicious,
            "honest_score": honest,
            "score": reported,
            "trust": weights,
            "deviation": deviations,
            "reward": paid,
        }
    )


def _floyd(stream: Xoshiro256Plus, size: int, k: int) -> list[int]:
    """Return k of ``range(size)``, a uniform sample without replacement (Bentley and Floyd, 1987).

    The set is uniform, its order is not: a number that replaces a repeated one is the largest.
    """
    chosen: list[int] = []
    for last in range(size - k, size):
        drawn = stream.below(last + 1)
        chosen.append(last if drawn in chosen else drawn)
    return chosen


def _leave_one_out(rule: ModuleType, cell: Cell, scores: Floats, weights: Floats) -> Floats:
    """Return the deviation of each score from the consensus of the others; NaN without others."""
    k = len(scores)
    if k == 1:
        return np.array([np.nan])
    rest = np.array([np.delete(np.arange(k), i) for i in range(k)])
    others = rule.consensus(scores[rest], cell.consensus, weights[rest])
    return np.asarray(np.abs(scores - others) / 10)
