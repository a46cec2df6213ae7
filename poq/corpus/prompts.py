"""Builds the prompts table: sampled, split, rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from poq import kinds
from poq.corpus.rows import Corpus, Instance, read
from poq.errors import PoqError
from poq.prompting import PromptFormat
from poq.streams import stream


class PromptTables(NamedTuple):
    """Tables ``prompts`` and ``prompt_rows`` of all tasks."""

    prompts: pl.DataFrame
    prompt_rows: pl.DataFrame


def build_prompts(
    sources: Mapping[str, Mapping[str, Any]],
    sample: Mapping[str, int | None],
    formats: Mapping[str, PromptFormat],
    splits: Mapping[str, float],
    seed: int,
) -> PromptTables:
    """Return the prompts of all tasks, and what became of the rows of their sources.

    Args:
        sources: settings of each task's source, by task.
        sample: number of prompts to draw from each source; None takes all.
        formats: each task's template; a task of logged outputs has none.
        splits: share of each task's prompts in each split but the test split, which has the rest.
        seed: the run's seed.

    Raises:
        PoqError: a source is malformed, or has fewer rows than are to be drawn.
    """
    frames, outcomes = [], []
    least = 1 + sum(share > 0 for share in splits.values())
    for task, values in sources.items():
        found = _read(values, task)
        rng = stream(seed, "sample", task)
        drawn = _sample(found.instances, sample[task], least, rng, found.where)
        assigned = assign_splits(
            [instance.context for instance in drawn], splits, stream(seed, "split", task)
        )
        frames.append(_frame(task, drawn, formats.get(task), found.origin, assigned))
        outcomes += [(task, outcome, rows) for outcome, rows in found.outcomes.items()]
    schema = {"task": pl.String, "outcome": pl.String, "rows": pl.Int64}
    return PromptTables(pl.concat(frames), pl.DataFrame(outcomes, schema, orient="row"))


def spare_prompts(
    sources: Mapping[str, Mapping[str, Any]],
    prompts: pl.DataFrame,
    formats: Mapping[str, PromptFormat],
    count: int,
    seed: int,
) -> pl.DataFrame:
    """Return prompts that the sample left out, to learn from: all of the training split.

    No context of a calibration or test prompt is among them: an evaluator that has read a passage
    scores outputs on it better than it would score others, and what is chosen on the calibration
    split would favour it.

    Args:
        sources: settings of each task's source, by task.
        prompts: table ``prompts``.
        formats: each task's template; a task of logged outputs has none.
        count: prompts to draw for each task; fewer if its source has fewer left.
        seed: the run's seed.

    Returns:
        Rows of table ``prompts``; none for ``count`` 0.
    """
    evaluated = set(prompts.filter(pl.col("split") != "training")["context"])
    drawn = set(prompts["prompt_id"])
    frames = [prompts.clear()]
    for task, values in sources.items() if count else ():
        found = _read(values, task)
        left = [
            instance
            for instance in found.instances
            if instance.context not in evaluated and f"{task}:{instance.id}" not in drawn
        ]
        chosen = _drawn(left, min(count, len(left)), stream(seed, "spare", task))
        assigned = ["training"] * len(chosen)
        frames.append(_frame(task, chosen, formats.get(task), found.origin, assigned))
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
    contexts: Sequence[str], shares: Mapping[str, float], rng: np.random.Generator
) -> list[str]:
    """Return the split of each prompt, keeping prompts of one context together.

    Whole contexts are drawn until a split holds at least its share of prompts, then for the next;
    the test split has the rest. A question about a passage of the calibration split never tests
    what was fitted on it. No split with a share is empty: the last contexts go to those without.

    Args:
        contexts: the context of each prompt.
        shares: share of the prompts in each split but the test split, in [0, 1); their sum too.
        rng: draws the contexts.

    Raises:
        PoqError: there are fewer distinct contexts than splits, so that one would be empty.
    """
    sizes = Counter(contexts)
    unique = sorted(sizes)
    filled = [split for split, share in shares.items() if share]
    if len(unique) <= len(filled):
        raise PoqError(
            f"prompts: {len(unique)} distinct context{'s' * (len(unique) != 1)}; expected at least "
            f"{len(filled) + 1}, one for each of the splits {', '.join([*filled, 'test'])}"
        )
    drawn = [unique[index] for index in rng.permutation(len(unique))]
    split_of: dict[str, str] = {}
    for after, split in zip(range(len(filled), 0, -1), filled, strict=True):
        held = 0
        # Rounded, since 0.55 * 100 is 55.00000000000001.
        while held < round(shares[split] * len(contexts), 9) and len(drawn) > after:
            context = drawn.pop(0)
            split_of[context] = split
            held += sizes[context]
    return [split_of.get(context, "test") for context in contexts]


def _sample(
    found: list[Instance], size: int | None, least: int, rng: np.random.Generator, where: str
) -> list[Instance]:
    """Draw instances, in the order of the source, from contexts that hold half of its rows.

    More contexts where the sample needs more rows, or ``least`` contexts. The other contexts stay
    whole, for :func:`spare_prompts`: questions drawn from all of a small source would touch nearly
    every context, and leave none that a trained evaluator may learn from.
    """
    if size is None:
        return found
    if size > len(found):
        raise PoqError(f"{where}: has {len(found)} rows; expected at least the sample of {size}")
    of_context: dict[str, list[Instance]] = {}
    for instance in found:
        of_context.setdefault(instance.context, []).append(instance)
    contexts = [*of_context]
    opened: set[str] = set()
    rows = 0
    for index in rng.permutation(len(contexts)):
        if rows >= max(size, len(found) / 2) and len(opened) >= least:
            break
        opened.add(contexts[index])
        rows += len(of_context[contexts[index]])
    return _drawn([instance for instance in found if instance.context in opened], size, rng)


def _drawn(found: list[Instance], size: int, rng: np.random.Generator) -> list[Instance]:
    chosen = rng.choice(len(found), size=size, replace=False)
    return [found[index] for index in sorted(chosen)]
