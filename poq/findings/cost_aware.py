"""What the paper on cost-aware PoQ found (arXiv 2512.16317).

Its own models and evaluators are found by the names that the paper's configuration gives them.
Where a run lacks them, an evaluator of the same architecture stands for one of the paper's, chosen
by what it compares the output with and then by name, never by its result; the row says whose
number it is. Models have no stand-in.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
from poq.metrics.bootstrap import Estimate, interval, prompt_counts
from poq.reference_quality import references
from poq.rewards import normalized, reward
from poq.schema import JUDGE
from poq.simulation.earnings import earnings, mean_earnings
from poq.streams import stream

PAPER = "cost-aware PoQ, arXiv 2512.16317"
TABLES = ("costs", "ratings", "reference_quality", "reliability", "rewards", "rounds", "scores")

F1 = "token_f1"
NEAR_ZERO = 0.1
"""Below this a correlation counts as near zero or negative: a small effect (Cohen, 1988)."""

LLAMA, GEMMA, PHI, QWEN = "llama-3.2-3b", "gemma-2-2b", "phi-3-mini", "qwen2-1.5b"
REFERENCE_FREE = ("question+context", "question+evidence", "context", "question")
STAND_INS = {
    "sts-distilroberta": ("bi_encoder", ("reference", *REFERENCE_FREE)),
    "ce-minilm": ("cross_encoder", (*REFERENCE_FREE, "reference")),
    "ce-deberta": ("nli", (*REFERENCE_FREE, "reference")),
}
"""The paper's evaluators -> architecture, and what a stand-in compares with, first choice first."""


def stand_in(evidence: Evidence, name: str) -> str:
    """Return the evaluator that stands for one of the paper's: itself, if the run has it.

    Else the first by name of those of its architecture that compare with the first choice that
    any of them has.

    Raises:
        NotMeasured: the run has none of this architecture.
    """
    known = evidence.tables["reliability"].select("evaluator", "architecture", "compares_with")
    if name in known["evaluator"]:
        return name
    architecture, choices = STAND_INS[name]
    of_kind = known.filter(pl.col("architecture") == architecture)
    for target in choices:
        alike = of_kind.filter(pl.col("compares_with") == target)["evaluator"].sort()
        if len(alike):
            return str(alike[0])
    raise NotMeasured(f"no evaluator of architecture {architecture} in this run")


def correlation(evidence: Evidence, *, evaluator: str, reference: str) -> Measured:
    """Return Pearson's r of an evaluator's scores with a reference, pooled over tasks."""
    found = stand_in(evidence, evaluator)
    _check_reference(evidence, reference, found)
    rows = evidence.tables["reliability"].filter(
        (pl.col("evaluator") == found)
        & (pl.col("reference") == reference)
        & (pl.col("task") == "pooled")
    )
    if rows.is_empty():
        raise NotMeasured(f"{found} has no correlation with {reference} in this run")
    return _estimated(rows, "pearson", found, evaluator)


def correlation_difference(
    evidence: Evidence, *, first: str, second: str, reference: str
) -> Measured:
    """Return how much more the first evaluator's scores correlate with a reference, pooled."""
    pair = [stand_in(evidence, first), stand_in(evidence, second)]
    _check_reference(evidence, reference, *pair)
    scores = evidence.tables["scores"].filter(pl.col("split") == "test")
    keys = ["prompt_id", "model"]

    def of(evaluator: str, name: str) -> pl.DataFrame:
        return scores.filter(pl.col("evaluator") == evaluator).select(
            *keys, pl.col("score").alias(name)
        )

    if reference == F1:
        _check_f1(evidence)
    if reference == JUDGE:
        target = of(str(evidence.judge), "target")
    else:
        target = evidence.tables["reference_quality"].select(
            *keys, pl.col(reference).alias("target")
        )
    rows = of(pair[0], "first").join(of(pair[1], "second"), on=keys).join(target, on=keys)
    rows = rows.drop_nulls().sort(keys)
    whose = f"{_whose(pair[0], first)} less {_whose(pair[1], second)}"
    return pearson_less(evidence, rows, whose, first, second, reference)


def inference_reward(evidence: Evidence, *, node: str) -> Measured:
    """Return an inference node's mean normalised reward, pooled over tasks."""
    rewards = evidence.tables["rewards"].filter(pl.col("kind") == "inference")
    rows = rewards.filter((pl.col("node") == node) & (pl.col("task") == "pooled"))
    if rows.is_empty():
        raise NotMeasured(f"no inference node {node} in this run")
    return _estimated(rows.rename({"rounds": "n"}), "normalized_reward", node, node)


def efficiency_of(evidence: Evidence, *, node: str, other: str) -> Measured:
    """Return a node's quality per second over that of another."""
    known = evidence.tables["reference_quality"]["model"].unique()
    if missing := [name for name in (node, other) if name not in known]:
        raise NotMeasured(f"no inference node {' and none '.join(missing)} in this run")
    return _efficiency(evidence, [node], [other], f"{node} over {other}")


def efficiency_of_largest(evidence: Evidence) -> Measured:
    """Return quality per second of the nodes of the largest model over that of the other models.

    Of several nodes the mean counts; nodes whose model has no known size are left out.
    """
    sizes = evidence.tables["costs"].filter(pl.col("kind") == "inference")
    known = dict(sizes.drop_nulls("parameters").select("node", "parameters").unique().iter_rows())
    largest = sorted(name for name, size in known.items() if size == max(known.values()))
    others = sorted(set(known) - set(largest))
    if not others:
        raise NotMeasured("this run has no two models of known and different size")
    return _efficiency(evidence, largest, others, f"{', '.join(largest)} over {', '.join(others)}")


def reward_of_efficient(evidence: Evidence, *, kind: str) -> Measured:
    """Return the mean normalised reward of efficient nodes less that of inefficient ones, pooled.

    Efficient evaluators are those below the median cost of the pool, inefficient ones above it;
    inference nodes must also be above (below) the median of mean token F1, which no reward sees.
    """
    tables = evidence.tables
    earned = earnings(tables["rounds"], tables["ratings"], tables["costs"])
    pools = mean_earnings(earned, resamples=evidence.resamples, seed=evidence.seed)
    (pool,) = (pool for pool in pools if (pool.kind, pool.task) == (kind, "pooled"))
    advantage = [np.median(pool.cost[0]) - pool.cost[0]]
    if kind == "inference":
        _check_f1(evidence)
        test = tables["reference_quality"].filter(pl.col("split") == "test")
        quality = dict(test.group_by("model").agg(pl.col(F1).mean()).iter_rows())
        means = np.array([quality[node] for node in pool.nodes])
        advantage.append(means - np.median(means))
    groups = [np.all([sign * edge > 0 for edge in advantage], axis=0) for sign in (1, -1)]
    names = [[node for node, chosen in zip(pool.nodes, g, strict=True) if chosen] for g in groups]
    if not all(names):
        raise NotMeasured("this run has no two groups of nodes to compare")
    paid = normalized(reward(pool.quality, pool.cost, evidence.weights), evidence.weights)
    gap = paid[:, groups[0]].mean(axis=1) - paid[:, groups[1]].mean(axis=1)
    played = pool.rounds[:, groups[0] | groups[1]].sum(axis=1)
    return Measured(
        interval(float(gap[0]), gap[1:], evidence.confidence),
        int(played.sum()),
        int((played > 0).sum()),
        " less ".join(", ".join(group) for group in names),
    )


def _efficiency(
    evidence: Evidence, nodes: Iterable[str], others: Iterable[str], whose: str
) -> Measured:
    """Return the ratio of two groups' mean token F1 per second, over the outputs of all tasks.

    Prompts are resampled together for all nodes; every output is charged its node's median
    seconds in its task, which stay as they were measured.
    """
    timed = evidence.tables["costs"].filter(pl.col("kind") == "inference")
    rows = (
        evidence.tables["reference_quality"]
        .filter((pl.col("split") == "test") & pl.col("model").is_in([*nodes, *others]))
        .join(timed.select("task", "seconds", model="node"), on=["model", "task"])
        .drop_nulls(F1)
        .sort("prompt_id", "model")
    )
    _check_f1(evidence)
    if rows["seconds"].has_nulls():
        raise NotMeasured("the logs of this run tell no seconds")
    prompts = rows["prompt_id"].unique().sort()
    counts = np.vstack(
        [
            np.ones(len(prompts)),
            prompt_counts(
                len(prompts), evidence.resamples, stream(evidence.seed, "findings", whose)
            ),
        ]
    )

    def per_second(group: Iterable[str]) -> NDArray[np.float64]:
        rates = []
        for name in group:
            of_node = prompts.to_frame().join(
                rows.filter(pl.col("model") == name), on="prompt_id", how="left",
                maintain_order="left",
            )  # fmt: skip
            quality, seconds = (
                counts @ of_node[column].fill_null(0.0).to_numpy() for column in (F1, "seconds")
            )
            rates.append(quality / seconds)
        return np.asarray(np.mean(rates, axis=0))

    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = per_second(nodes) / per_second(others)
    value = float(ratios[0]) if np.isfinite(ratios[0]) else np.nan
    found = (
        interval(value, ratios[1:], evidence.confidence)
        if len(prompts) > 1
        else Estimate(value, np.nan, np.nan)
    )
    return Measured(found, len(rows), len(prompts), whose)


def _check_reference(evidence: Evidence, reference: str, *evaluators: str) -> None:
    if reference == JUDGE and evidence.judge is None:
        raise NotMeasured("no judge in this run")
    if reference == JUDGE and evidence.judge in evaluators:
        raise NotMeasured(f"{evidence.judge} is the judge itself")


def _check_f1(evidence: Evidence) -> None:
    if F1 not in references(evidence.tables["reference_quality"]):
        raise NotMeasured(f"no {_NAMES[F1]} in this run, whose logs have no references")


def _estimated(rows: pl.DataFrame, name: str, node: str, asked: str) -> Measured:
    (found,) = rows.iter_rows(named=True)
    ends = (found[key] for key in (name, f"{name}_low", f"{name}_high"))
    estimate = Estimate(*(np.nan if end is None else end for end in ends))
    return Measured(estimate, found["n"], found["n_prompts"], _whose(node, asked))


def _whose(node: str, asked: str) -> str:
    return node if node == asked else f"{node} (for {asked})"


_STS, _RELEVANCE, _NLI = STAND_INS
_BLOG: Certainty = "authors' blog"
_ABSTRACT: Certainty = "abstract"
_REWARD = "mean normalised reward, pooled over tasks"
_SCALE = "0 at the least that can be earned in a round, 1 at the greatest"
_RATIO = "ratio of mean token F1 per second of a request, over the test outputs of all tasks"


def _correlation(name: str, evaluator: str, reference: str, claim: Claim, says: str) -> Finding:
    return Finding(
        id=f"cost-aware/{name}",
        statement=says,
        quantity=f"Pearson's r of the score with {_NAMES[reference]}, pooled over tasks",
        claim=claim,
        certainty=_BLOG,
        measure=partial(correlation, evaluator=evaluator, reference=reference),
        rule="estimate_reliability",
        figure="evaluator_architecture",
    )


def _advantage(second: str, reference: str) -> Finding:
    return Finding(
        id=f"cost-aware/sts-above-{second}-{_SHORT[reference]}",
        statement="A semantic-textual-similarity bi-encoder correlates much more than "
        "cross-encoders, both with the ground truth and with the judge.",
        quantity=f"Pearson's r with {_NAMES[reference]}: the bi-encoder's less {second}'s, pooled",
        claim=Above(0, "above 0"),
        certainty=_ABSTRACT,
        measure=partial(correlation_difference, first=_STS, second=second, reference=reference),
        rule="estimate_reliability",
        figure="evaluator_architecture",
    )


def _reward_of(node: str, published: float, other: float) -> Finding:
    return Finding(
        id=f"cost-aware/reward-{node}",
        statement="Mean normalised inference reward is 0.62 for Llama-3.2-3B and 0.13 for "
        "Phi-3-mini.",
        quantity=f"{_REWARD}: {_SCALE}",
        claim=Value(published, rounding=0.005, denies=other),
        certainty=_BLOG,
        measure=partial(inference_reward, node=node),
        rule="pay_nodes",
        figure="normalized_rewards",
    )


def _efficiency_of(node: str) -> Finding:
    return Finding(
        id=f"cost-aware/efficiency-{node}",
        statement="Llama-3.2-3B and Gemma-2-2B give about 7 times the quality per millisecond of "
        "Qwen2-1.5B.",
        quantity=_RATIO,
        claim=Value(7, rounding=0.5, denies=1),
        certainty=_BLOG,
        measure=partial(efficiency_of, node=node, other=QWEN),
        rule="normalize_costs",
        figure="quality_per_second",
    )


def _reward_gap(kind: str, says: str) -> Finding:
    return Finding(
        id=f"cost-aware/reward-efficient-{kind}",
        statement=says,
        quantity=f"{_REWARD}: efficient nodes' less inefficient nodes', split at the medians",
        claim=Above(0, "above 0"),
        certainty=_ABSTRACT,
        measure=partial(reward_of_efficient, kind=kind),
        rule="pay_nodes",
        figure="normalized_rewards",
    )


_NAMES = {F1: "token F1", JUDGE: "the judge's score"}
_SHORT = {F1: "f1", JUDGE: "judge"}
_FLAT_OR_LESS = Below(NEAR_ZERO, "near zero or negative")
_FLAT = "Both cross-encoders correlate with token F1 near zero or negatively."

FINDINGS = (
    _correlation(
        "sts-f1", _STS, F1, Value(0.66, rounding=0.005, denies=0),
        "The semantic-textual-similarity bi-encoder correlates with token F1 at 0.66.",
    ),
    _correlation(
        "sts-judge", _STS, JUDGE, Value(0.29, rounding=0.005, denies=0),
        "The semantic-textual-similarity bi-encoder correlates with the GPT judge at 0.29.",
    ),
    _correlation("ce-minilm-f1", _RELEVANCE, F1, _FLAT_OR_LESS, _FLAT),
    _correlation("ce-deberta-f1", _NLI, F1, _FLAT_OR_LESS, _FLAT),
    *(_advantage(other, target) for other in (_RELEVANCE, _NLI) for target in (F1, JUDGE)),
    _reward_of(LLAMA, 0.62, other=0.13),
    _reward_of(PHI, 0.13, other=0.62),
    _efficiency_of(LLAMA),
    _efficiency_of(GEMMA),
    Finding(
        id="cost-aware/efficiency-largest",
        statement="The largest models in the pool are also the most efficient in quality per unit "
        "of latency.",
        quantity=f"{_RATIO}: nodes of the largest model over those of the others",
        claim=Above(1, "above 1"),
        certainty=_ABSTRACT,
        measure=efficiency_of_largest,
        rule="normalize_costs",
        figure="size_quality_cost",
    ),
    _reward_gap(
        "inference", "Inference models of high quality and low cost earn more on average than slow "
        "nodes of low quality.",
    ),
    _reward_gap("evaluator", "Efficient evaluators earn more on average."),
)  # fmt: skip
