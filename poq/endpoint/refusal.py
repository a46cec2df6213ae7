"""What a server's refusal says: that it will pass, that the request is too long, or which
parameter the server does not take.

Servers agree on the status at most. The texts are those of OpenAI, Azure, DeepSeek, xAI, Mistral,
OpenRouter, LiteLLM, vLLM (0.4 to 0.17), SGLang, TGI, llama.cpp and Ollama.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

MAYBE_PAID = (408, 499, 504, 524)
"""Statuses of gateways that gave up waiting: what they waited for may be computed and billed."""
FILLED = 0.9
"""Share of the room that is filled: what stays may have more tokens for its length than what goes,
and llama.cpp takes a prompt that leaves no room for the output."""
UNKNOWN_EXCESS = 0.25
"""Share of a request that goes where the server does not report how long it is."""
OPTIONAL = ("response_format", "max_tokens", "temperature", "top_p", "seed", "stop")
"""Parameters that a request does without, or that have another name."""

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|max(?:imum)? context length|maximum model length"
    r"|model's context length|available context size|context window|exceed the configured limit"
    r"|`inputs` (?:tokens \+|must have less)|max_tokens must be at least 1, got -"
    r"|prompt (?:is )?too long|request too large for",
    re.IGNORECASE,
)
_WHOLE_LIMIT = re.compile(
    r"(?:context length (?:is|of|is only)|context length \(|context size \("
    r"|`max_new_tokens` must be <=|Limit)\s*(\d{1,9})"
)
_INPUT_LIMIT = re.compile(
    r"(?:maximum model length of|must have less than|configured limit of)\s*(\d{1,9})"
)
_LENGTHS = [
    re.compile(pattern)
    for pattern in (
        r"(\d{1,9}) in the (?:messages|prompt)",
        r"resulted in (\d{1,9}) tokens",
        r"(\d{1,9}) (?:input tokens|`inputs` tokens)",
        r"\(length (\d{1,9})\)",
        r"(?:input|request) \((\d{1,9}) tokens\)",
        r"Given: (\d{1,9})",
        r"[Rr]equested (?:about )?(\d{1,9})(?!\d| output)",
    )
]
_REFUSED = re.compile(
    r"unsupported|not (?:supported|support|permitted|allowed|available)|unavailable|deprecated"
    r"|extra_forbidden|unknown|unrecognized|invalid|must be|must contain|should be",
    re.IGNORECASE,
)


class Refusal(NamedTuple):
    """A refusal, read.

    Attributes:
        message: the server's words.
        passes: it may be gone at the next attempt.
        excess: share of the request that has to go, in (0, 1]; None if it is not too long.
        parameter: the one of :data:`OPTIONAL` that the server does not take; None otherwise.
    """

    message: str
    passes: bool
    excess: float | None = None
    parameter: str | None = None


def read_refusal(status: int, text: str, body: Mapping[str, Any]) -> Refusal:
    """Return what a response of another status than 200 says.

    Args:
        status: the HTTP status.
        text: what came with it.
        body: the refused request.
    """
    values = _json(text)
    error = values.get("error", values.get("detail", values))
    fields = error if isinstance(error, Mapping) else values
    found = fields.get("message") or fields.get("detail") or error
    message = found if isinstance(found, str) and found else json.dumps(found) if found else text
    message = message[:2000]
    codes = " ".join(str(fields.get(name)) for name in ("code", "type", "error_type"))
    if status in (400, 413, 422, 429, 500) and _TOO_LONG.search(f"{codes} {message}"):
        return Refusal(message, False, _excess(message, fields, most_output(body) or 0))
    if status in (400, 422):
        return Refusal(message, False, None, _parameter(message, fields.get("param"), body))
    # An account without credit is no matter of waiting.
    waits = status == 429 and "insufficient_quota" not in codes
    return Refusal(message, waits or status in (408, 409) or status >= 500)


def most_output(body: Mapping[str, Any]) -> int | None:
    """Return the most output tokens that a request allows; None without a limit."""
    limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    return max((limit for limit in limits if limit is not None), default=None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, by a number or a date; None if by neither."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            return max(0.0, float(value) / unit)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, OverflowError):
            pass
    return None


def _json(text: str) -> Mapping[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(values, list) and values:  # some gateways wrap it
        values = values[0]
    return values if isinstance(values, Mapping) else {}


def _excess(message: str, fields: Mapping[str, Any], output: int) -> float:
    whole = _number(fields.get("n_ctx")) or _first([_WHOLE_LIMIT], message)
    room = (_first([_INPUT_LIMIT], message) or 0) - 1 if whole is None else whole - output
    length = _number(fields.get("n_prompt_tokens")) or _first(_LENGTHS, message)
    if whole is not None and room < 1:
        return 1.0
    if length is None or room < 1:
        return UNKNOWN_EXCESS
    # "contains at least N input tokens" counts no further than the limit.
    least = UNKNOWN_EXCESS if length <= room or "at least" in message else 0.0
    return max(1 - FILLED * room / length, least)


def _parameter(message: str, named: Any, body: Mapping[str, Any]) -> str | None:
    """Return the optional parameter of a body that a message is about: the first that it names."""
    if not _REFUSED.search(message):
        return None
    text = f"{str(named)[:99].partition('.')[0]} {message}"
    found = {name: re.search(rf"(?<!\w){name}(?!\w)", text) for name in OPTIONAL if name in body}
    places = {name: match.start() for name, match in found.items() if match}
    name = min(places, key=lambda name: places[name], default=None)
    if name == "max_tokens" and "max_completion_tokens" not in message:
        return None  # a limit that is too high: without one an answer has no end
    if name in ("temperature", "top_p") and body[name] not in (0, 1):
        return None  # it was chosen
    return name


def _first(patterns: Sequence[re.Pattern[str]], text: str) -> int | None:
    found = (pattern.search(text) for pattern in patterns)
    return next((int(match[1]) for match in found if match), None)


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 10**9 else None
