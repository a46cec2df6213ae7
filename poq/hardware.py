"""Where the work runs: device, threads, memory, and their description."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path


def use_threads(threads: int, *, alone: bool = False) -> None:
    """Give the libraries of this process a fixed number of threads.

    Call it before torch is imported. Threads that wait for each other sleep: on shared cores,
    threads that spin slow each other down up to ten times.

    Args:
        threads: number of threads.
        alone: nothing else runs, so that waiting threads may spin, which is up to three times
            faster for small models.
    """
    if not alone:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(threads)


def threads() -> int:
    """Return the number of threads that :func:`use_threads` gave this process; 1 before it."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def device() -> str:
    """Return "cuda" if there is a CUDA device, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def synchronize() -> None:
    """Wait until the device has done all work, so that a clock can be read."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory() -> float:
    """Return the peak memory of this process so far in MiB.

    What it has allocated on CUDA; its resident set if it has allocated nothing there.
    """
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return float(torch.cuda.max_memory_allocated() / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def describe(threads: int) -> str:
    """Return processor, threads and accelerator in one line."""
    import torch

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no accelerator"
    return f"{_processor()}, {threads} thread(s), {cuda}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
