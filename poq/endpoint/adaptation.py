"""Which parameters an endpoint does not take, found out once and kept.

OpenAI's reasoning models want another name for the limit of tokens and no temperature, DeepSeek and
older vLLM take no JSON schema, Mistral no seed. What one request learns from a refusal, which costs
nothing, holds for all: it is recorded in the cache, so that other threads, shards and reruns send
the same requests.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from poq.checkpoint import Checkpoint
from poq.endpoint.settings import EndpointSettings
from poq.errors import PoqError

LADDER = ("json_schema", "json_object")
"""Response formats, strictest first; after the last one none is asked for."""
log = logging.getLogger(__name__)


class Adaptation:
    """The form that an endpoint's requests have.

    Args:
        where: the endpoint and model in words.
        settings: of the endpoint; their ``request`` has the last word.
        folder: where what was refused is recorded.
    """

    def __init__(self, where: str, settings: EndpointSettings, folder: Path) -> None:
        self._where = where
        self._request = settings.request
        self._record = Checkpoint(folder, {})
        self._lock = folder / "lock"
        folder.mkdir(parents=True, exist_ok=True)
        self._refused = self._recorded()

    def final(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request as it is sent: without what was refused, ``request`` put in last."""
        made = {**adapted(body, self._refused), **self._request}
        return {name: value for name, value in made.items() if value is not None}

    def refuse(
        self, asked: Mapping[str, Any], sent: Mapping[str, Any], name: str, problem: str
    ) -> None:
        """Send a parameter no more that was refused.

        Args:
            asked: the request as it was meant.
            sent: as it was sent.
            name: the refused parameter.
            problem: the refusal in words.

        Raises:
            PoqError: it is the configuration that sends the parameter.
        """
        with FileLock(self._lock):
            self._refused = self._recorded()
            if self.final(asked) != sent:
                return  # another request, or job, met the same refusal
            self._refused = [*self._refused, name]
            changed = self.final(asked)
            if changed == sent:
                raise PoqError(f"{problem}. `request` of this endpoint sets {name}; change it")
            self._record.put("refused", self._refused)
        now = {n: v for n, v in changed.items() if n not in sent or sent[n] != v}
        greedy = "; answers are no longer greedy" if name == "temperature" else ""
        form = json.dumps(now) if now else f"no {name}"
        record = self._record.folder
        text = "%s: %s. Requests have %s from now on%s (%s)"
        log.warning(text, self._where, problem, form, greedy, record)

    def _recorded(self) -> list[str]:
        return self._record.get("refused") or []


def adapted(body: Mapping[str, Any], refused: Sequence[str]) -> dict[str, Any]:
    """Return a body without what a server refused, one parameter after the other.

    ``max_tokens`` gets its newer name, ``response_format`` goes one step down :data:`LADDER`.

    >>> adapted({"max_tokens": 9, "seed": 1}, ["seed", "max_tokens"])
    {'max_completion_tokens': 9}
    """
    made = dict(body)
    for name in refused:
        value = made.pop(name, None)
        if name == "max_tokens" and value is not None:
            made["max_completion_tokens"] = value
        elif name == "response_format" and value is not None and value.get("type") == LADDER[0]:
            made[name] = {"type": LADDER[1]}
    return made
