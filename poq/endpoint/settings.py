"""How an OpenAI-compatible endpoint is reached, and what may be spent there."""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field, model_validator

from poq.settings import Settings

DEFAULT_BASE_URL = "https://api.openai.com/v1"
OURS = ("messages", "model", "n", "stream")
"""Keys of a request that are not for the configuration: one answer to our texts is read whole."""


class BudgetSettings(Settings):
    """Hard limits of what is spent at one endpoint and model, over all runs that share a cache.

    A request that might break a limit is not sent: it counts beforehand with the most that it
    can take, and with what the server reports once it is answered.
    """

    requests: int | None = Field(None, ge=0, description="Most requests.")
    input_tokens: int | None = Field(None, ge=0, description="Most input tokens.")
    output_tokens: int | None = Field(None, ge=0, description="Most output tokens.")
    money: float | None = Field(None, ge=0, description="Most money; needs both prices.")
    input_price: float | None = Field(None, ge=0, description="Price of a million input tokens.")
    output_price: float | None = Field(None, ge=0, description="Price of a million output tokens.")

    @model_validator(mode="after")
    def _priced(self) -> BudgetSettings:
        if self.money is not None and None in (self.input_price, self.output_price):
            raise ValueError("expected input_price and output_price with money")
        return self


class EndpointSettings(Settings):
    """Chat completions of a remote server, or of a model folder served on loopback."""

    serve: str | None = Field(
        None,
        description="Name of a model folder with GGUF weights, a key of `models`: the job serves "
        "it by llama.cpp on loopback for its own life, one request at a time.",
    )
    context_tokens: int = Field(
        2048, ge=64, description="Longest input and output together of a served model folder."
    )
    base_url: str = Field(
        DEFAULT_BASE_URL, pattern="^https?://[^@]+$", description="Root of the remote API."
    )
    model: str | None = Field(None, description="Model as the remote server names it.")
    api_key_variable: str | None = Field(
        "OPENAI_API_KEY",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the API key, never the key itself; null for "
        "a server that wants none.",
    )
    concurrency: int = Field(
        4, ge=1, description="Most requests of one job in flight at a remote server."
    )
    timeout: float = Field(120, gt=0, description="Seconds after which a request is given up.")
    retries: int = Field(
        6, ge=0, description="Further attempts after 429, 5xx, a timeout or a broken connection."
    )
    backoff: float = Field(
        1.0, gt=0, description="Seconds before the first retry; doubled for each further one, at "
        "most `longest_pause`, less up to half by chance.",
    )  # fmt: skip
    longest_pause: float = Field(
        60.0, gt=0, description="Most seconds before a retry, whatever the server's Retry-After "
        "asks. A server that asks for more than all retries together may wait stops the run.",
    )  # fmt: skip
    request: dict[str, Any] = Field(
        {}, description="Keys that are put into every request last, in place of those that are "
        "there; null leaves a key out. For example {temperature: null, max_tokens: null, "
        "max_completion_tokens: 64}, {reasoning_effort: low} or "
        "{chat_template_kwargs: {enable_thinking: false}}.",
    )  # fmt: skip
    budget: BudgetSettings = Field(BudgetSettings(), description="What may be spent; no limits.")
    cache: str = Field(
        "cache/requests", description="Folder where answers and what they cost are kept."
    )

    @model_validator(mode="after")
    def _one_server(self) -> EndpointSettings:
        if (self.serve is None) == (self.model is None):
            raise ValueError("expected either serve or model")
        remote = {"base_url", "api_key_variable", "concurrency"} & self.model_fields_set
        changed = [n for n in sorted(remote) if getattr(self, n) != _default(n)]
        if self.serve is not None and changed:
            raise ValueError(f"expected no {changed[0]} with serve")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> EndpointSettings:
        if ours := sorted(set(OURS) & self.request.keys()):
            raise ValueError(f"expected no {ours[0]} in request")
        limits = [self.request.get(name, 1) for name in ("max_tokens", "max_completion_tokens")]
        if any(n is not None and (type(n) is not int or n < 1) for n in limits):
            raise ValueError("expected a positive number of tokens, or null, in request")
        dropped = "max_tokens" in self.request and self.request["max_tokens"] is None
        unbounded = dropped and self.request.get("max_completion_tokens") is None
        counted = self.budget.output_tokens is not None or self.budget.money is not None
        if unbounded and counted:
            raise ValueError("expected max_completion_tokens in request, which the budget needs")
        return self

    def api_key(self) -> str | None:
        """Return the API key; None for a server that wants none, and if it is missing."""
        if self.serve is not None or self.api_key_variable is None:
            return None
        return os.environ.get(self.api_key_variable, "").strip() or None

    def key_problem(self) -> str | None:
        """Return what is wrong with the API key; None if it is there or not needed."""
        if self.serve is not None or self.api_key_variable is None or self.api_key():
            return None
        return (
            f"{self.model} at {self.base_url}: environment variable {self.api_key_variable} is not "
            "set; expected the API key"
        )

    @property
    def model_name(self) -> str:
        """The model's name in a request."""
        return str(self.serve or self.model)


def _default(name: str) -> object:
    return EndpointSettings.model_fields[name].default
