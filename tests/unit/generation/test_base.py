from __future__ import annotations

import pytest

from poq.generation.base import without_reasoning


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris", "Paris"),
        ("<think>\nIn France.\n</think>\n\nParis", "Paris"),
        ("<think>\n\n</think>\n\nParis", "Paris"),
        # The template has opened the reasoning: the text only closes it.
        ("In France.</think>Paris", "Paris"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("\n<think>In Fra", ""),
        ("<think>In France.</think>", ""),
        ("I <think> so", "I <think> so"),
        ("", ""),
    ],
)
def test_answer_is_what_follows_the_reasoning(text: str, answer: str) -> None:
    assert without_reasoning(text) == answer


def test_text_after_an_open_prompt_is_reasoning_until_it_is_closed() -> None:
    assert without_reasoning("In Fra", begun=True) == ""
    assert without_reasoning("In France.</think>\nParis", begun=True) == "Paris"
