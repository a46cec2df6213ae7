"""Any number of shards gives the same tables, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from poq import kinds, tables
from poq.checkpoint import Checkpoint
from poq.generation.base import Completion, Request
from poq.generation.run import generate_outputs
from poq.rewards import RewardSettings
from poq.scaling import scale_scores
from poq.schema import TABLES
from poq.scoring import load_evaluator, score_outputs
from poq.shards import WHOLE, Shard
from poq.simulation.pool import Pool
from poq.simulation.robustness import study_robustness
from poq.simulation.settings import Grid

COUNTS = st.integers(2, 7)


def shards(count: int) -> list[Shard]:
    return [Shard(number, count) for number in range(1, count + 1)]


def merged(table: str, make: Callable[[Shard], pl.DataFrame], count: int) -> bytes:
    """Return the bytes of a table that is written shard by shard and merged, as rules do it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / f"{shard.number}.parquet" for shard in shards(count)]
        for shard, path in zip(shards(count), paths, strict=True):
            tables.write(make(shard), table, path, {})
        tables.write(tables.read(table, *paths), table, folder / "merged.parquet", {})
        return (folder / "merged.parquet").read_bytes()


@given(st.lists(st.integers(), max_size=20), COUNTS)
def test_items_are_shared_out_whole(items: list[int], count: int) -> None:
    dealt = [shard.deal(items) for shard in shards(count)]
    assert sorted(item for share in dealt for item in share) == sorted(items)
    stretches = [shard.stretch(items) for shard in shards(count)]
    assert [item for share in stretches for item in share] == items
    for shares in (dealt, stretches):
        sizes = [len(share) for share in shares]
        assert max(sizes) - min(sizes) <= 1
    assert WHOLE.deal(items) == WHOLE.stretch(items) == items


class Batched:
    """A node whose outputs depend on the batch that a request is in, as those of low precision."""

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        rows = sorted(requests, key=lambda request: -len(request.context))
        return [rows[start : start + 3] for start in range(0, len(rows), 3)]

    def complete(self, batch: list[Request]) -> list[Completion]:
        width = max(len(request.context) for request in batch)
        return [Completion(f"{width} {len(batch)}", None, 1, False, "eos", None) for _ in batch]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=14), COUNTS)
def test_generation(lengths: list[int], count: int) -> None:
    prompts = TABLES["prompts"].frame(
        {"prompt_id": f"qa:{i}", "task": "qa", "question": "?", "context": "x" * length,
         "references": [], "prompt": None, "source": "", "split": "test"}
        for i, length in enumerate(lengths)
    )  # fmt: skip

    def make(shard: Shard) -> pl.DataFrame:
        with TemporaryDirectory() as folder:
            return generate_outputs("n", Batched(), prompts, Checkpoint(folder, {}), shard)

    assert merged("outputs", make, count) == merged("outputs", make, 1)


def batched(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
    """Score by all that is shown at once, as batches that are padded do."""
    width = sum(map(len, outputs)) + sum(map(len, targets))
    return np.array([len(o) / (1 + width) for o in outputs], dtype=np.float64)


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=14),
    references=st.integers(1, 3),
    chunk=st.integers(1, 5),
    sample=st.sampled_from([None, 2]),
    count=COUNTS,
)
def test_scoring(
    lengths: list[int], references: int, chunk: int, sample: int | None, count: int
) -> None:
    prompts = TABLES["prompts"].frame(
        {"prompt_id": f"qa:{i}", "task": "qa", "question": "?", "context": "c",
         "references": ["r" * n for n in range(1, references + 1)], "prompt": None, "source": "",
         "split": ("test", "calibration")[i % 2]}
        for i in range(len(lengths))
    )  # fmt: skip
    outputs = TABLES["outputs"].frame(
        {"prompt_id": f"qa:{i}", "model": model, "output": model * length, "input_tokens": None,
         "output_tokens": None, "input_truncated": None, "finish_reason": None, "seed": None}
        for i, length in enumerate(lengths) for model in "mn"
    )  # fmt: skip
    scale = {"method": "fitted"} if sample is None else {"method": "fixed", "low": 0, "high": 1}
    values = {"kind": "lexical", "compares_with": "reference", "sample": sample, "scale": scale}
    loaded, _ = load_evaluator(values, None)

    def make(shard: Shard) -> pl.DataFrame:
        with TemporaryDirectory() as folder:
            return score_outputs(
                "e", batched, loaded, prompts, outputs,
                seed=1, chunk=chunk, checkpoint=Checkpoint(folder, {}), shard=shard,
            )  # fmt: skip

    raw = merged("raw_scores", make, count)
    assert raw == merged("raw_scores", make, 1)
    scores, _ = scale_scores("e", values, prompts, pl.concat(map(make, shards(count))))
    assert scores.equals(scale_scores("e", values, prompts, make(WHOLE))[0])
    assert len(scores) == 2 * len(lengths)


def pool() -> Pool:
    rng = np.random.default_rng(1)
    return Pool(
        scores=rng.uniform(0, 10, (6, 2, 4)),
        quality=rng.uniform(0, 1, (6, 2)),
        task=np.zeros(6, dtype=np.int64),
        inference_costs=np.array([[0.0, 1.0]]),
        evaluator_costs=np.zeros((1, 4)),
        inference_nodes=("a", "b"),
        evaluators=("e", "f", "g", "h"),
        evaluator_of=np.arange(4),
        noise=np.zeros(4),
        prompts=tuple(f"qa:{i}" for i in range(6)),
    ).with_nodes(6)


GRID = Grid(
    rounds=50,
    replications=3,
    seed=1,
    reward=RewardSettings(alpha=1, beta=0.3),
    consensus={
        name: kinds.settings("poq.consensus", {"kind": name}) for name in ("mean", "median")
    },
    trust={"published": kinds.settings("poq.trust", {"kind": "published"})},
    attacks={
        name: kinds.settings("poq.attacks", {"kind": name}) for name in ("boosting", "collusion")
    },
    malicious_ratios=(0.0, 0.2, 0.5),
    evaluators_per_round=(3,),
    beneficiary="b",
)


@settings(max_examples=6)
@given(COUNTS)
def test_simulation(count: int) -> None:
    pools = {"calibration": pool(), "test": pool()}
    for number, table in enumerate(("robustness", "break_even")):

        def make(shard: Shard, number: int = number) -> pl.DataFrame:
            return study_robustness("g", GRID, pools, confidence=0.9, shard=shard)[number]

        assert merged(table, make, count) == merged(table, make, 1)
