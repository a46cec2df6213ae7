from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from poq.checkpoint import Checkpoint
from poq.errors import PoqError
from poq.generation.base import Completion, Request
from poq.generation.run import generate_outputs, load_node
from poq.models.served import Served

PROMPTS = pl.DataFrame(
    {
        "prompt_id": [f"qa:{i}" for i in range(5)],
        "task": "qa",
        "question": "Why?",
        "context": [f"Because {i}." for i in range(5)],
    }
)


class CountingGenerator:
    """Echoes contexts, counts batches, and dies after a number of them."""

    served = Served("float32", "eager")

    def __init__(self, dies_after: int = 99) -> None:
        self.done = 0
        self.dies_after = dies_after

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        rows = list(requests)
        return [rows[start : start + 2] for start in range(0, len(rows), 2)]

    def complete(self, batch: list[Request]) -> list[Completion]:
        if self.done == self.dies_after:
            raise KeyboardInterrupt
        self.done += 1
        return [Completion(request.context, 3, 2, False, "eos", None) for request in batch]


def test_resumed_run_computes_only_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = generate_outputs(
        "n", CountingGenerator(), PROMPTS, Checkpoint(tmp_path / "a", {})
    )
    checkpoint = Checkpoint(tmp_path / "b", {})
    with pytest.raises(KeyboardInterrupt):
        generate_outputs("n", CountingGenerator(dies_after=2), PROMPTS, checkpoint)
    second = CountingGenerator()
    with caplog.at_level(logging.INFO):
        resumed = generate_outputs("n", second, PROMPTS, checkpoint)
    assert second.done == 1  # 3 batches, of which 2 were finished
    # The speed is that of the last batch: one prompt of two tokens.
    assert "2 of 3 batches taken over" in caplog.text
    assert "n: 5 of 5 prompts, 2 tokens," in caplog.text
    assert resumed.equals(undisturbed)
    assert resumed["output"].to_list() == PROMPTS["context"].to_list()


def test_changed_prompt_is_generated_again(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, {})
    generate_outputs("n", CountingGenerator(), PROMPTS, checkpoint)
    changed = PROMPTS.with_columns(
        context=pl.when(pl.col("prompt_id") == "qa:4").then(pl.lit("No.")).otherwise("context")
    )
    second = CountingGenerator()
    outputs = generate_outputs("n", second, changed, checkpoint)
    assert second.done == 1
    assert outputs["output"].to_list()[-1] == "No."


def test_outputs_say_how_they_were_computed(tmp_path: Path) -> None:
    outputs = generate_outputs("n", CountingGenerator(), PROMPTS, Checkpoint(tmp_path, {}))
    assert outputs.select("precision", "attention").unique().rows() == [("float32", "eager")]


def test_node_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    values = {
        "node": {"kind": "transformers", "model": "flan"},
        "serving": {},
        "limits": {"qa": {"max_output_tokens": 4}},
        "seed": 1,
    }
    with pytest.raises(
        PoqError, match=r"inference_nodes\.mine: model flan: found an encoder-decoder"
    ):
        load_node(values, {}, tmp_path, "mine")
