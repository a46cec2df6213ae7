from __future__ import annotations

import pytest

from poq.generation.base import Request
from poq.generation.lead import LeadGenerator, leading_sentences


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("One. Two! Three?", 2, "One. Two!"),
        ("One. Two! Three?", 9, "One. Two! Three?"),
        ("It cost 3.50 in all. Then it rained.", 1, "It cost 3.50 in all."),
        ('"Go!" she said. He went.', 1, '"Go!" she said.'),
        ("no end", 1, "no end"),
        ("", 1, ""),
        ("He left (at last.) 12 people came. End.", 1, "He left (at last.)"),
    ],
)
def test_leading_sentences(text: str, count: int, expected: str) -> None:
    assert leading_sentences(text, count) == expected


def test_generator_returns_one_completion_a_request_and_no_tokens() -> None:
    node = LeadGenerator(1)
    requests = [
        Request("qa:1", "qa", "Why?", "Because. So."),
        Request("s:1", "summarization", None, "A. B."),
    ]
    batches = node.batches(requests)
    assert [len(batch) for batch in batches] == [1, 1]
    completion = node.complete(batches[0])[0]
    assert completion.output == "Because."
    assert completion.output_tokens is None
    assert completion.finish_reason == "eos"
