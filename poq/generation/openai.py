"""Generation through an OpenAI-compatible endpoint: a remote server, or llama.cpp on loopback.

Asks for chat completions: the server puts its model's chat template around the prompt, so that a
base model without one is not for this backend. Inputs are never cut: one that the server finds too
long, or that has more than ``max_input_tokens``, is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from poq.endpoint.client import Answer, Client, Unusable
from poq.endpoint.settings import EndpointSettings
from poq.errors import PoqError
from poq.generation.base import (
    Completion,
    FinishReason,
    Generator,
    Request,
    SamplingSettings,
    Serving,
)
from poq.provenance import digest


class Settings(SamplingSettings):
    """A language model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    endpoint: EndpointSettings = Field(description="The server that runs the model.")


class EndpointGenerator:
    """A language model that is asked prompt by prompt."""

    def __init__(self, settings: Settings, serving: Serving, client: Client, fresh: bool) -> None:
        self.settings = settings
        self.serving = serving
        self.client = client
        self._fresh = fresh

    @property
    def fresh(self) -> EndpointGenerator:
        """The same node, connected, which asks anew for what the cache holds."""
        self.client.connect()
        return EndpointGenerator(self.settings, self.serving, self.client, fresh=True)

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return batches of as many requests as are in flight together, of one task each."""
        size = self.settings.endpoint.concurrency
        ordered = sorted(requests, key=lambda request: (request.task, request.prompt_id))
        tasks = [list(group) for _, group in groupby(ordered, lambda request: request.task)]
        return [of[start : start + size] for of in tasks for start in range(0, len(of), size)]

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return a completion for each request of a batch of one task.

        Raises:
            PoqError: see :meth:`poq.endpoint.client.Client.ask`; an answer is no chat completion,
                or an input has more than ``max_input_tokens``.
        """
        (task,) = {request.task for request in batch}
        stop = self.serving.limits[task].stop
        answers = self._ask(batch, stop)
        # A stop string before the first word ended these: they go on, and are cut here.
        again = [i for i, answer in enumerate(answers) if stop and not answer.content.strip()]
        if again:
            whole = self._ask([batch[i] for i in again], ())
            for i, answer in zip(again, whole, strict=True):
                answers[i] = answer
        return [self._completion(r, a, stop) for r, a in zip(batch, answers, strict=True)]

    def _ask(self, batch: list[Request], stop: tuple[str, ...]) -> list[Answer]:
        found = self.client.ask(
            [self._body(request, stop) for request in batch],
            _same,
            fresh=self._fresh,
            show=False,
        )
        answers = []
        for request, answer in zip(batch, found, strict=True):
            if isinstance(answer, Unusable):
                raise PoqError(f"{self.client.where}, prompt {request.prompt_id}: {answer.reason}")
            answers.append(answer)
        return answers

    def _body(self, request: Request, stop: tuple[str, ...]) -> dict[str, Any]:
        prompt = self.serving.formats[request.task].render(request.question, request.context)
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.serving.limits[request.task].max_output_tokens,
            "temperature": self.settings.temperature,
        }
        if stop:
            body["stop"] = list(stop)
        if (seed := self._seed(request)) is not None:
            body |= {"seed": seed, "top_p": self.settings.top_p}
        return body

    def _seed(self, request: Request) -> int | None:
        """Return the seed of a prompt's sampling, in [0, 2**31); None without sampling."""
        if self.settings.temperature == 0:
            return None
        return int(digest([self.serving.seed, request.prompt_id])[:8], 16) >> 1

    def _completion(self, request: Request, answer: Answer, stop: tuple[str, ...]) -> Completion:
        limit = self.serving.settings.max_input_tokens
        if answer.input_tokens is not None and answer.input_tokens > limit:
            raise PoqError(
                f"prompt {request.prompt_id}: the input has {answer.input_tokens} tokens; expected "
                f"at most max_input_tokens={limit}, since this backend cuts no context"
            )
        text = answer.content.strip()
        reason = _finish_reason(answer)
        if cuts := [text.find(string) for string in stop if string in text]:
            text, reason = text[: min(cuts)].strip(), "stop"
        return Completion(
            output=text,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            input_truncated=False,
            finish_reason=reason,
            seed=self._seed(request),
        )


def access_problem(settings: Settings) -> str | None:
    """Return why the endpoint cannot be asked: its API key is missing; None if nothing is."""
    return settings.endpoint.key_problem()


def load(settings: Settings, serving: Serving, folder: Path | None) -> Generator:
    """Return the generator of an endpoint."""
    return EndpointGenerator(settings, serving, Client(settings.endpoint, folder), fresh=False)


def _finish_reason(answer: Answer) -> FinishReason:
    """Return why an output ended.

    A server calls both its model's end and a stop string "stop"; those that tell which string it
    was (vLLM) are believed. What a filter cut was cut.
    """
    if answer.finish_reason in ("length", "content_filter"):
        return "length"
    return "eos" if answer.stop_string is None else "stop"


def _same(answer: Answer) -> Answer:
    return answer
