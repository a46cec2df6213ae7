"""The rungs of the ladder as they are shown: composites, and what was best besides."""

from __future__ import annotations

import polars as pl

from poq.schema import COMPOSITE_KEY

ROLES = ("default", "ablation", "calibrated", "single", "consensus")
PANEL = ["task", "signals"]
ESTIMATES = ("pearson", "over_single", "over_consensus", "optimism")


def rungs(calibration: pl.DataFrame) -> pl.DataFrame:
    """Return the rungs of each task and set of signals, as found on the test split.

    Of single evaluators and of consensus rules only the one that was chosen, by its r on the
    calibration split.

    Args:
        calibration: table ``calibration``.

    Returns:
        ``task``, ``signals``, ``role``, ``rung`` (what it is called), ``variant``, ``reference``,
        ``n``, ``n_prompts``, ``in_sample`` (r on the calibration split), and of
        :data:`ESTIMATES` value and ends. Sorted by task, signals, role, name.
    """
    best = [
        pl.col("variant") == pl.concat_str(pl.lit(prefix), f"best_{role}")
        for role, prefix in (("single", "evaluator:"), ("consensus", "consensus:"))
    ]
    composites = pl.col("role").is_in(ROLES[:3])
    keys = [*COMPOSITE_KEY, "task"]
    before = calibration.filter(pl.col("split") == "calibration").select(*keys, in_sample="pearson")
    ends = [f"{name}{end}" for name in ESTIMATES for end in ("", "_low", "_high")]
    return (
        calibration.filter(pl.col("split") == "test")
        .join(before, on=keys, how="left", validate="1:1")
        .filter(composites | best[0].fill_null(False) | best[1].fill_null(False))
        .with_columns(rung=_rung())
        .sort(*PANEL, pl.col("role").cast(pl.Enum(ROLES)), "variant", "scope")
        .select(
            *PANEL, "role", "rung", "variant", "reference", "n", "n_prompts", "in_sample", *ends
        )
    )


def standing(low: float | None, high: float | None) -> str:
    """Return where a difference puts its first side, by its interval.

    ``undecided against`` without an interval; ``exceeds`` if the whole interval lies above 0,
    ``falls short of`` if it lies below; ``matches`` if it holds 0: no difference is shown, which
    a wide interval says of a large one too.
    """
    if low is None or high is None:
        return "undecided against"
    return "exceeds" if low > 0 else "falls short of" if high < 0 else "matches"


def _rung() -> pl.Expr:
    role, name = pl.col("role"), pl.col("variant")
    scope = pl.when(pl.col("scope") == "task").then(pl.lit("per task")).otherwise(pl.lit("pooled"))
    return (
        pl.when(role == "ablation")
        .then(name.str.replace("without-", "without ", literal=True))
        .when(role == "calibrated")
        .then(pl.concat_str(name, pl.lit(", "), scope))
        .when(role == "single")
        .then(pl.lit("best single evaluator"))
        .when(role == "consensus")
        .then(pl.lit("best consensus"))
        .otherwise(name)
    )
