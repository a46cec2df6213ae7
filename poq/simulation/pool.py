"""The pool: evaluator nodes over logged scores, and how many of them are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from poq import tables
from poq.errors import PoqError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Logged outputs with their scores, and the evaluator nodes that give them.

    P prompts of T tasks, M inference nodes, E evaluators, N evaluator nodes.
    """

    scores: Floats
    """Logged scores, shape (P, M, E), in [0, 10]; NaN where an evaluator has none."""
    quality: Floats
    """Reference quality of each output, shape (P, M), in [0, 1]."""
    task: Integers
    """Task of each prompt, shape (P,), from 0."""
    inference_costs: Floats
    """Normalised cost of each inference node, shape (T, M), in [0, 1]."""
    evaluator_costs: Floats
    """Normalised cost of each evaluator, shape (T, E), in [0, 1]."""
    inference_nodes: tuple[str, ...]
    evaluators: tuple[str, ...]
    evaluator_of: Integers
    """Evaluator that each node runs, shape (N,)."""
    noise: Floats
    """Standard deviation of the error that each node adds anew to each score, shape (N,)."""
    prompts: tuple[str, ...] = ()
    """Identifiers of the prompts; may be left out."""

    def __len__(self) -> int:
        """Return N, the number of evaluator nodes."""
        return len(self.evaluator_of)

    def __post_init__(self) -> None:
        prompts, models, evaluators = self.scores.shape
        tasks = len(self.inference_costs)
        shapes = {
            "quality": (self.quality.shape, (prompts, models)),
            "task": (self.task.shape, (prompts,)),
            "inference_costs": (self.inference_costs.shape, (tasks, models)),
            "evaluator_costs": (self.evaluator_costs.shape, (tasks, evaluators)),
            "inference_nodes": ((len(self.inference_nodes),), (models,)),
            "evaluators": ((len(self.evaluators),), (evaluators,)),
            "prompts": ((len(self.prompts) or prompts,), (prompts,)),
            "noise": (self.noise.shape, self.evaluator_of.shape),
        }
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise PoqError(f"pool: {name} has shape {found}; expected {expected}")
        ranges = {
            "scores": (self.scores[~np.isnan(self.scores)], 10),
            "quality": (self.quality, 1),
            "inference_costs": (self.inference_costs, 1),
            "evaluator_costs": (self.evaluator_costs, 1),
            "noise": (self.noise, np.finfo(np.float64).max),
            "task": (self.task, tasks - 1),
            "evaluator_of": (self.evaluator_of, evaluators - 1),
        }
        for name, (values, high) in ranges.items():
            if not ((values >= 0) & (values <= high)).all():
                raise PoqError(f"pool: {name} holds a value outside of [0, {high:g}]")

    def with_nodes(self, nodes: int, noise: float = 0.0) -> Pool:
        """Return the same logs under another number of nodes, dealt to the evaluators in turn.

        Args:
            nodes: N; above E, evaluators are cloned.
            noise: standard deviation of the error that every node adds to every score.
        """
        dealt = np.arange(nodes, dtype=np.int64) % len(self.evaluators)
        return replace(self, evaluator_of=dealt, noise=np.full(nodes, float(noise)))

    def over(self, prompts: Integers) -> Pool:
        """Return the pool over some of its prompts, by index, each as often as it is given."""
        return replace(
            self,
            scores=self.scores[prompts],
            quality=self.quality[prompts],
            task=self.task[prompts],
            prompts=tuple(self.prompts[i] for i in prompts) if self.prompts else (),
        )

    @cached_property
    def rosters(self) -> tuple[Integers, Integers, Integers]:
        """Which nodes can be drawn for an output: those whose evaluator has a score for it.

        Outputs that the same evaluators score share a roster. Three arrays: the roster of each
        output, shape (P, M); the start of each roster and the end of the last, shape
        (rosters + 1,); the nodes of all rosters, ascending within each.
        """
        known = ~np.isnan(self.scores)
        patterns, roster_of = np.unique(
            known.reshape(-1, known.shape[-1]), axis=0, return_inverse=True
        )
        nodes = [np.flatnonzero(pattern[self.evaluator_of]) for pattern in patterns]
        ends = np.cumsum([0, *map(len, nodes)])
        return roster_of.reshape(known.shape[:2]), ends, np.concatenate(nodes)

    @cached_property
    def ranks(self) -> Floats:
        """Rank of each output's reference quality among all, in [-1/2, 1/2], shape (P, M)."""
        from scipy.stats import rankdata

        ranks = rankdata(self.quality) / self.quality.size - 0.5
        return np.asarray(ranks.reshape(self.quality.shape))

    def effective_evaluators(self) -> float:
        """Return the effective number of independent evaluator nodes, in [1, N].

        The participation ratio of the eigenvalues of the nodes' score correlation matrix,
        (sum of lambda)^2 / (sum of lambda^2) = N^2 / (sum of r_ij^2) (Bretherton et al., Journal of
        Climate 12, 1999): N where no two correlate, 1 where all are clones. Correlations are over
        the outputs that both evaluators score; with a constant evaluator, or fewer than two
        common outputs, they count as 0. Node noise attenuates them as independent errors do.
        """
        flat = self.scores.reshape(-1, len(self.evaluators))
        variance = np.array([_variance(column) for column in flat.T])
        correlation = np.eye(len(self.evaluators))
        for i in range(len(correlation)):
            for j in range(i):
                correlation[i, j] = correlation[j, i] = _correlation(flat[:, i], flat[:, j])
        of_node = variance[self.evaluator_of]
        total = of_node + self.noise**2
        # Squared attenuation of a node; a constant one without noise is its clones' exact copy.
        reliable = np.divide(of_node, total, out=np.ones_like(total), where=total > 0)
        mass = np.bincount(self.evaluator_of, weights=reliable, minlength=len(correlation))
        squares = mass @ correlation**2 @ mass + (1 - reliable**2).sum()
        return float(len(self) ** 2 / squares)


def read_pool(scores: Sequence[str], reference_quality: str, costs: str, **settings: Any) -> Pool:
    """Return the pool over tables on disk; settings as :func:`build_pool` takes them.

    Args:
        scores: paths of tables ``scores``, one an evaluator.
        reference_quality: path of table ``reference_quality``.
        costs: path of table ``costs``.
        **settings: see :func:`build_pool`.
    """
    return build_pool(
        tables.read("scores", *scores),
        tables.read("reference_quality", reference_quality),
        tables.read("costs", costs),
        **settings,
    )


def build_pool(
    scores: pl.DataFrame,
    reference_quality: pl.DataFrame,
    costs: pl.DataFrame,
    *,
    reference: dict[str, str],
    evaluators: Sequence[str],
    nodes: int | None = None,
    noise: float = 0.0,
    split: str = "test",
) -> Pool:
    """Return the pool over the logged scores of a split.

    An evaluator without any score in the split (a judge that is asked about a sample of the test
    split) has no node there: nodes are dealt to the others.

    Args:
        scores: table ``scores`` of all evaluators.
        reference_quality: table ``reference_quality``.
        costs: table ``costs``.
        reference: task -> column of ``reference_quality``.
        evaluators: evaluators in the pool.
        nodes: number of evaluator nodes, dealt to the evaluators in turn; one each if left out.
        noise: standard deviation of the error that every node adds to every score.
        split: the split whose prompts are played.

    Raises:
        PoqError: outputs are not a full grid of prompts and inference nodes, or one has no
            reference quality, or a node has no cost, or no evaluator has a score.
    """
    chosen = scores.filter((pl.col("split") == split) & pl.col("evaluator").is_in(evaluators))
    index = ["prompt_id", "task", "model"]
    wide = chosen.pivot("evaluator", index=index, values="score").sort("prompt_id", "model")
    prompts = wide.select("prompt_id", "task").unique(maintain_order=True)
    models = wide["model"].unique().sort().to_list()
    if len(wide) != len(prompts) * len(models) or wide.is_empty():
        raise PoqError(
            f"scores: {len(wide)} outputs of the {split} split; expected one of each of "
            f"{len(models)} inference nodes for each of {len(prompts)} prompts"
        )
    scoring = chosen.filter(pl.col("score").is_not_null())["evaluator"].unique()
    evaluators = [name for name in evaluators if name in scoring]
    if not evaluators:
        raise PoqError(f"scores: no evaluator of the pool has a score of the {split} split")
    # Without the scores, since an evaluator may have the name of a quality.
    rated = wide.select("prompt_id", "model").join(
        reference_quality, on=["prompt_id", "model"], how="left", maintain_order="left"
    )
    qualities = [rated.select(pl.col(name)).to_series().to_numpy() for name in reference.values()]
    tasks = list(reference)
    number = {name: i for i, name in enumerate(tasks)}
    task_of_row = np.array([number[name] for name in wide["task"]], dtype=np.int64)
    quality = np.array(qualities, dtype=np.float64)[task_of_row, np.arange(len(wide))]
    if np.isnan(quality).any():
        raise PoqError(f"reference_quality: an output of the {split} split has none")
    shape = (len(prompts), len(models))
    pool = Pool(
        scores=wide.select(pl.col(name).cast(pl.Float64).fill_null(np.nan) for name in evaluators)
        .to_numpy(order="c")
        .reshape(*shape, len(evaluators)),
        quality=quality.reshape(shape),
        task=task_of_row.reshape(shape)[:, 0].copy(),
        inference_costs=_costs(costs, "inference", tasks, models),
        evaluator_costs=_costs(costs, "evaluator", tasks, evaluators),
        inference_nodes=tuple(models),
        evaluators=tuple(evaluators),
        evaluator_of=np.arange(len(evaluators), dtype=np.int64),
        noise=np.zeros(len(evaluators)),
        prompts=tuple(prompts["prompt_id"]),
    )
    return pool.with_nodes(len(evaluators) if nodes is None else nodes, noise)


def _costs(costs: pl.DataFrame, kind: str, tasks: list[str], nodes: list[str]) -> Floats:
    """Return normalised costs, shape (tasks, nodes)."""
    rows = costs.filter(pl.col("kind") == kind).select("task", "node", "cost").iter_rows()
    found = {(task, node): cost for task, node, cost in rows}
    if missing := sorted({node for task in tasks for node in nodes if (task, node) not in found}):
        raise PoqError(f"costs: nodes {missing} have no cost")
    return np.array([[found[task, node] for node in nodes] for task in tasks], dtype=np.float64)


def _variance(values: ArrayLike) -> float:
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.var()) if len(known) else 0.0


def _correlation(x: Floats, y: Floats) -> float:
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 2 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return 0.0
    return float(np.corrcoef(x[both], y[both])[0, 1])
