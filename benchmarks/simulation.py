"""How fast are simulated rounds?  make bench-simulation

One PoQ round: a prompt, one of 5 inference nodes, K = 5 of 10 evaluator nodes, 30 % of them
boosting, consensus, published trust update, rewards, statistics. All implementations play the same
model in one run, taking turns; the best pass of each counts. Single-threaded ones are timed in CPU
seconds, since other programs disturb these least; threads and the sweep in seconds.

- kernel: ``poq.simulation.engine.run``, what users run, with all its statistics;
- C: benchmarks/rounds.c, the same with the same statistics, compiled here (cc -O3 -march=native);
- reference: ``poq.simulation.reference``;
- NumPy: a straightforward loop that calls NumPy in every round, with the same statistics; and with
  only the eight sums that consensus alignment and mean reward need;
- radCAD: benchmarks/radcad_model.py, in an environment of its own, leanly written; likewise.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from poq import kinds
from poq.rewards import RewardSettings
from poq.simulation import engine, reference
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell, Grid
from poq.simulation.statistics import SUMS
from poq.simulation.streams import states

HERE = Path(__file__).parent
RULES = ("trust_weighted_mean", "median")
ROUNDS, REPLICATIONS, SLOW_ROUNDS = 5000, 100, 3000
Pass = Callable[[], tuple[float, int]]
"""One pass: returns seconds and rounds."""


def setting(package: str, kind: str, **values: Any) -> Any:
    """Return the settings of a kind."""
    return kinds.settings(f"poq.{package}", {"kind": kind, **values})


def make_pool(nodes: int = 10, prompts: int = 100, models: int = 5, evaluators: int = 10) -> Pool:
    """Return a pool over random scores: only their number matters here."""
    rng = np.random.default_rng(0)
    quality = rng.uniform(0, 1, (prompts, models))
    errors = rng.normal(0, 1.5, (prompts, models, evaluators))
    return Pool(
        scores=np.clip(10 * quality[..., None] + errors, 0, 10),
        quality=quality,
        task=np.zeros(prompts, dtype=np.int64),
        inference_costs=rng.uniform(0, 1, (1, models)),
        evaluator_costs=rng.uniform(0, 1, (1, evaluators)),
        inference_nodes=tuple(f"m{i}" for i in range(models)),
        evaluators=tuple(f"e{i}" for i in range(evaluators)),
        evaluator_of=np.arange(evaluators),
        noise=np.zeros(evaluators),
    ).with_nodes(nodes)


def make_cell(rule: str, **values: Any) -> Cell:
    """Return the benchmark's cell."""
    defaults: dict[str, Any] = {
        "rounds": ROUNDS,
        "replications": REPLICATIONS,
        "seed": 1,
        "reward": RewardSettings(alpha=1, beta=0.3),
        "consensus": setting("consensus", rule),
        "trust": setting("trust", "published", rate=0.1, maximum=2),
        "attack": setting("attacks", "boosting", shift=3),
        "malicious_ratio": 0.3,
        "evaluators_per_round": 5,
    }
    return Cell(**(defaults | values))


def kernel_pass(cell: Cell, pool: Pool) -> Pass:
    """Return a pass of the kernel on one thread."""

    def run() -> tuple[float, int]:
        start = time.process_time()
        engine.run([cell], pool)
        return time.process_time() - start, cell.rounds * cell.replications

    return run


def c_pass(cell: Cell, pool: Pool, folder: Path) -> Pass:
    """Compile rounds.c, check that it gives the kernel's sums, and return a pass of it."""
    rule, k = RULES.index(cell.consensus.kind), cell.evaluators_per_round
    library = folder / f"rounds-{rule}-{k}.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC", f"-DRULE={rule}", f"-DK={k}"]
    subprocess.run(["cc", *flags, HERE / "rounds.c", "-o", library, "-lm"], check=True)
    play = ctypes.CDLL(str(library)).play
    prompts, models, evaluators = pool.scores.shape
    sums = np.zeros((cell.replications, len(SUMS)))
    by_output = np.zeros((cell.replications, prompts * models, 2))
    histogram = np.zeros((cell.replications, 1001, 2))
    values = (
        *(prompts * models, evaluators, pool.scores, pool.quality * 10, pool.ranks),
        np.repeat(pool.task, models),
        *(len(pool), pool.evaluator_of.astype(np.int32), engine.malicious_nodes(cell, pool)),
        np.repeat(cell.reward.beta * pool.evaluator_costs[:, None], 2, axis=1).copy(),
        *(cell.reward.alpha / 10, cell.reward.alpha, cell.trust.initial, cell.trust.rate),
        *(cell.trust.minimum, cell.trust.maximum, cell.attack.shift),
        *(cell.rounds, cell.replications, states(cell.seed, range(cell.replications))),
        *(sums, by_output, histogram),
    )
    arguments = [_c(value) for value in values]

    def run() -> tuple[float, int]:
        for counted in (sums, by_output, histogram):
            counted.fill(0)
        start = time.process_time()
        play(*arguments)
        return time.process_time() - start, cell.rounds * cell.replications

    run()
    (found,) = engine.run([cell], pool)
    np.testing.assert_allclose(sums, found.sums[:, -1], atol=1e-8)
    np.testing.assert_allclose(by_output, found.by_output, atol=1e-8)
    np.testing.assert_allclose(histogram, found.histogram, atol=1e-8)
    return run


def _c(value: Any) -> Any:
    """Return a value as an argument of C: int64_t, double or a pointer."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data_as(ctypes.c_void_p)
    return ctypes.c_double(value) if isinstance(value, float) else ctypes.c_int64(value)


def reference_pass(cell: Cell, pool: Pool) -> Pass:
    """Return a pass of the reference."""
    short = cell.model_copy(update={"rounds": SLOW_ROUNDS})

    def run() -> tuple[float, int]:
        start = time.process_time()
        for _ in reference.play(short, pool, 0):
            pass
        return time.process_time() - start, SLOW_ROUNDS

    return run


def numpy_pass(cell: Cell, pool: Pool, *, every_sum: bool) -> Pass:
    """Return a pass of a loop that calls NumPy in every round.

    With ``every_sum`` it adds up what the kernel and C do (:data:`SUMS`, by output, histogram),
    else the eight sums that consensus alignment and mean reward need.
    """
    rng = np.random.default_rng(0)
    prompts, models, _ = pool.scores.shape
    k, malicious = cell.evaluators_per_round, engine.malicious_nodes(cell, pool)
    truth = 10 * pool.quality
    costs = cell.reward.beta * pool.evaluator_costs[0, pool.evaluator_of]
    trust_rule, cap = cell.trust, cell.trust.maximum

    def run() -> tuple[float, int]:
        trust = np.full(len(pool), float(trust_rule.initial))
        sums, many = np.zeros(8), np.zeros(14)
        by_output, histogram = np.zeros((prompts, models, 2)), np.zeros((1001, 2))
        saturated = np.zeros(2)
        start = time.process_time()
        for _ in range(SLOW_ROUNDS):
            prompt, model = rng.integers(prompts), rng.integers(models)
            nodes = rng.choice(len(pool), k, replace=False)
            given = pool.scores[prompt, model, pool.evaluator_of[nodes]]
            given = np.where(nodes < malicious, np.minimum(given + cell.attack.shift, 10), given)
            weights = trust[nodes]
            if cell.consensus.kind == "median":
                agreed = np.median(given)
            else:
                agreed = (weights * given).sum() / weights.sum()
            deviation = np.abs(given - agreed) / 10
            paid = cell.reward.alpha * (1 - deviation) - costs[nodes]
            moved = weights * (1 + trust_rule.rate * (0.5 - deviation))
            trust[nodes] = np.clip(moved, trust_rule.minimum, trust_rule.maximum)
            g = truth[prompt, model]
            if not every_sum:
                sums += (1, agreed, agreed**2, g, g**2, agreed * g, abs(agreed - g), paid.sum())
                continue
            bad, c = nodes < malicious, agreed - 5
            gained = trust[nodes] - weights
            reached = (trust[nodes] >= cap).astype(int) - (weights >= cap)
            many += (
                *(c, c**2, abs(agreed - g), deviation.sum(), deviation[bad].sum(), paid.sum()),
                *((paid**2).sum(), paid[bad].sum(), (paid[bad] ** 2).sum(), bad.sum()),
                *(gained.sum(), gained[bad].sum(), reached.sum(), reached[bad].sum()),
            )
            by_output[prompt, model] += (1, c)
            histogram[int(agreed * 100 + 0.5)] += (1, pool.ranks[prompt, model])
            if saturated[0] == 0 and 2 * many[12] >= len(pool):
                saturated[0] = by_output[..., 0].sum()
            if saturated[1] == 0 and many[12] == len(pool):
                saturated[1] = by_output[..., 0].sum()
        return time.process_time() - start, SLOW_ROUNDS

    return run


class RadCad:
    """A process that runs the model in radCAD on request."""

    def __init__(self, cell: Cell, pool: Pool, *, every_sum: bool) -> None:
        """Start it and hand over the model; what it adds up is said in :func:`numpy_pass`."""
        self._process = subprocess.Popen(
            ["uv", "run", "--quiet", "--script", HERE / "radcad_model.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        model = {
            "scores": pool.scores[..., pool.evaluator_of].tolist(),
            "quality": (10 * pool.quality).tolist(),
            "ranks": pool.ranks.tolist(),
            "every_sum": every_sum,
            "costs": pool.evaluator_costs[0, pool.evaluator_of].tolist(),
            "nodes": len(pool),
            "k": cell.evaluators_per_round,
            "malicious": engine.malicious_nodes(cell, pool),
            "consensus": cell.consensus.kind,
            "rate": cell.trust.rate,
            "minimum": cell.trust.minimum,
            "maximum": cell.trust.maximum,
            "shift": cell.attack.shift,
            "alpha": cell.reward.alpha,
            "beta": cell.reward.beta,
        }
        self._ask(json.dumps(model))

    def _ask(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def run(self) -> tuple[float, int]:
        """Play rounds; return its CPU seconds."""
        assert self._process.stdout
        self._ask(str(SLOW_ROUNDS))
        seconds, _ = self._process.stdout.readline().split()
        return float(seconds), SLOW_ROUNDS

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def best(passes: dict[str, Pass], repeats: int) -> dict[str, float]:
    """Return the highest rounds per second of each, taking turns."""
    speeds = dict.fromkeys(passes, 0.0)
    for _ in range(repeats):
        for name, run in passes.items():
            seconds, rounds = run()
            speeds[name] = max(speeds[name], rounds / seconds)
    return speeds


def compare(rule: str, repeats: int, folder: Path) -> None:
    """Print rounds per second of all implementations and the kernel's lead."""
    pool, cell = make_pool(), make_cell(rule)
    radcad, lean_radcad = (RadCad(cell, pool, every_sum=every) for every in (True, False))
    speeds = best(
        {
            "kernel": kernel_pass(cell, pool),
            "C": c_pass(cell, pool, folder),
            "radCAD": radcad.run,
            "radCAD, 8 sums": lean_radcad.run,
            "NumPy": numpy_pass(cell, pool, every_sum=True),
            "NumPy, 8 sums": numpy_pass(cell, pool, every_sum=False),
            "reference": reference_pass(cell, pool),
        },
        repeats,
    )
    radcad.close()
    lean_radcad.close()
    print(f"\n{rule}: rounds per second, one core; kernel over it")
    for name, speed in speeds.items():
        print(f"  {name:14} {speed:14,.0f} {speeds['kernel'] / speed:10,.2f}")


def two_threads(rule: str, repeats: int) -> None:
    """Print what a second thread gives."""
    pool, cell = make_pool(), make_cell(rule, replications=800)
    engine.run([cell], pool)
    seconds = {1: float("inf"), 2: float("inf")}
    for _ in range(repeats):
        for threads in seconds:
            start = time.perf_counter()
            engine.run([cell], pool, threads=threads)
            seconds[threads] = min(seconds[threads], time.perf_counter() - start)
    print(f"\n{rule}: two threads over one {seconds[1] / seconds[2]:.2f}")


def growth(rule: str, repeats: int) -> None:
    """Print nanoseconds a round by size of the pool and by K, memory by rounds.

    A replication begins by giving each node its trust, so that it must have more rounds than nodes
    for the time of a round to be that of a round.
    """
    cell = make_cell(rule, rounds=200_000, replications=16)
    by_nodes: dict[str, Pass] = {
        f"{nodes:,}": kernel_pass(cell, make_pool(nodes))
        for nodes in (10, 100, 1000, 10_000, 100_000)
    }
    by_k: dict[str, Pass] = {
        str(k): kernel_pass(cell.model_copy(update={"evaluators_per_round": k}), make_pool(100))
        for k in (1, 3, 5, 9, 15)
    }
    for title, passes in (("evaluator nodes, K = 5", by_nodes), ("K, 100 nodes", by_k)):
        for run in passes.values():
            run()
        print(f"\n{rule}: nanoseconds a round by {title}")
        for name, speed in best(passes, repeats).items():
            print(f"  {name:>8} {1e9 / speed:8.1f}")
    print(f"\n{rule}: peak memory of this process, MiB, by rounds of a replication")
    for rounds in (5_000, 50_000, 500_000, 5_000_000):
        engine.run([cell.model_copy(update={"rounds": rounds, "replications": 1})], make_pool())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {rounds:>10,} {peak:8.1f}")


def sweep() -> None:
    """Print the time of 4 attacks x 7 ratios x 4 K x 4 rules x 20 replications x 5,000 rounds."""
    grid = Grid(
        rounds=5000,
        replications=20,
        seed=1,
        reward=RewardSettings(alpha=1, beta=0.3),
        consensus={
            rule: setting("consensus", rule)
            for rule in ("mean", "median", "trimmed_mean", "trust_weighted_mean")
        },
        trust={"published": setting("trust", "published")},
        attacks={
            attack: setting("attacks", attack)
            for attack in ("noise", "boosting", "sabotage", "intermittent")
        },
        malicious_ratios=(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
        evaluators_per_round=(3, 5, 7, 9),
    )
    short = grid.model_copy(update={"rounds": 1, "replications": 1})
    for title, chosen in (("compile or load", short), ("run", grid)):
        start = time.perf_counter()
        rows = len(engine.study(chosen.cells(), make_pool(), threads=2)[0])
        print(f"\nsweep, two threads: {title} {time.perf_counter() - start:.1f} s, {rows} rows")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--sweep", action="store_true", help="also time the paper's sweep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rule in RULES:
            compare(rule, options.passes, Path(folder))
    two_threads(RULES[0], options.passes)
    growth(RULES[0], options.passes)
    if options.sweep:
        sweep()


if __name__ == "__main__":
    main()
