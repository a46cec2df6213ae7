"""Where the work runs: device, threads, memory, and their description.

Torch is loaded for models alone: it takes seconds and a quarter of a gibibyte, which a free rider
or a lexical evaluator would be charged for.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any


def use_threads(threads: int, *, alone: bool = False, model: bool = True) -> None:
    """Give the libraries of this process a fixed number of threads.

    Call it before any of them is loaded: they read it from the environment. Threads that wait for
    each other sleep: on shared cores, threads that spin slow each other down up to ten times.

    Args:
        threads: number of threads.
        alone: nothing else runs, so that waiting threads may spin, which is up to three times
            faster for small models.
        model: this process will load a model. Torch needs the number set explicitly: it ignores
            the environment if another library has loaded OpenMP before.
    """
    if not alone:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if model:
        import torch

        torch.set_num_threads(threads)


def threads() -> int:
    """Return the number of threads that :func:`use_threads` gave this process; 1 before it."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def device() -> str:
    """Return "cuda" if there is a CUDA device, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def native_bfloat16() -> bool:
    """Return whether the device computes in bfloat16 by instructions of its own.

    Elsewhere it is emulated: on a CPU 3 to 6 times slower than float32, with the same answers.
    A CPU needs AVX512-BF16, AMX or Arm's BF16, and oneDNN must use them: it reports bfloat16 as
    supported on any CPU with AVX-512, where it is 2 to 4 times slower than float32. Under
    ``ONEDNN_MAX_CPU_ISA=AVX2``, which emulates a CPU without AVX-512, it does not.
    """
    import torch

    if device() == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    instructions = any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    # Without oneDNN, as on macOS, its operators are missing.
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return instructions and has_onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def on_cuda() -> bool:
    """Return whether this process computes on CUDA: it has loaded torch, and there is a device."""
    torch = _torch()
    return torch is not None and bool(torch.cuda.is_available())


def synchronize() -> None:
    """Wait until the device has done all work, so that a clock can be read."""
    if on_cuda():
        _torch().cuda.synchronize()


def peak_memory() -> float:
    """Return the peak memory of this process so far in MiB.

    What it has allocated on CUDA; its resident set if it has allocated nothing there.
    """
    if on_cuda() and (allocated := _torch().cuda.max_memory_allocated()):
        return float(allocated / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def describe(threads: int) -> str:
    """Return processor, threads and the accelerator that this process computes on in one line."""
    cuda = _torch().cuda.get_device_name() if on_cuda() else "no accelerator"
    return f"{_processor()}, {threads} thread(s), {cuda}"


def _torch() -> Any:
    """Return torch if something has loaded it, else None."""
    return sys.modules.get("torch")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
