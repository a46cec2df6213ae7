"""Compile kernels side by side, before they are needed.

numba compiles one function at a time, whatever the number of threads. So every further process
compiles some kernels into numba's cache on disk, where :func:`poq.simulation.kernel.specialize`
then finds them. The files appear under their names only when they are complete, so that processes
may compile and read at the same time; two that compile the same kernel write the same.

The cache lies in ``poq/simulation/__pycache__``; where that cannot be written, in the user's cache
folder; or in the folder that ``NUMBA_CACHE_DIR`` names.

    python -m poq.simulation.compilation mean:published:5 ...    compile these
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from poq import kinds
from poq.errors import PoqError
from poq.provenance import ROOT
from poq.rewards import RewardSettings
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell

Kernel = tuple[str, str, int]
"""Kinds of consensus rule and trust update, and K: what a kernel is compiled for."""


def kernel_of(cell: Cell) -> Kernel:
    """Return the kernel that runs a cell."""
    return cell.consensus.kind, cell.trust.kind, cell.evaluators_per_round


def compile_ahead(cells: Iterable[Cell], *, processes: int) -> None:
    """Compile the kernels of cells that are not in the cache yet, in several processes.

    With one process, or one kernel, there is nothing to gain: it is compiled when it is called.
    A process that fails is ignored; the call of its kernel will tell why.
    """
    missing = [kernel for kernel in dict.fromkeys(map(kernel_of, cells)) if not is_cached(*kernel)]
    if min(processes, len(missing)) < 2:
        return
    shares = [missing[i::processes] for i in range(min(processes, len(missing)))]
    started = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__, *(":".join(map(str, kernel)) for kernel in share)],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        for share in shares
    ]
    for process in started:
        process.wait()


def is_cached(rule: str, trust: str, k: int) -> bool:
    """Tell whether a kernel's machine code lies in the cache.

    Raises:
        PoqError: there is no folder that the cache may be written to.
    """
    from poq.simulation import kernel

    try:
        play = kernel.specialize(rule, trust, k)
    except RuntimeError as error:
        raise PoqError(
            "numba found no folder to keep machine code in; expected a writable folder in "
            f"NUMBA_CACHE_DIR ({error})"
        ) from error
    return any(Path(play.stats.cache_path).glob(f"*{play.__name__}*.nbc"))


def compile_now(rule: str, trust: str, k: int) -> None:
    """Compile a kernel into the cache, by playing one round."""
    from poq.simulation import engine

    cell = Cell(
        rounds=1,
        replications=1,
        seed=0,
        reward=RewardSettings(alpha=1, beta=0),
        consensus=kinds.settings("poq.consensus", {"kind": rule}),
        trust=kinds.settings("poq.trust", {"kind": trust}),
        attack=kinds.settings("poq.attacks", {"kind": "honest"}),
        malicious_ratio=0,
        evaluators_per_round=k,
    )
    pool = Pool(
        scores=np.zeros((1, 1, 1)),
        quality=np.zeros((1, 1)),
        task=np.zeros(1, dtype=np.int64),
        inference_costs=np.zeros((1, 1)),
        evaluator_costs=np.zeros((1, 1)),
        inference_nodes=("node",),
        evaluators=("evaluator",),
        evaluator_of=np.zeros(1, dtype=np.int64),
        noise=np.zeros(1),
    )
    engine.run([cell], pool.with_nodes(k))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        kind, update, size = argument.split(":")
        compile_now(kind, update, int(size))
