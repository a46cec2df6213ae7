"""How a node's model computes: what `auto` came to on the machine that ran it."""

from __future__ import annotations

from typing import NamedTuple


class Served(NamedTuple):
    """Number format of the weights and implementation of attention; None without a model here."""

    precision: str | None = None
    attention: str | None = None


WITHOUT_MODEL = Served()


def served_of(node: object) -> Served:
    """Return how a node's model computes: its attribute ``served``, if it has one.

    >>> served_of("a node without a model")
    Served(precision=None, attention=None)
    """
    found: Served = getattr(node, "served", WITHOUT_MODEL)
    return found
