"""How large a node's model is: parameters and bytes of its weights, as they are stored."""

from __future__ import annotations

from math import prod
from pathlib import Path


def model_size(folder: Path | None) -> dict[str, int | None]:
    """Return ``parameters`` and ``model_bytes`` of a folder's safetensors; None without a folder.

    Read from the headers: every element of every tensor counts. A node that quantises the weights
    when it loads them has fewer bytes in memory.
    """
    from safetensors import safe_open

    if folder is None:
        return {"parameters": None, "model_bytes": None}
    files = sorted(folder.rglob("*.safetensors"))
    parameters = 0
    for file in files:
        with safe_open(file, framework="numpy") as tensors:
            parameters += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return {"parameters": parameters, "model_bytes": sum(file.stat().st_size for file in files)}
