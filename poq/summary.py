"""The few lines that answer what a run was made for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from poq.calibration.rungs import rungs, standing
from poq.pooled import pooled_reference
from poq.schema import KEPT
from poq.visible import visible


def summarize(
    tables: Mapping[str, pl.DataFrame], references: Mapping[str, str], confidence: float
) -> str:
    """Return the summary of a run as text.

    Args:
        tables: ``rewards``, ``quality``, ``reliability``, ``recommendations``, ``findings``,
            ``costs`` and ``scores`` of all evaluators; ``calibration`` of a run with dimensions,
            ``log_rows`` of one over logs; ``prompt_rows``, of which only tasks are shown of whose
            source rows were left out.
        references: the reference quality chosen for each task.
        confidence: coverage of the intervals, in (0, 1).
    """
    lines = [
        f"Intervals are {100 * confidence:g}% and resample prompts. All is of the test split.",
        *_prompts(tables["prompt_rows"]),
        *_logs(tables.get("log_rows"), tables["costs"]),
        *_rewards(tables["rewards"], "inference"),
        *_rewards(tables["rewards"], "evaluator"),
        *_quality(tables["quality"], references),
        *_reliability(tables["reliability"], references),
        *_missing(tables["scores"]),
        *_ladder(tables.get("calibration")),
        *_recommendations(tables["recommendations"]),
        *_findings(tables["findings"]),
    ]
    return visible("\n".join(lines) + "\n", keep="\n")


def _prompts(prompt_rows: pl.DataFrame) -> Iterator[str]:
    """Yield what became of the rows of sources of prompts, where some were left out."""
    left_out = prompt_rows.filter(pl.col("outcome") != KEPT)["task"].unique()
    if len(left_out):
        yield "\nSources of prompts: rows read, and what became of them"
        yield from _outcomes(prompt_rows.filter(pl.col("task").is_in(left_out.implode())))


def _outcomes(rows_by_outcome: pl.DataFrame) -> Iterator[str]:
    for (task,), rows in rows_by_outcome.group_by("task", maintain_order=True):
        outcomes: dict[str, int] = dict(rows.select("outcome", "rows").iter_rows())
        counts = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items() if outcome != KEPT)
        dropped = f"; dropped: {counts}" if counts else ""
        yield f"  {task:<22} {sum(outcomes.values())} read, {outcomes[KEPT]} kept{dropped}"


def _logs(log_rows: pl.DataFrame | None, costs: pl.DataFrame) -> Iterator[str]:
    """Yield what became of the rows of logs, and what they do not tell of costs."""
    if log_rows is None:
        return
    yield "\nLogged outputs: rows read, and what became of them"
    yield from _outcomes(log_rows)
    logged = costs.filter(pl.col("kind") == "inference")
    for (task,), rows in logged.group_by("task", maintain_order=True):
        if not rows["n"].sum():
            yield f"  {task:<22} tells neither cost nor latency: every model costs 0"
        elif rows["seconds"].has_nulls():
            yield f"  {task:<22} tells no latency: cost as logged, no figure by seconds"


def _rewards(rewards: pl.DataFrame, kind: str) -> Iterator[str]:
    pooled = rewards.filter((pl.col("kind") == kind) & (pl.col("task") == "pooled"))
    ordered = pooled.sort("reward", "node", descending=[True, False]).to_dicts()
    yield f"\nMean reward of {kind} nodes, best and worst of {len(ordered)}"
    for row in (ordered[0], ordered[-1]):
        yield f"  {row['node']:<22} {_estimate(row, 'reward')}   {row['rounds']} rounds"


def _quality(quality: pl.DataFrame, references: Mapping[str, str]) -> Iterator[str]:
    for task, reference in references.items():
        chosen = quality.filter((pl.col("task") == task) & (pl.col("reference") == reference))
        yield f"\nMean {reference} of inference nodes, {task}"
        for row in chosen.sort("mean", descending=True).to_dicts():
            yield f"  {row['model']:<22} {_estimate(row, 'mean')}   n = {row['n']}"


def _reliability(reliability: pl.DataFrame, references: Mapping[str, str]) -> Iterator[str]:
    for task, reference in {**references, "pooled": pooled_reference(references)}.items():
        chosen = reliability.filter((pl.col("task") == task) & (pl.col("reference") == reference))
        yield f"\nReliability of evaluators, Pearson's r with {reference}, {task}"
        for row in chosen.sort("pearson", descending=True, nulls_last=True).to_dicts():
            size = f"n = {row['n']} outputs of {row['n_prompts']} prompts"
            against = f"compares with {row['compares_with']}"
            yield f"  {row['evaluator']:<22} {_estimate(row, 'pearson')}   {size}, {against}"


def _ladder(calibration: pl.DataFrame | None) -> Iterator[str]:
    """Yield the default and the calibrated composites and what was best besides, pooled."""
    if calibration is None:
        return
    pooled = rungs(calibration).filter(
        (pl.col("task") == "pooled") & (pl.col("role") != "ablation")
    )
    for (signals,), rows in pooled.group_by("signals", maintain_order=True):
        # A rung without outputs, a composite that is undefined, does not tell the ladder's size.
        first = rows.sort(pl.col("n") == 0, maintain_order=True).row(0, named=True)
        yield (
            f"\nComposites, Pearson's r with {first['reference']}, pooled, {signals} signals "
            f"(n = {first['n']} outputs of {first['n_prompts']} prompts)"
        )
        for row in rows.to_dicts():
            if row["role"] in ("single", "consensus"):
                said = row["variant"].partition(":")[2]
            else:
                said = ", ".join(
                    f"{standing(row[f'over_{name}_low'], row[f'over_{name}_high'])} the best {what}"
                    for name, what in (("single", "single evaluator"), ("consensus", "consensus"))
                )
            yield f"  {row['rung']:<22} {_estimate(row, 'pearson')}   {said}"


def _recommendations(recommendations: pl.DataFrame) -> Iterator[str]:
    """Yield the choice at up to four threat levels of each grid, from the least to the most."""
    for (grid,), rows in recommendations.group_by("grid", maintain_order=True):
        first = rows.row(0, named=True)
        yield (
            f"\nWhich rule, which K, by share of malicious nodes (grid {grid}: {first['nodes']} "
            f"evaluator nodes, {first['effective_evaluators']:.1f} of them effectively independent)"
        )
        shown = np.linspace(0, len(rows) - 1, min(len(rows), 4)).round().astype(int)
        for row in rows.sort("malicious_ratio")[shown].to_dicts():
            choice = f"{row['consensus']}, {row['trust']} trust, K = {row['k']}"
            errors = f"worst error {_estimate(row, 'mae').strip()} points"
            gain = f"{_estimate(row, 'gain').strip()} less than the mean's"
            yield f"  {row['malicious_ratio']:<5g} {choice:<46} {errors}, {gain}"


def _findings(findings: pl.DataFrame) -> Iterator[str]:
    yield "\nPublished findings beside this run, by rules fixed beforehand"
    for row in findings.to_dicts():
        ours = "" if row["ours"] is None else f"ours {_estimate(row, 'ours').strip()}   "
        yield f"  {row['finding']:<38} {row['published']:<22} {ours}{row['verdict']}"


def _missing(scores: pl.DataFrame) -> Iterator[str]:
    """Yield why scores are missing; nothing if none is."""
    test = scores.filter(pl.col("split") == "test")
    counts = (
        test.filter(pl.col("missing").is_not_null())
        .group_by("evaluator", "missing")
        .len()
        .sort("evaluator", "len", "missing", descending=[False, True, False])
    )
    if len(counts):
        yield f"\nMissing scores, of {len(test) // test['evaluator'].n_unique()} outputs"
    for evaluator, reason, count in counts.iter_rows():
        yield f"  {evaluator:<22} {count:>7}   {reason}"


def _estimate(row: Mapping[str, float | None], name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return f"{'undefined':>24}"
    if low is None or high is None:
        return f"{value:>7.3f} {'(no interval)':>16}"
    return f"{value:>7.3f} [{low:>6.3f}, {high:>6.3f}]"
