"""Generation through an OpenAI-compatible endpoint: a remote server, or llama.cpp on loopback.

Asks for chat completions: the server puts its model's chat template around the prompt, so that a
base model without one is not for this backend. A context is cut to ``max_input_tokens`` by the
tokenizer where one is named. Without one it is cut only if the server refuses the prompt for its
length, until it fits.
"""

from __future__ import annotations

import logging
from collections import Counter, abc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from poq.endpoint.answer import Answer, Unusable
from poq.endpoint.client import Client
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

CUT_BY_SERVER = 0.9
"""Share of the tokens that we count below which a server that counts fewer has cut the prompt."""
log = logging.getLogger(__name__)


class Settings(SamplingSettings):
    """A language model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    endpoint: EndpointSettings = Field(description="The server that runs the model.")
    tokenizer: str | None = Field(
        None,
        description="Folder with the model's tokenizer in the hub's layout (tokenizer.json, "
        "tokenizer_config.json and, where it is a file, the chat template), by which contexts are "
        "cut to max_input_tokens. Without it they are cut only where the server refuses a prompt "
        "for its length.",
    )


class EndpointGenerator:
    """A language model that is asked prompt by prompt."""

    def __init__(
        self,
        settings: Settings,
        serving: Serving,
        client: Client,
        fresh: bool,
        tokenizer: Any = None,
    ) -> None:
        self.settings = settings
        self.serving = serving
        self.client = client
        self.tokenizer = tokenizer
        self._fresh = fresh

    @property
    def fresh(self) -> EndpointGenerator:
        """The same node, connected, which asks anew for what the cache holds."""
        self.client.connect()
        return EndpointGenerator(self.settings, self.serving, self.client, True, self.tokenizer)

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return batches of as many requests as may be in flight, of one task each."""
        size = self.settings.endpoint.concurrency
        ordered = sorted(requests, key=lambda request: (request.task, request.prompt_id))
        tasks = [list(group) for _, group in groupby(ordered, lambda request: request.task)]
        return [of[start : start + size] for of in tasks for start in range(0, len(of), size)]

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return a completion for each request of a batch; see :meth:`stream`."""
        ((_, completions),) = self.stream([batch])
        return completions

    def stream(
        self, batches: Sequence[list[Request]]
    ) -> abc.Generator[tuple[int, list[Completion]], None, None]:
        """Yield each batch's index and completions when its last request is answered.

        The requests of all batches stand in one queue: none waits for the slowest of a batch.

        Raises:
            PoqError: see :meth:`poq.endpoint.client.Client.each`; an answer is no chat completion,
                or a prompt does not fit even without its context.
        """
        places = [(number, row) for number, of in enumerate(batches) for row in range(len(of))]
        found: list[dict[int, Completion]] = [{} for _ in batches]
        seen: Counter[str] = Counter()
        requests = [request for batch in batches for request in batch]
        with closing(self.client.each(self._complete, requests, show=False)) as answered:
            for index, completion in answered:
                number, row = places[index]
                found[number][row] = completion
                seen.update(self._remarks(completion))
                if len(found[number]) == len(batches[number]):
                    yield number, [found[number][row] for row in range(len(batches[number]))]
        for remark, count in sorted(seen.items()):
            log.warning("%s: %d of %d %s", self.client.where, count, len(requests), remark)

    def _complete(self, request: Request) -> Completion:
        stop = self.serving.limits[request.task].stop
        context, counted = self._fitted(request)
        answer, body, kept = self._ask(request, context, stop)
        if stop and not answer.content.strip() and answer.finish_reason != "length":
            # A stop string before the first word ended it: it goes on, and is cut here.
            answer, body, kept = self._ask(request, context, ())
        text = answer.content.strip()
        reason = _finish_reason(answer)
        if cuts := [text.find(string) for string in stop if string in text]:
            text, reason = text[: min(cuts)].strip(), "stop"
        read = answer.input_tokens
        unread = None not in (counted, read) and read < CUT_BY_SERVER * counted  # type: ignore[operator]
        return Completion(
            output=text,
            input_tokens=read,
            output_tokens=answer.output_tokens,
            input_truncated=kept < len(request.context) or unread,
            finish_reason=reason,
            seed=body.get("seed"),
        )

    def _ask(
        self, request: Request, context: str, stop: tuple[str, ...]
    ) -> tuple[Answer, dict[str, Any], int]:
        """Return the answer, the request that was sent, and how much of the context it holds."""
        found, kept = self.client.fitting(
            lambda text: self._body(request, text, stop), context, _same, fresh=self._fresh
        )
        if isinstance(found, Unusable):
            hint = ""
            if found.excess is not None:
                hint = (
                    ", even without its context; shorten the template, lower the task's "
                    "max_output_tokens, or serve the model with a longer context"
                )
            where = self.client.where
            raise PoqError(f"{where}, prompt {request.prompt_id}: {found.reason}{hint}")
        return found, self.client.adaptation.final(self._body(request, context, stop)), kept

    def _fitted(self, request: Request) -> tuple[str, int | None]:
        """Return as much of the context as fits, and the tokens of the prompt with it.

        Without a tokenizer, all of it and None.
        """
        context = request.context
        if self.tokenizer is None:
            return context, None
        limit = self.serving.settings.max_input_tokens
        encoding = self.tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
        ends = [0, *(end for _, end in encoding["offset_mapping"])]
        tokens = self._tokens(request, context)
        keep = len(ends) - 1
        while tokens > limit and keep > 0:
            keep = max(0, keep - (tokens - limit))
            context = context[: ends[keep]]
            tokens = self._tokens(request, context)
        if keep == 0 and request.context:
            raise PoqError(
                f"prompt {request.prompt_id}: the prompt without its context has more than "
                f"max_input_tokens={limit} tokens; shorten the template or raise the limit"
            )
        return context, tokens

    def _tokens(self, request: Request, context: str) -> int:
        messages = self._body(request, context, ())["messages"]
        if self.tokenizer.chat_template is None:
            return len(self.tokenizer(messages[0]["content"])["input_ids"])
        more = self.settings.endpoint.request.get("chat_template_kwargs") or {}
        ids = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, **more
        )
        return len(ids["input_ids"])

    def _body(self, request: Request, context: str, stop: tuple[str, ...]) -> dict[str, Any]:
        prompt = self.serving.formats[request.task].render(request.question, context)
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.serving.limits[request.task].max_output_tokens,
            "temperature": self.settings.temperature,
        }
        if stop:
            body["stop"] = list(stop)
        if self.settings.temperature != 0:
            seed = int(digest([self.serving.seed, request.prompt_id])[:8], 16) >> 1
            body |= {"seed": seed, "top_p": self.settings.top_p}
        return body

    def _remarks(self, completion: Completion) -> Iterator[str]:
        """Yield what a user should know of an output, in words that follow a count."""
        limit = self.serving.settings.max_input_tokens
        if completion.input_truncated:
            yield "contexts were cut to what the model reads"
        if (completion.input_tokens or 0) > limit:
            yield (
                f"inputs have more than max_input_tokens={limit}; name the model's tokenizer to "
                "have them cut"
            )
        if not completion.output and completion.finish_reason == "length":
            yield (
                "outputs are empty: the model used all its tokens before it answered; raise the "
                "task's max_output_tokens, or switch thinking off by endpoint.request, as in "
                "{chat_template_kwargs: {enable_thinking: false}}"
            )


def access_problem(settings: Settings) -> str | None:
    """Return why the endpoint cannot be asked, or the tokenizer not loaded; None if nothing is."""
    folder = settings.tokenizer
    if folder is not None and not Path(folder, "tokenizer.json").is_file():
        return f"{folder}: holds no tokenizer.json; expected the folder of a model's tokenizer"
    return settings.endpoint.key_problem()


def load(settings: Settings, serving: Serving, folder: Path | None) -> Generator:
    """Return the generator of an endpoint.

    Raises:
        PoqError: the tokenizer cannot be loaded, or see :class:`poq.endpoint.client.Client`.
    """
    tokenizer = None
    if settings.tokenizer is not None:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                settings.tokenizer, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise PoqError(f"{settings.tokenizer}: no tokenizer loads: {error}") from error
    client = Client(settings.endpoint, folder)
    return EndpointGenerator(settings, serving, client, False, tokenizer)


def _finish_reason(answer: Answer) -> FinishReason:
    """Return why an output ended.

    A server calls both its model's end and a stop string "stop"; one that names the string (vLLM)
    is believed. What a filter cut was cut.
    """
    if answer.finish_reason in ("length", "content_filter"):
        return "length"
    return "eos" if answer.stop_string is None else "stop"


def _same(answer: Answer) -> Answer:
    return answer
