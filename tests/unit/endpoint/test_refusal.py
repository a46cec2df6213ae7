"""Refusals in the words of real servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poq.endpoint.adaptation import adapted
from poq.endpoint.refusal import UNKNOWN_EXCESS, Refusal, most_output, read_refusal

BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Who?"}],
    "max_tokens": 100,
    "temperature": 0,
    "top_p": 1.0,
    "seed": 1,
    "stop": ["\n"],
    "response_format": {"type": "json_schema", "json_schema": {}},
}


def read(status: int, error: Any, body: dict[str, Any] = BODY) -> Refusal:
    return read_refusal(status, json.dumps(error), body)


def openai(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


@pytest.mark.parametrize(
    ("error", "parameter"),
    [
        (
            openai(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            ),
            "max_tokens",
        ),
        # A proxy that keeps the message alone.
        (
            {
                "error": {
                    "message": "Unsupported parameter: 'max_tokens' is not supported with this "
                    "model. Use 'max_completion_tokens' instead.",
                    "code": "invalid_request_body",
                }
            },
            "max_tokens",
        ),
        (
            openai(
                "Unsupported value: 'temperature' does not support 0 with this model. Only the "
                "default (1) value is supported.",
                param="temperature",
                code="unsupported_value",
            ),
            "temperature",
        ),
        (
            openai("'messages' must contain the word 'json' in some form, to use "
                   "'response_format' of type 'json_object'.", param="messages", code=None),
            "response_format",
        ),
        (
            {
                "error": {
                    "code": "InvalidParameter",
                    "message": "The parameter `response_format.type` specified in the request are "
                    "not valid: invalid value: `json_schema`, supported values are: `json_object` "
                    "and `text`.",
                    "param": "response_format.type",
                    "type": "BadRequest",
                }
            },
            "response_format",
        ),
        (
            openai("Failed to deserialize the JSON body into the target type: response_format: "
                   "response_format.type `json_schema` is unavailable now at line 1 column 12440"),
            "response_format",
        ),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "input": 1}]}, "seed"),
        ({"error": "Input validation error: `temperature` must be strictly positive",
          "error_type": "validation"}, "temperature"),
        ({"error": "Input validation error: `top_p` must be > 0.0 and < 1.0",
          "error_type": "validation"}, "top_p"),
        (openai("Model grok-4.5 does not support parameter stop."), "stop"),
        # Too many tokens asked for: without a limit an answer would have no end.
        (openai("max_tokens is too large: 100000. This model supports at most 16384 completion "
                "tokens, whereas you provided 100000.", param="max_tokens"), None),
        (openai("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"), None),
        (openai("Invalid value for 'model'."), None),
        ("no mapping", None),
        ([], None),
        ({"error": None}, None),
        ({"error": {"message": {"stop": ["unsupported"]}}}, "stop"),
    ],
)  # fmt: skip
def test_the_refused_parameter(error: Any, parameter: str | None) -> None:
    for status in (400, 422):
        assert read(status, error) == Refusal(read(status, error).message, False, None, parameter)
    assert read(404, error).parameter is None


def test_a_parameter_that_was_not_sent_is_not_refused() -> None:
    error = openai("Unsupported parameter: 'seed'", param="seed")
    assert read(400, error, {"messages": [], "max_tokens": 1}).parameter is None


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.7), ("top_p", 0.9)])
def test_a_value_that_was_chosen_is_not_dropped(name: str, value: float) -> None:
    error = openai(f"Unsupported value: '{name}'", param=name, code="unsupported_value")
    assert read(400, error, BODY | {name: value}).parameter is None
    assert read(400, error, BODY | {name: 1}).parameter == name


@pytest.mark.parametrize(
    ("status", "error", "excess"),
    [
        # 4000 tokens of input, 100 of output, room for 2000: of 4000, 1900 may stay.
        (400, openai("This model's maximum context length is 2000 tokens. However, you requested "
                     "4100 tokens (4000 in the messages, 100 in the completion). Please reduce the "
                     "length of the messages or completion."), 1 - 0.9 * 1900 / 4000),
        (400, openai("This model's maximum context length is 2000 tokens. However, your messages "
                     "resulted in 4000 tokens. Please reduce the length of the messages.",
                     code="context_length_exceeded"), 1 - 0.9 * 1900 / 4000),
        (400, openai("This model's maximum context length is 2000 tokens. However, your request "
                     "has 4000 input tokens. Please reduce the length of the input messages. "
                     "(parameter=input_tokens, value=4000)", param="input_tokens"),
         1 - 0.9 * 1900 / 4000),
        (400, openai("'max_tokens' or 'max_completion_tokens' is too large: 100. This model's "
                     "maximum context length is 2000 tokens and your request has 1950 input tokens "
                     "(100 > 2000 - 1950)."), 1 - 0.9 * 1900 / 1950),
        # vLLM 0.16 counts characters, the newest up to the limit alone.
        (400, openai("You passed 16000 input characters and requested 100 output tokens. However, "
                     "the model's context length is only 2000 tokens, resulting in a maximum input "
                     "length of 1900 tokens."), UNKNOWN_EXCESS),
        (400, openai("This model's maximum context length is 2000 tokens. However, you requested "
                     "100 output tokens and your prompt contains at least 1901 input tokens, for a "
                     "total of at least 2001 tokens."), UNKNOWN_EXCESS),
        (400, {"object": "error", "message": "max_tokens must be at least 1, got -186.",
               "type": "BadRequestError", "param": None, "code": 400}, UNKNOWN_EXCESS),
        (422, {"error": "Input validation error: `inputs` must have less than 2001 tokens. Given: "
                        "4000", "error_type": "validation"}, 1 - 0.9 * 2000 / 4000),
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 4000,
                         "message": "the request exceeds the available context size, try "
                                    "increasing it", "n_ctx": 2000}}, 1 - 0.9 * 1900 / 4000),
        (429, {"error": {"message": "Request too large for gpt-4o in organization org-1 on tokens "
                         "per min (TPM): Limit 2000, Requested 4000. The input or output tokens "
                         "must be reduced in order to run successfully.", "type": "tokens",
                         "param": None, "code": "rate_limit_exceeded"}}, 1 - 0.9 * 1900 / 4000),
        (400, openai("prompt too long; exceeded max context length by 100918 tokens"),
         UNKNOWN_EXCESS),
        # Nothing helps: the output alone is longer than the context.
        (400, openai("This model's maximum context length is 64 tokens. However, you requested "
                     "400 tokens (300 in the messages, 100 in the completion)."), 1.0),
    ],
)  # fmt: skip
def test_a_request_that_is_too_long(status: int, error: Any, excess: float) -> None:
    found = read(status, error)
    assert found.excess == pytest.approx(excess)
    assert (found.passes, found.parameter) == (False, None)


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        (408, None, True), (409, None, True), (429, "rate_limit_exceeded", True),
        (429, "insufficient_quota", False), (500, None, True), (503, None, True), (504, None, True),
        (400, None, False), (402, None, False), (404, None, False), (307, None, False),
    ],
)  # fmt: skip
def test_what_passes(status: int, code: str | None, passes: bool) -> None:
    assert read(status, openai("no", code=code)).passes is passes


def test_a_page_is_shown_as_it_is() -> None:
    page = "<html>504 Gateway Time-out</html>"
    assert read_refusal(504, page, BODY) == Refusal(page, True)
    assert read_refusal(400, "[" * 99999, BODY).message == "[" * 2000


def test_the_ladder_of_response_formats_ends_without_one() -> None:
    once, twice = (adapted(BODY, ["response_format"] * n) for n in (1, 2))
    assert once["response_format"] == {"type": "json_object"}
    assert "response_format" not in twice
    assert BODY.keys() - twice.keys() == {"response_format"}
    assert adapted({"messages": []}, ["max_tokens", "response_format", "seed"]) == {"messages": []}


def test_the_limit_of_output_is_the_one_that_is_sent() -> None:
    assert most_output({"max_tokens": 9}) == 9
    assert most_output({"max_completion_tokens": 64}) == 64
    assert most_output({"max_tokens": 9, "max_completion_tokens": 64}) == 64
    assert most_output({}) is None


@pytest.mark.parametrize(
    "error",
    [
        openai("maximum context length is " + "9" * 1900 + " tokens"),
        openai("maximum context length is 9 tokens, it has " + "9" * 1900 + " input tokens"),
        {"error": {"message": "exceed_context_size", "n_ctx": 10**400, "n_prompt_tokens": -1}},
        {"error": {"message": "exceed_context_size", "n_ctx": True, "n_prompt_tokens": "many"}},
        {"error": {"message": "maximum context length", "code": {"a": [1]}, "param": "x" * 10**6}},
    ],
)  # fmt: skip
def test_a_hostile_refusal_ends(error: Any) -> None:
    """Whatever a server says, a share of the text goes, so that the requests have an end."""
    excess = read(400, error).excess
    assert excess is not None
    assert 0.1 <= excess <= 1
