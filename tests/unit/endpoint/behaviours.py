"""How real servers behave: a server on loopback for each, with the bodies that they send.

A judge or a node asks each of them about the same four outputs or prompts, one request at a time.
What it then has, how many requests came and how many were billed is in :data:`BEHAVIOURS`, of which
docs/servers.md shows a table.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple

NUMBERS = (3, 5, 7, 9)
"""The outputs to judge are "answer 3" and so on, the questions "Which number is 3?"."""
LONG = "The fox ran over the hill to the old mill. " * 500
"""A text of 21,500 characters."""
CONTEXT_TOKENS = 2048
"""Of servers with a limit; they count a token for four characters."""


class Sent(NamedTuple):
    """What a server does with a request: a status with a body, after a while."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}
    stall: float = 0.0
    billed: bool = False


Respond = Callable[[dict[str, Any], int], Sent]


class BehaviourServer(ThreadingHTTPServer):
    """Answers by a function of the request and of how many came before it."""

    daemon_threads = True

    def __init__(self, respond: Respond) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond = respond
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.billed = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: BehaviourServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            sent = self.server.respond(body, len(self.server.bodies))
            self.server.bodies.append(body)
            self.server.keys.append(self.headers["Idempotency-Key"])
            self.server.billed += sent.billed
        time.sleep(sent.stall)
        content = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
        self.send_response(sent.status)
        for name, value in {"Content-Type": "application/json", **sent.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def tokens(body: Mapping[str, Any]) -> int:
    return len(body["messages"][0]["content"]) // 4


def number(body: Mapping[str, Any]) -> int:
    found = re.findall(r"(?:answer|number is) (\d)", body["messages"][0]["content"])
    return int(found[-1])


def completion(content: str | None, reason: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a body as vLLM sends it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1751037186,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": reason,
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28},
    }


def answer(body: Mapping[str, Any], before: str = "", after: str = "", **message: Any) -> Sent:
    """Return the right answer: a judge asks for JSON in its rubric."""
    judged = "JSON" in body["messages"][0]["content"]
    text = json.dumps({"score": number(body)}) if judged else f"It is {number(body)}."
    return Sent(200, completion(before + text + after, **message), billed=True)


def openai_error(message: str, param: str | None, code: str | None) -> dict[str, Any]:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return {"error": error}


def vllm_error(message: str) -> dict[str, Any]:
    """Return an error as vLLM up to 0.9 sends it, and SGLang: without a key around it."""
    return {
        "object": "error",
        "message": message,
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def reasoning_model(body: dict[str, Any], _: int) -> Sent:
    """OpenAI's o and GPT-5 models."""
    if "max_tokens" in body:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead."
        )
        return Sent(400, openai_error(text, "max_tokens", "unsupported_parameter"))
    if body.get("temperature", 1) != 1:
        text = (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the "
            "default (1) value is supported."
        )
        return Sent(400, openai_error(text, "temperature", "unsupported_value"))
    if "stop" in body:
        text = "Unsupported parameter: 'stop' is not supported with this model."
        return Sent(400, openai_error(text, "stop", "unsupported_parameter"))
    return answer(body)


def refuses_format(refusal: Callable[[str], Sent | None], **how: str) -> Respond:
    """Return a server that refuses some response formats."""

    def respond(body: dict[str, Any], _: int) -> Sent:
        kind = body.get("response_format", {}).get("type", "none")
        return refusal(kind) or answer(body, **how)

    return respond


def old_openai(kind: str) -> Sent | None:
    text = (
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
        "model. Learn more about supported models at the Structured Outputs guide: "
        "https://platform.openai.com/docs/guides/structured-outputs"
    )
    return Sent(400, openai_error(text, None, None)) if kind == "json_schema" else None


def deepseek(kind: str) -> Sent | None:
    text = "This response_format type is unavailable now"
    body = openai_error(text, None, "invalid_request_error")
    return Sent(400, body) if kind == "json_schema" else None


def old_vllm(kind: str) -> Sent | None:
    text = (
        "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input "
        "should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': "
        "\"'text' or 'json_object'\"}}]"
    )
    return Sent(400, vllm_error(text)) if kind == "json_schema" else None


def xai(kind: str) -> Sent | None:
    error = "The response_format parameter is unsupported at the moment. Leave it unset."
    body = {"code": "Client specified an invalid argument", "error": error}
    return Sent(400, body) if kind != "none" else None


def no_seed(body: dict[str, Any], _: int) -> Sent:
    """Mistral."""
    if "seed" not in body:
        return answer(body)
    entry = {
        "type": "extra_forbidden",
        "loc": ["body", "seed"],
        "msg": "Extra inputs are not permitted",
        "input": body["seed"],
    }
    return Sent(422, {"detail": [entry]})


def no_stop(body: dict[str, Any], _: int) -> Sent:
    """Grok."""
    if "stop" not in body:
        return answer(body)
    text = "Argument not supported on this model: stop"
    return Sent(400, {"code": "Client specified an invalid argument", "error": text})


def limited(refusal: Callable[[int, int], Sent]) -> Respond:
    """Return a server with a limited context; the refusal is made of input and output tokens."""

    def respond(body: dict[str, Any], _: int) -> Sent:
        if tokens(body) + body["max_tokens"] > CONTEXT_TOKENS:
            return refusal(tokens(body), body["max_tokens"])
        return answer(body)

    return respond


def openai_length(given: int, most: int) -> Sent:
    text = (
        f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, you requested "
        f"{given + most} tokens ({given} in the messages, {most} in the completion). Please reduce "
        "the length of the messages or completion."
    )
    return Sent(400, openai_error(text, "messages", "context_length_exceeded"))


def openai_input(given: int, _: int) -> Sent:
    text = (
        f"Input tokens exceed the configured limit of {CONTEXT_TOKENS} tokens. Your messages "
        f"resulted in {given} tokens. Please reduce the length of the messages."
    )
    return Sent(400, openai_error(text, "messages", "context_length_exceeded"))


def vllm_legacy(given: int, _: int) -> Sent:
    text = f"The decoder prompt (length {given}) is longer than the maximum model length of 2048."
    return Sent(400, vllm_error(f"{text} Make sure that `max_model_len` is no smaller."))


def vllm_total(given: int, most: int) -> Sent:
    text = (
        f"'max_tokens' or 'max_completion_tokens' is too large: {most}. This model's maximum "
        f"context length is {CONTEXT_TOKENS} tokens and your request has {given} input tokens "
        f"({most} > {CONTEXT_TOKENS} - {given})."
    )
    return Sent(400, vllm_error(text))


def vllm_least(_: int, most: int) -> Sent:
    """The newest vLLM stops counting where the limit is."""
    least = CONTEXT_TOKENS - most + 1
    text = (
        f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, you requested "
        f"{most} output tokens and your prompt contains at least {least} input tokens, for a total "
        f"of at least {CONTEXT_TOKENS + 1} tokens. Please reduce the length of the input prompt or "
        f"the number of requested output tokens. (parameter=input_tokens, value={least})"
    )
    error = {
        "message": text,
        "type": "BadRequestError",
        "param": "input_tokens",
        "code": 400,
    }
    return Sent(400, {"error": error})


def tgi(given: int, most: int) -> Sent:
    text = (
        f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {CONTEXT_TOKENS}. "
        f"Given: {given} `inputs` tokens and {most} `max_new_tokens`"
    )
    return Sent(422, {"error": text, "error_type": "validation"})


def llama_cpp(given: int, _: int) -> Sent:
    error = {
        "code": 400,
        "message": f"request ({given} tokens) exceeds the available context size "
        f"({CONTEXT_TOKENS} tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": given,
        "n_ctx": CONTEXT_TOKENS,
    }
    return Sent(400, {"error": error})


def sglang(given: int, _: int) -> Sent:
    text = (
        f"The input ({given} tokens) is longer than the model's context length "
        f"({CONTEXT_TOKENS} tokens)."
    )
    return Sent(400, vllm_error(text))


def litellm(given: int, most: int) -> Sent:
    text = openai_length(given, most).body["error"]["message"]
    error = {
        "message": f"litellm.ContextWindowExceededError: OpenAIException - {text}",
        "type": None,
        "param": None,
        "code": "400",
    }
    return Sent(400, {"error": error})


def ollama(body: dict[str, Any], _: int) -> Sent:
    """Cut the prompt and say nothing; what is counted is what was read, here in words."""
    sent = answer(body)
    words = len(body["messages"][0]["content"].split()) + 3
    sent.body["usage"]["prompt_tokens"] = min(words, 120)
    return sent


def thinks_aloud(body: dict[str, Any], _: int) -> Sent:
    return answer(body, before="<think>\nFirst, the number.\n</think>\n\n")


def thinks_apart(body: dict[str, Any], _: int) -> Sent:
    return answer(body, reasoning_content="First, the number.")


def thinks_too_long(_: dict[str, Any], __: int) -> Sent:
    body = completion(None, "length", reasoning_content="First, the")
    return Sent(200, body, billed=True)


def rate_limit(body: dict[str, Any], count: int) -> Sent:
    if count:
        return answer(body)
    error = {"message": "Rate limit reached", "type": "requests", "param": None}
    limit = {"error": {**error, "code": "rate_limit_exceeded"}}
    return Sent(429, limit, {"Retry-After": "0.05"})


def hours(_: dict[str, Any], __: int) -> Sent:
    error = {"message": "Rate limit reached for requests per day", "type": "requests"}
    limit = {"error": {**error, "param": None, "code": "rate_limit_exceeded"}}
    return Sent(429, limit, {"Retry-After": "39600"})


def no_credit(_: dict[str, Any], __: int) -> Sent:
    text = "You exceeded your current quota, please check your plan and billing details."
    error = {"message": text, "type": "insufficient_quota", "param": None}
    return Sent(429, {"error": {**error, "code": "insufficient_quota"}})


def conflict(body: dict[str, Any], count: int) -> Sent:
    """A first request with the same Idempotency-Key is still in progress."""
    text = "A request with this idempotency key is in progress."
    return answer(body) if count else Sent(409, openai_error(text, None, "conflict"))


def gateway(body: dict[str, Any], count: int) -> Sent:
    page = b"<html><head><title>504 Gateway Time-out</title></head></html>"
    return answer(body) if count else Sent(504, page, billed=True)


def stalls(body: dict[str, Any], count: int) -> Sent:
    return answer(body)._replace(stall=0.6 if count < 3 else 0.0)


def unknown_model(_: dict[str, Any], __: int) -> Sent:
    text = "The model `m` does not exist or you do not have access to it."
    return Sent(404, openai_error(text, None, "model_not_found"))


@dataclass(frozen=True)
class Behaviour:
    """One row of the table.

    Attributes:
        server: whose behaviour it is.
        does: what the server does.
        ours: what we do.
        who: what asks it about four outputs or prompts.
        respond: the behaviour.
        sent: requests that came, at one request at a time.
        paid: of these, those that the server bills.
        found: grades, or outputs, of which None is missing; or the message with which the run
            stops.
        long: the third of the four has a target, or a context, of 21,500 characters.
        settings: of the endpoint, over those of the test.
    """

    server: str
    does: str
    ours: str
    who: Literal["judge", "node"]
    respond: Respond
    sent: int
    paid: int
    found: list[Any] | str
    long: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


GRADES = list(NUMBERS)
TEXTS = [f"It is {n}." for n in NUMBERS]
CUT = "cut in proportion to the lengths in the message, sent again"
LENGTHS: list[tuple[str, str, str, Literal["judge", "node"], Respond, int]] = [
    ("OpenAI", "maximum context length is", f"target {CUT}", "judge",
     limited(openai_length), 5),
    ("OpenAI, newer", "Input tokens exceed the configured limit of", f"target {CUT}",
     "judge", limited(openai_input), 5),
    ("vLLM, older", "The decoder prompt (length N) is longer than", f"context {CUT}",
     "node", limited(vllm_legacy), 5),
    ("vLLM", "'max_completion_tokens' is too large", f"context {CUT}", "node",
     limited(vllm_total), 5),
    ("vLLM, newest", "your prompt contains at least N input tokens",
     "target cut by a quarter, again and again, until it fits", "judge", limited(vllm_least), 8),
    ("TGI", "`inputs` tokens + `max_new_tokens` must be <=", f"context {CUT}", "node",
     limited(tgi), 5),
    ("llama.cpp", "exceeds the available context size", f"context {CUT}", "node",
     limited(llama_cpp), 5),
    ("SGLang", "is longer than the model's context length", f"target {CUT}", "judge",
     limited(sglang), 5),
    ("LiteLLM", "litellm.ContextWindowExceededError", f"target {CUT}", "judge",
     limited(litellm), 5),
]  # fmt: skip
BEHAVIOURS = [
    Behaviour(
        "OpenAI reasoning models",
        "refuse `max_tokens`, `temperature: 0` and `stop`",
        "`max_completion_tokens`, no temperature (warning: not greedy), stop strings cut here; "
        "kept for all further requests",
        "node", reasoning_model, 7, 4, TEXTS,
    ),
    Behaviour(
        "OpenAI reasoning models",
        "refuse what `request:` sets (`temperature: 0`)",
        "the run stops; the message names the key of `request:`",
        "node", reasoning_model, 2, 0, "`request` of this endpoint sets temperature; change it",
        settings={"request": {"temperature": 0}},
    ),
    Behaviour(
        "OpenAI, older models", "refuse `json_schema`", "`json_object` from then on",
        "judge", refuses_format(old_openai), 5, 4, GRADES,
    ),
    Behaviour(
        "DeepSeek", "refuses `json_schema`", "`json_object` from then on",
        "judge", refuses_format(deepseek), 5, 4, GRADES,
    ),
    Behaviour(
        "vLLM, older", "refuses `json_schema` (pydantic's list of errors)",
        "`json_object` from then on", "judge", refuses_format(old_vllm), 5, 4, GRADES,
    ),
    Behaviour(
        "xAI, older", "refuses every response format; the model writes a block of code",
        "no response format; a block that is the whole answer is read, nothing else",
        "judge", refuses_format(xai, before="```json\n", after="\n```"), 6, 4, GRADES,
    ),
    Behaviour(
        "any", "takes no response format; the model writes a sentence around the JSON",
        "three attempts each, then a missing score: no grade is taken from a sentence",
        "judge", refuses_format(xai, before="I would say "), 14, 12, [None] * 4,
    ),
    Behaviour(
        "Mistral", "refuses `seed`", "no seed from then on", "judge", no_seed, 5, 4, GRADES,
    ),
    Behaviour(
        "xAI", "refuses `stop`", "stop strings cut here", "node", no_stop, 5, 4, TEXTS,
    ),
    *(
        Behaviour(server, f"refuses one long prompt of four: \"{words} ...\"", ours, who, respond,
                  sent, 4, GRADES if who == "judge" else TEXTS, long=True)
        for server, words, ours, who, respond, sent in LENGTHS
    ),
    Behaviour(
        "Ollama", "cuts a long prompt and reports success",
        "with `tokenizer:`, `input_truncated` is true where the server counts fewer tokens than "
        "we do; without, nothing shows it: set its context length", "node", ollama, 4, 4, TEXTS,
        long=True,
    ),
    Behaviour(
        "any thinking model", "writes `<think>...</think>` before the answer",
        "the answer is what follows; the reasoning is kept apart", "judge", thinks_aloud, 4, 4,
        GRADES,
    ),
    Behaviour(
        "vLLM, DeepSeek", "sends `reasoning_content` next to the answer", "kept apart", "node",
        thinks_apart, 4, 4, TEXTS,
    ),
    Behaviour(
        "any thinking model", "spends all tokens on thinking: no content, `length`",
        "asked once; the score is missing, and a warning names `max_answer_tokens` and "
        "`enable_thinking`", "judge", thinks_too_long, 4, 4, [None] * 4,
    ),
    Behaviour(
        "any thinking model", "spends all tokens on thinking: no content, `length`",
        "asked once; an empty output with `length`, and a warning names `max_output_tokens` and "
        "`enable_thinking`", "node", thinks_too_long, 4, 4, [""] * 4,
    ),
    Behaviour(
        "any", "HTTP 429 with a short `Retry-After`", "waits as long, then asks again", "judge",
        rate_limit, 5, 4, GRADES,
    ),
    Behaviour(
        "any", "HTTP 429 with `Retry-After: 39600`",
        "the run stops with that time; a run after it goes on", "judge", hours, 1, 0,
        "the server asks to wait 39600 s, more than 2 retries of at most longest_pause=60 s each",
    ),
    Behaviour(
        "OpenAI", "HTTP 429 `insufficient_quota`", "the run stops at once", "judge", no_credit, 1,
        0, "HTTP 429: You exceeded your current quota",
    ),
    Behaviour(
        "any with `Idempotency-Key`", "HTTP 409 while the first attempt is in progress",
        "waits, then asks again with the same key", "judge", conflict, 5, 4, GRADES,
    ),
    Behaviour(
        "any gateway", "HTTP 504, the answer behind it is billed",
        "asks again; the budget counts both", "judge", gateway, 5, 5, GRADES,
    ),
    Behaviour(
        "any", "does not answer three times, and bills it",
        "asks again; the budget counts all four", "judge", stalls, 7, 7, GRADES,
        settings={"timeout": 0.2, "retries": 3},
    ),
    Behaviour(
        "any", "does not answer in time, and bills it; budget of two requests",
        "each attempt counts: the run stops after two", "judge", stalls, 2, 2,
        "might break the budget of 2 requests; spent are 2 requests",
        settings={"timeout": 0.2, "budget": {"requests": 2}},
    ),
    Behaviour(
        "any", "HTTP 404: no such model", "the run stops at once", "judge", unknown_model, 1, 0,
        "HTTP 404: The model `m` does not exist",
    ),
]  # fmt: skip


def table() -> str:
    """Return the table of docs/servers.md."""
    lines = [
        "| server | what it does | what we do | asked by | requests | paid |",
        "|---" * 6 + "|",
    ]
    for row in BEHAVIOURS:
        cells = (row.server, row.does, row.ours, row.who, str(row.sent), str(row.paid))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
