"""Tables of logged outputs, which take the place of what inference nodes generate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from poq import kinds
from poq.corpus.logs import read_log
from poq.errors import PoqError


class LoggedTables(NamedTuple):
    """Tables ``outputs``, ``logged`` and ``log_rows`` of all tasks."""

    outputs: pl.DataFrame
    logged: pl.DataFrame
    log_rows: pl.DataFrame


def read_logs(sources: Mapping[str, Mapping[str, Any]], prompts: pl.DataFrame) -> LoggedTables:
    """Read the logs of all tasks, as far as their prompts were drawn.

    Args:
        sources: settings of each task's log, by task.
        prompts: table ``prompts``.

    Raises:
        PoqError: a log is bad (see :func:`poq.corpus.logs.read_log`), or the logs of two tasks are
            not of the same models, which a network serves all tasks with.
    """
    logged, outcomes = [], []
    models: dict[str, list[str]] = {}
    for task, values in sources.items():
        log = read_log(kinds.settings("poq.corpus", values), task)
        models[task] = log.rows["model"].unique().sort().to_list()
        first, known = next(iter(models.items()))
        if differing := sorted(set(known) ^ set(models[task])):
            raise PoqError(
                f"{log.where}: the models of task {task} differ from those of task {first} by "
                f"{differing}; expected the same models in the logs of all tasks"
            )
        logged.append(
            log.rows.rename({"latency": "seconds"}, strict=False).select(
                pl.format(f"{task}:{{}}", "prompt").alias("prompt_id"),
                pl.lit(task).alias("task"),
                pl.exclude("prompt"),
            )
        )
        outcomes += [(task, outcome, rows) for outcome, rows in log.outcomes.items()]
    rows = pl.concat(logged, how="diagonal").join(prompts, on="prompt_id", how="semi")
    unknown = [
        pl.lit(None, pl.Float64).alias(name)
        for name in ("seconds", "cost")
        if name not in rows.columns
    ]
    return LoggedTables(
        rows.select(
            "prompt_id", "model", "output",
            *(pl.lit(None, pl.Int64).alias(name)
              for name in ("input_tokens", "output_tokens", "seed")),
            *(pl.lit(None, pl.String).alias(name)
              for name in ("finish_reason", "precision", "attention")),
            input_truncated=pl.lit(None, pl.Boolean),
        ),
        rows.drop("output").with_columns(unknown),
        pl.DataFrame(outcomes, schema=["task", "outcome", "rows"], orient="row"),
    )  # fmt: skip
