"""Memory of this process: how much is in use, how much was, and less than it wants."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# torch is imported where it is used: `poq.hardware.use_threads` comes before it.


def _status(name: str) -> float:
    """Return an entry of this process's memory in MiB; Linux alone has it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def in_use() -> float:
    """Return the memory in use in MiB: allocated on CUDA, else resident."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.memory_allocated() / 2**20)
    return _status("VmRSS")


def reset_peak() -> None:
    """Let the peak begin anew."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak() -> float:
    """Return the most memory in use since :func:`reset_peak`, in MiB."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated() / 2**20)
    return _status("VmHWM")


@contextmanager
def left(mebibytes: float) -> Iterator[None]:
    """Leave just so much memory beyond what is in use."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory / 2**20
        torch.cuda.set_per_process_memory_fraction((in_use() + mebibytes) / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int((_status("VmSize") + mebibytes) * 2**20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
