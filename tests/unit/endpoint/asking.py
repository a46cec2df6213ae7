"""Asks a client as judges and nodes do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from poq.endpoint.answer import Answer, Unusable
from poq.endpoint.client import Client

T = TypeVar("T")


def ask(
    client: Client,
    bodies: Sequence[Mapping[str, Any]],
    read: Callable[[Answer], T],
    *,
    attempts: int = 3,
    fresh: bool = False,
    show: bool = True,
) -> list[T | Unusable]:
    """Return what ``read`` makes of the answer to each request, in the same order."""

    def one(body: Mapping[str, Any]) -> T | Unusable:
        return client.answer(body, read, attempts=attempts, fresh=fresh)

    return [found for _, found in sorted(client.each(one, bodies, show=show), key=lambda p: p[0])]
