from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.generation.base import Completion, Request
from poq.generation.lead import LeadGenerator
from poq.profiling.generation import generation_calls
from poq.profiling.scoring import scoring_calls

PROMPTS = pl.DataFrame(
    {
        "prompt_id": ["qa:1", "qa:2"],
        "task": "qa",
        "question": "Why?",
        "context": ["Because.", "So."],
        "references": [["Because", "So"], ["So"]],
    }
)


class LongestFirst:
    """Answers with one token, two a batch, contexts of most letters first."""

    def __init__(self) -> None:
        self.done: list[list[str]] = []

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        rows = sorted(requests, key=lambda request: -len(request.context))
        return [rows[start : start + 2] for start in range(0, len(rows), 2)]

    def complete(self, batch: list[Request]) -> list[Completion]:
        self.done.append([request.prompt_id for request in batch])
        return [Completion("x", 5, 1, False, "eos", None) for _ in batch]


def test_generation_is_called_with_one_request() -> None:
    calls = generation_calls(LongestFirst(), PROMPTS, 0)
    assert [(call.prompt_id, call.task, call.run(), call.batch) for call in calls] == [
        ("qa:1", "qa", 1, 1),
        ("qa:2", "qa", 1, 1),
    ]


def test_batch_is_the_middle_of_what_a_node_would_generate_in_its_own_batches() -> None:
    lengths = [5, 1, 4, 3, 2]
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"qa:{length}" for length in lengths],
            "task": "qa",
            "question": "Why?",
            "context": ["a" * length for length in lengths],
        }
    )
    node = LongestFirst()
    *single, several = generation_calls(node, prompts, 3)
    assert [call.batch for call in single] == [1] * 5
    assert (several.prompt_id, several.task, several.batch) == ("qa:4", "qa", 3)
    assert several.run() == 3
    # In the order 5, 4, 3, 2, 1 the middle three, in batches of two.
    assert node.done == [["qa:4", "qa:3"], ["qa:2"]]
    # More than there are: all of them.
    assert generation_calls(node, prompts, 9)[-1].batch == 5


def test_node_without_a_tokenizer_reports_no_tokens() -> None:
    calls = generation_calls(LeadGenerator(1), PROMPTS, 2)
    assert [(call.batch, call.run()) for call in calls] == [(1, None), (1, None), (2, None)]


def test_scoring_is_called_with_outputs_and_all_their_references() -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def scorer(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        seen.append((list(outputs), list(targets)))
        return np.zeros(len(outputs))

    outputs = pl.DataFrame(
        {"prompt_id": ["qa:1", "qa:2", "qa:1"], "model": ["m", "m", "n"], "output": ["a", "", "b"]}
    )
    first, second, both = scoring_calls(scorer, "reference", PROMPTS, outputs, 8, 1)
    assert [(call.batch, call.run()) for call in (first, second, both)] == [
        (1, None),
        (1, None),
        (2, None),
    ]
    # The empty output of qa:2 is never shown to an evaluator.
    assert seen[:2] == [(["a", "a"], ["Because", "So"]), (["b", "b"], ["Because", "So"])]
    # In the order that the seed gives.
    assert sorted(zip(*seen[2], strict=True)) == [
        ("a", "Because"),
        ("a", "So"),
        ("b", "Because"),
        ("b", "So"),
    ]
    assert len(scoring_calls(scorer, "reference", PROMPTS, outputs, 0, 1)) == 2
