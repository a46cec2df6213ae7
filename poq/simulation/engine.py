"""Run cells: arrays for the kernel, threads over replications, statistics out of sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import kinds
from poq.attacks import honest
from poq.errors import PoqError
from poq.simulation.coalition import break_even_sizes
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell
from poq.simulation.statistics import (
    SUMS,
    Sums,
    coalition_income,
    replications,
    standing,
    summarize,
)
from poq.simulation.streams import states

CONFIDENCE = 0.95

T = TypeVar("T")


def malicious_nodes(cell: Cell, pool: Pool) -> int:
    """Return the number of malicious nodes: the ratio's, rounded half up."""
    return int(cell.malicious_ratio * len(pool) + 0.5 + 1e-9)  # 0.7 * 45 is just under 31.5


def beneficiary(cell: Cell, pool: Pool) -> int:
    """Return the coalition's inference node as an index; -1 if it has none.

    Raises:
        PoqError: the pool has no such inference node.
    """
    if cell.beneficiary is None:
        return -1
    if cell.beneficiary not in pool.inference_nodes:
        raise PoqError(
            f"beneficiary: found {cell.beneficiary!r}; "
            f"expected one of {', '.join(pool.inference_nodes)}"
        )
    return pool.inference_nodes.index(cell.beneficiary)


def check_k(cell: Cell, pool: Pool) -> None:
    """Raise a PoqError if an output has scores of fewer than K nodes."""
    _, groups, _ = pool.rosters
    fewest = int(np.diff(groups).min())
    if fewest < cell.evaluators_per_round:
        raise PoqError(
            f"evaluators_per_round: found {cell.evaluators_per_round}; expected at most {fewest}, "
            "the fewest evaluator nodes that have a score for an output"
        )


def checkpoints(rounds: int, per_decade: int = 8) -> NDArray[np.int64]:
    """Return rounds after which trust is recorded: evenly spaced logarithms, the last included."""
    steps = int(np.ceil(np.log10(rounds) * per_decade)) + 1
    return np.unique(np.geomspace(1, rounds, steps).round().astype(np.int64))


def run(
    cells: Iterable[Cell],
    pool: Pool,
    *,
    threads: int = 1,
    at: NDArray[np.int64] | None = None,
    compiled: bool = True,
) -> list[Sums]:
    """Run cells and return what they add up to.

    Replications are shared out among threads; their numbers depend on the seed and on the
    replication alone, so that the result is the same with any number of threads.

    Args:
        cells: what to run.
        pool: what to run it on.
        threads: threads that run, and processes that compile, at a time.
        at: rounds after which sums are recorded, ascending, the last being the cell's rounds;
            :func:`checkpoints` if left out.
        compiled: see :func:`poq.simulation.kernel.program`.

    Raises:
        PoqError: K exceeds the evaluator nodes that have a score for some output, or the
            beneficiary is unknown.
    """
    cells = list(cells)
    if compiled:
        _precompile(cells, threads)
    results: list[Sums] = []
    with ThreadPoolExecutor(threads) as workers:
        pending: list[Future[None]] = []
        for cell in cells:
            sums, groups, call = _prepare(
                cell, pool, checkpoints(cell.rounds) if at is None else at, compiled
            )
            results.append(sums)
            share = -(-len(groups) // threads)
            for first in range(0, len(groups), share):
                chosen = groups[first : first + share]
                pending.append(workers.submit(call, range(chosen[0].start, chosen[-1].stop)))
        for future in pending:
            future.result()
    return results


def study(
    cells: Iterable[tuple[Mapping[str, Any], Cell]],
    pool: Pool,
    *,
    threads: int = 1,
    confidence: float = CONFIDENCE,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the statistics of a grid, and from what size on a coalition pays in it.

    Profit is what the malicious coalition earns in a round more than the same nodes would if they
    were honest, on the same random numbers.

    Args:
        cells: keys that name a cell, and the cell (:meth:`poq.simulation.settings.Grid.cells`).
            Cells whose keys differ in ``malicious_ratio`` alone have a break-even size in common.
        pool: what to run it on.
        threads: threads that run at a time.
        confidence: coverage of the intervals over replications, in (0, 1).

    Returns:
        One row for each cell and statistic: the keys, ``malicious`` (number of malicious nodes),
        ``nodes``, ``effective_evaluators``
        (:meth:`poq.simulation.pool.Pool.effective_evaluators`), ``rounds``, ``metric``, ``n``
        (replications where it is defined), ``value``, ``low``, ``high``. And one row for each
        break-even size: :func:`poq.simulation.coalition.break_even_sizes`, with ``nodes`` and
        ``effective_evaluators``.
    """
    named = list(cells)
    described = _described(pool)
    rows, profits = [], []
    measured = measure([cell for _, cell in named], pool, threads=threads)
    for (keys, cell), values in zip(named, measured, strict=True):
        malicious = malicious_nodes(cell, pool)
        told = {**keys, "malicious": malicious, **described, "rounds": cell.rounds}
        rows.append((told, values))
        group = {name: key for name, key in keys.items() if name != "malicious_ratio"}
        profits.append((group | described, malicious, values["profit"]))
    return summarize(rows, confidence), break_even_sizes(profits, confidence)


def measure(
    cells: Iterable[Cell], pool: Pool, *, threads: int = 1
) -> list[dict[str, NDArray[np.float64]]]:
    """Return the statistics of each replication of each cell, name -> shape (R,).

    See :func:`poq.simulation.statistics.replications`, and ``profit`` in :func:`study`.
    """
    cells = list(cells)
    _precompile(cells, threads)
    # An honest twin runs once, whatever the number of attacks on it; sums are dropped as soon as
    # they are statistics, since those of a whole grid may not fit into memory.
    of_twin: dict[Cell, list[Cell]] = {}
    for cell in dict.fromkeys(cells):
        of_twin.setdefault(_honest_twin(cell), []).append(cell)
    found: dict[Cell, dict[str, NDArray[np.float64]]] = {}
    for batch in _batches(list(of_twin.items()), 2 * threads):
        played = (c for twin, attacked in batch for c in (twin, *attacked))
        distinct = list(dict.fromkeys(as_played(cell, pool) for cell in played))
        sums = dict(zip(distinct, run(distinct, pool, threads=threads), strict=True))
        for twin, attacked in batch:
            for cell in attacked:
                own = sums[as_played(cell, pool)]
                found[cell] = _measured(cell, own, sums[twin], pool)
    return [found[cell] for cell in cells]


def means(cells: Iterable[Cell], pool: Pool, *, threads: int = 1) -> list[dict[str, np.float64]]:
    """Return the means over replications of each cell's statistics, without profit.

    See :func:`poq.simulation.statistics.replications`. Nothing else is played: :func:`measure`
    needs an honest twin of each attacked network.
    """
    cells = list(cells)
    return [
        {name: values.mean() for name, values in _statistics(cell, sums, pool).items()}
        for cell, sums in zip(cells, run(cells, pool, threads=threads), strict=True)
    ]


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _precompile(cells: Iterable[Cell], processes: int) -> None:
    from poq.simulation import kernel

    kernel.precompile(map(kernel_of, cells), processes)


def kernel_of(cell: Cell) -> tuple[str, str, int]:
    """Return what a cell's kernel is compiled for: kinds of rule and trust update, and K."""
    return cell.consensus.kind, cell.trust.kind, cell.evaluators_per_round


def trajectories(
    cells: Iterable[tuple[Mapping[str, Any], Cell]],
    pool: Pool,
    *,
    threads: int = 1,
    confidence: float = CONFIDENCE,
) -> pl.DataFrame:
    """Return trust over time: one row for each cell, recorded round and statistic.

    Arguments as in :func:`study`; its rows are the keys, ``malicious``, ``nodes``,
    ``effective_evaluators``, ``round``, then ``metric`` to ``high`` with the statistics of
    :func:`poq.simulation.statistics.standing`.
    """
    named = list(cells)
    described = _described(pool)
    measured = []
    for (keys, cell), sums in zip(
        named, run([cell for _, cell in named], pool, threads=threads), strict=True
    ):
        malicious = malicious_nodes(cell, pool)
        values = standing(sums, len(pool), malicious)
        for column, played in enumerate(sums.rounds):
            now = {name: rows[:, column] for name, rows in values.items()}
            at = {**keys, "malicious": malicious, **described, "round": int(played)}
            measured.append((at, now))
    return summarize(measured, confidence)


def as_played(cell: Cell, pool: Pool) -> Cell:
    """Return the cell with its attack, or without one if it has no malicious node."""
    return cell if malicious_nodes(cell, pool) else _honest_twin(cell)


def _described(pool: Pool) -> dict[str, Any]:
    """Return what every row says of the pool."""
    return {"nodes": len(pool), "effective_evaluators": pool.effective_evaluators()}


def _honest_twin(cell: Cell) -> Cell:
    """Return the cell in which the malicious nodes are honest."""
    return cell.model_copy(update={"attack": honest.Settings(kind="honest")})


def _statistics(cell: Cell, sums: Sums, pool: Pool) -> dict[str, NDArray[np.float64]]:
    return replications(
        sums,
        k=cell.evaluators_per_round,
        malicious=malicious_nodes(cell, pool),
        pool=pool,
        reward=cell.reward,
    )


def _measured(cell: Cell, sums: Sums, twin: Sums, pool: Pool) -> dict[str, NDArray[np.float64]]:
    values = _statistics(cell, sums, pool)
    fee = kinds.load("poq.attacks", cell.attack.kind).fee(cell.attack)
    own = beneficiary(cell, pool)
    incomes = [
        coalition_income(of, pool=pool, reward=cell.reward, own=own, fee=fee) for of in (sums, twin)
    ]
    return values | {"profit": incomes[0] - incomes[1]}


def _prepare(
    cell: Cell, pool: Pool, at: NDArray[np.int64], compiled: bool
) -> tuple[Sums, list[range], Callable[[range], None]]:
    """Return the sums of a cell, still 0, its groups of replications, and what adds some to them.

    Groups fill all lanes of the kernel, unless a cell has fewer replications: the last may hold
    replications beyond the cell's, which are left out of the result.
    """
    from poq.simulation import kernel

    update = kinds.load("poq.trust", cell.trust.kind)
    rule = kinds.load("poq.consensus", cell.consensus.kind)
    attack = kinds.load("poq.attacks", cell.attack.kind)
    prompts, models, evaluators = pool.scores.shape
    outputs = prompts * models
    check_k(cell, pool)
    group_of, groups, roster = pool.rosters
    everyone = len(groups) == 2 and len(roster) == len(pool)
    effort = np.array([1.0, attack.effort(cell.attack)])
    program = kernel.program(
        cell.consensus.kind,
        cell.trust.kind,
        cell.attack.kind,
        cell.evaluators_per_round,
        compiled=compiled,
    )
    side_by_side = program.lanes
    # Fewer replications than lanes leave lanes empty; more fill all of them.
    lanes = min(side_by_side, cell.replications)
    room = -(-cell.replications // lanes) * lanes
    added = Sums(
        rounds=np.asarray(at, dtype=np.int64),
        sums=np.zeros((room, len(at), len(SUMS))),
        by_output=np.zeros((room, outputs, 2)),
        histogram=np.zeros((room, kernel.BINS, 2)),
    )
    arguments = (
        np.ascontiguousarray(pool.scores).ravel(),
        (pool.quality * 10).ravel(),
        pool.ranks.ravel(),
        np.tile(np.arange(models, dtype=np.uint64), prompts),
        np.repeat(pool.task * 2 * evaluators, models).astype(np.uint64),
        groups[group_of].ravel().astype(np.uint64),
        np.diff(groups)[group_of].ravel().astype(np.uint64),
        np.array([] if everyone else roster, dtype=np.uint64),
        pool.evaluator_of.astype(np.uint32),
        pool.noise,
        int(pool.noise.any()),
        malicious_nodes(cell, pool),
        beneficiary(cell, pool),
        (cell.reward.beta * effort[None, :, None] * pool.evaluator_costs[:, None, :]).ravel(),
        evaluators,
        cell.reward.alpha / 10,
        cell.reward.alpha,
        cell.trust.initial,
        update.cap(cell.trust),
        rule.params(cell.consensus),
        update.params(cell.trust),
        program.behave,
        attack.renews_below(cell.attack, cell.trust.initial),
        np.array(attack.params(cell.attack), dtype=np.float64),
        added.rounds,
        lanes,
    )

    def call(chunk: range) -> None:
        part = slice(chunk.start, chunk.stop)
        program.play(
            *arguments,
            states(cell.seed, chunk),
            np.empty(len(pool) * side_by_side),
            np.empty(models * side_by_side),
            added.sums[part],
            added.by_output[part],
            added.histogram[part],
        )

    n = cell.replications
    sums = Sums(added.rounds, added.sums[:n], added.by_output[:n], added.histogram[:n])
    return sums, [range(start, start + lanes) for start in range(0, room, lanes)], call
