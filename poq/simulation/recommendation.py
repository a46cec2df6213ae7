"""Which rule, trust update and K for a threat level: chosen on one split, reported on the other.

A threat level is a share of malicious nodes. Within a grid every choice of rule, trust update and K
faces the same attacks; the one whose largest mean absolute error over these attacks is least on the
calibration split is chosen. What is reported of it was not looked at when it was chosen: it comes
from the test split. Choices of different grids are not compared, since they faced other attacks.

Intervals resample the prompts of the test split. Trust carries over from round to round, so that a
resample cannot be had from rounds already played: each is played anew, once. Its interval therefore
also holds the chance of one replication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.consensus import mean
from poq.metrics.bootstrap import interval, replays
from poq.simulation.engine import as_played, kernel_of, malicious_nodes, measure, run
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell, Grid
from poq.streams import stream

Floats = NDArray[np.float64]


class Choice(NamedTuple):
    """What was chosen for a threat level of a grid."""

    grid: str
    malicious_ratio: float
    consensus: str
    trust: str
    k: int
    candidates: int
    calibration_mae: float
    attacks: dict[str, Cell]
    """The chosen network under each attack."""


def recommend(
    study: pl.DataFrame,
    grids: Mapping[str, Grid],
    pool: Pool,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    threads: int = 1,
) -> pl.DataFrame:
    """Return what to choose at every threat level (table ``recommendations``).

    Args:
        study: table ``robustness`` of the grids; only its calibration split is read.
        grids: the grids by name.
        pool: the pool over the test split.
        resamples: resamples of its prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
        threads: threads that run at a time.
    """
    choices = [choice for name, grid in grids.items() for choice in choose(study, name, grid)]
    cells = [cell for choice in choices for cell in choice.attacks.values()]
    played = [as_played(cell, pool) for cell in [*cells, *map(_with_mean, cells)]]
    # Sorted by what is compiled, so that a kernel is loaded once.
    distinct = sorted(dict.fromkeys(played), key=kernel_of)
    measured = dict(zip(distinct, measure(distinct, pool, threads=threads), strict=True))
    errors = dict(
        zip(
            distinct,
            resampled_errors(distinct, pool, resamples=resamples, seed=seed, threads=threads).T,
            strict=True,
        )
    )
    described = {
        "nodes": len(pool),
        "effective_evaluators": pool.effective_evaluators(),
        "n_prompts": len(pool.scores),
    }
    rows = [described | _row(choice, pool, measured, errors, confidence) for choice in choices]
    return pl.DataFrame(rows, infer_schema_length=None)


def choose(study: pl.DataFrame, name: str, grid: Grid) -> list[Choice]:
    """Return the choice for every threat level of a grid, by the calibration split.

    Of equal choices the one of least K, then the first of the grid is taken.
    """
    keys = ["consensus", "trust", "k", "attack", "malicious_ratio"]
    calibration = study.filter(
        (pl.col("grid") == name) & (pl.col("split") == "calibration") & (pl.col("metric") == "mae")
    )
    error = {tuple(row[:-1]): row[-1] for row in calibration.select(*keys, "value").iter_rows()}
    threats: dict[float, dict[tuple[str, str, int], dict[str, tuple[float, Cell]]]] = {}
    for key, cell in grid.cells():
        candidates = threats.setdefault(key["malicious_ratio"], {})
        faced = candidates.setdefault((key["consensus"], key["trust"], key["k"]), {})
        faced[key["attack"]] = error[tuple(key.values())], cell
    found = []
    for ratio, candidates in threats.items():
        worst = {names: max(e for e, _ in faced.values()) for names, faced in candidates.items()}
        best = min(worst, key=lambda names: (worst[names], names[-1]))
        cells = {attack: cell for attack, (_, cell) in candidates[best].items()}
        found.append(Choice(name, ratio, *best, len(worst), worst[best], cells))
    return found


def resampled_errors(
    cells: Iterable[Cell], pool: Pool, *, resamples: int, seed: int, threads: int = 1
) -> Floats:
    """Return the mean absolute error of cells, in points, played once on each resample of prompts.

    All cells share the resamples, and on each of them the rounds. Shape (resamples, cells); NaN
    for a single prompt, which cannot be resampled.
    """
    once = [cell.model_copy(update={"replications": 1}) for cell in cells]
    found = np.full((resamples, len(once)), np.nan)
    replayed = replays(len(pool.scores), resamples, stream(seed, "recommendations"))
    for row, (index, own_seed) in enumerate(replayed):
        resample = pool.over(index)
        seeded = [cell.model_copy(update={"seed": own_seed}) for cell in once]
        for column, sums in enumerate(run(seeded, resample, threads=threads)):
            found[row, column] = sums.of("error")[0, -1] / sums.rounds[-1]
    return found


def _row(
    choice: Choice,
    pool: Pool,
    measured: Mapping[Cell, Mapping[str, Floats]],
    errors: Mapping[Cell, Floats],
    confidence: float,
) -> dict[str, Any]:
    """Return a row of table ``recommendations``, without what it says of the pool."""
    own = [as_played(cell, pool) for cell in choice.attacks.values()]
    plain = [as_played(_with_mean(cell), pool) for cell in choice.attacks.values()]
    error, plain_error = (
        np.array([measured[cell]["mae"].mean() for cell in cells]) for cells in (own, plain)
    )
    replicates, plain_replicates = (
        np.max([errors[cell] for cell in cells], axis=0) for cells in (own, plain)
    )
    malicious = malicious_nodes(own[0], pool)
    mae = interval(float(error.max()), replicates, confidence)
    gain = interval(
        float(plain_error.max() - error.max()), plain_replicates - replicates, confidence
    )
    return {
        **{name: getattr(choice, name) for name in Choice._fields},
        "malicious": malicious,
        "attacks": len(own),
        "attack": list(choice.attacks)[int(error.argmax())] if malicious else None,
        **mae.columns("mae"),
        **gain.columns("gain"),
        "profit": max(float(measured[cell]["profit"].mean()) for cell in own),
        "reward_sd": max(float(measured[cell]["evaluator_reward_sd"].mean()) for cell in own),
    }


def _with_mean(cell: Cell) -> Cell:
    """Return the same network with the plain mean."""
    return cell.model_copy(update={"consensus": mean.Settings(kind="mean")})
