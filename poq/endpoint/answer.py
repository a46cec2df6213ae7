"""What a chat completion says, and what is left of a request without one."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from poq.generation.base import without_reasoning
from poq.visible import storable


class Answer(NamedTuple):
    """A chat completion; tokens are None where the server reports none.

    ``reasoning`` is what a model wrote before its answer, as far as the server shows it;
    ``content`` is the answer alone.
    """

    content: str
    finish_reason: str | None
    stop_string: str | None
    input_tokens: int | None
    output_tokens: int | None
    reasoning: str | None = None


class Unusable(NamedTuple):
    """What is left of a request whose every answer was of no use.

    ``final`` if it would be in vain to ask again. ``excess``, in (0, 1], if the request was
    refused for its length: the share of it that has to go, as far as the server's message shows.
    """

    reason: str
    final: bool = False
    excess: float | None = None


def read_answer(text: str) -> Answer | Unusable:
    """Return what a response of status 200 says.

    A message without content, as of a model that used all its tokens to think, is an empty answer.
    """
    try:
        values = json.loads(text)
        choice, usage = values["choices"][0], values.get("usage") or {}
        message, stop = choice["message"], choice.get("stop_reason")
        content = _text(message["content"] or "")
        answer = without_reasoning(content)
        thought = message.get("reasoning_content") or message.get("reasoning")
        return Answer(
            content=answer,
            finish_reason=choice.get("finish_reason"),
            stop_string=stop if isinstance(stop, str) else None,
            input_tokens=_count(usage.get("prompt_tokens")),
            output_tokens=_count(usage.get("completion_tokens")),
            reasoning=storable(thought)
            if isinstance(thought, str)
            else content.removesuffix(answer) or None,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        sha256 = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return Unusable(f"no chat completion (sha256 {sha256})")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return storable(value)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
