"""Builds the prompts table: sampled, split, rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from poq import kinds
from poq.corpus.rows import Corpus, Instance, read
from poq.errors import PoqError
from poq.prompting import PromptFormat
from poq.streams import stream


def build_prompts(
    sources: Mapping[str, Mapping[str, Any]],
    sample: Mapping[str, int | None],
    formats: Mapping[str, PromptFormat],
    calibration: float,
    seed: int,
) -> pl.DataFrame:
    """Return the prompts of all tasks (table ``prompts``).

    Args:
        sources: settings of each task's source, by task.
        sample: number of prompts to draw from each source; None takes all.
        formats: each task's template; a task of logged outputs has none.
        calibration: share of prompts of each task in the calibration split, in (0, 1).
        seed: the run's seed.

    Raises:
        PoqError: a source is malformed, or has fewer rows than are to be drawn.
    """
    frames = []
    for task, values in sources.items():
        found = _read(values, task)
        drawn = _sample(found.instances, sample[task], stream(seed, "sample", task), found.where)
        splits = assign_splits(
            [instance.context for instance in drawn], calibration, stream(seed, "split", task)
        )
        frames.append(_frame(task, drawn, formats.get(task), found.origin, splits))
    return pl.concat(frames)


def spare_prompts(
    sources: Mapping[str, Mapping[str, Any]],
    prompts: pl.DataFrame,
    formats: Mapping[str, PromptFormat],
    count: int,
    seed: int,
) -> pl.DataFrame:
    """Return prompts that the sample left out, to learn from: all of the calibration split.

    No context of a test prompt is among them.

    Args:
        sources: settings of each task's source, by task.
        prompts: table ``prompts``.
        formats: each task's template; a task of logged outputs has none.
        count: prompts to draw for each task; fewer if its source has fewer left.
        seed: the run's seed.

    Returns:
        Rows of table ``prompts``; none for ``count`` 0.
    """
    test = set(prompts.filter(pl.col("split") == "test")["context"])
    drawn = set(prompts["prompt_id"])
    frames = [prompts.clear()]
    for task, values in sources.items() if count else ():
        found = _read(values, task)
        left = [
            instance
            for instance in found.instances
            if instance.context not in test and f"{task}:{instance.id}" not in drawn
        ]
        chosen = _sample(left, min(count, len(left)), stream(seed, "spare", task), found.where)
        splits = ["calibration"] * len(chosen)
        frames.append(_frame(task, chosen, formats.get(task), found.origin, splits))
    return pl.concat(frames)


def _read(values: Mapping[str, Any], task: str) -> Corpus:
    return read(kinds.settings("poq.corpus", values), task)


def _frame(
    task: str,
    drawn: Sequence[Instance],
    prompt_format: PromptFormat | None,
    origin: str,
    splits: Sequence[str],
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prompt_id": [f"{task}:{instance.id}" for instance in drawn],
            "task": [task] * len(drawn),
            "question": [instance.question for instance in drawn],
            "context": [instance.context for instance in drawn],
            "references": [instance.references for instance in drawn],
            "prompt": [
                prompt_format and prompt_format.render(i.question, i.context) for i in drawn
            ],
            "source": [origin] * len(drawn),
            "split": splits,
        },
        schema={
            **dict.fromkeys(("prompt_id", "task", "question", "context"), pl.String),
            "references": pl.List(pl.String),
            **dict.fromkeys(("prompt", "source", "split"), pl.String),
        },
    )


def assign_splits(
    contexts: Sequence[str], calibration: float, rng: np.random.Generator
) -> list[str]:
    """Return "calibration" or "test" for each prompt, keeping prompts of one context together.

    Whole contexts are drawn until the calibration split holds at least its share of prompts;
    a question about a passage of the calibration split never tests what was fitted on it.

    Raises:
        PoqError: there are fewer than two distinct contexts, so that one split would be empty.
    """
    sizes = Counter(contexts)
    unique = sorted(sizes)
    if len(unique) < 2:
        raise PoqError(
            f"prompts: {len(unique)} distinct context; expected at least two for two splits"
        )
    drawn: set[str] = set()
    held = 0
    for index in rng.permutation(len(unique))[:-1]:
        # Rounded, since 0.55 * 100 is 55.00000000000001.
        if held >= round(calibration * len(contexts), 9):
            break
        drawn.add(unique[index])
        held += sizes[unique[index]]
    return ["calibration" if context in drawn else "test" for context in contexts]


def _sample(
    found: list[Instance], size: int | None, rng: np.random.Generator, where: str
) -> list[Instance]:
    if size is None:
        return found
    if size > len(found):
        raise PoqError(f"{where}: has {len(found)} rows; expected at least the sample of {size}")
    chosen = rng.choice(len(found), size=size, replace=False)
    return [found[index] for index in sorted(chosen)]
