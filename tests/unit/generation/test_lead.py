from __future__ import annotations

from poq.generation.base import Request
from poq.generation.lead import LeadGenerator


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
