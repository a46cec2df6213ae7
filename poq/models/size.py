"""How big a model is, as it is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch.nn import Module


class ModelSize(NamedTuple):
    """Number of weights, and the memory that they take up in bytes."""

    parameters: int
    model_bytes: int


@runtime_checkable
class Sized(Protocol):
    """A node or evaluator that holds a model."""

    def size(self) -> ModelSize:
        """Return the size of the model."""
        ...


def size_of(served: object) -> ModelSize | None:
    """Return the size of a node's or evaluator's model; None if it holds none, or elsewhere."""
    return served.size() if isinstance(served, Sized) else None


def parameters(network: Module) -> int:
    """Return the number of weights; those that layers share count once."""
    return sum(weights.numel() for weights in network.parameters())


def weight_bytes(network: Module) -> int:
    """Return the bytes of all weights, those of dynamically quantised layers included.

    Quantising a layer that shares its weights with another makes a copy, which is counted.
    """
    from torch.ao.nn.quantized import Linear

    total = sum(weights.nbytes for weights in network.parameters())
    for layer in network.modules():
        if isinstance(layer, Linear):
            weight, bias = layer.weight(), layer.bias()  # type: ignore[no-untyped-call]
            total += weight.numel() * weight.element_size()
            total += 0 if bias is None else bias.nbytes
    return total
