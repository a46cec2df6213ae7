"""Speed and padding of generation: the batches of a node against two simpler ways.

    python -m benchmarks.generation                 the demo's prompts and its first node
    python -m benchmarks.generation --passes 0      padding alone, in seconds
    python -m benchmarks.generation --oom           and what a lack of memory does

README.md says what the columns mean. One model in memory, the variants in turn, on CUDA if it is
there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from poq import config, hardware, tables
from poq.corpus.prompts import build_prompts
from poq.errors import PoqError
from poq.generation.base import Completion, Request, requests
from poq.generation.batching import MemoryLimit, padding_share
from poq.generation.run import load_node
from poq.generation.transformers import TransformersGenerator
from poq.models.fetch import fetch_model
from poq.models.folder import model_folder
from poq.prompting import PromptFormat, load_formats
from poq.provenance import digest

Batches = list[list[Request]]
Complete = Callable[[list[Request]], list[Completion]]


class Run(NamedTuple):
    """One variant, once: outputs by prompt, and what they took."""

    outputs: dict[str, Completion]
    seconds: float
    cpu_seconds: float
    peak_memory: float


class Naive:
    """What `generate` does if it is simply called: prompts as they come, nothing but its limit."""

    def __init__(self, node: TransformersGenerator) -> None:
        self.node = node

    def batches(self, chosen: Sequence[Request]) -> Batches:
        """Return batches of the configured number of prompts, in their order."""
        rows = self.node.serving.settings.batch_size
        return [
            of_task[start : start + rows]
            for task in dict.fromkeys(request.task for request in chosen)
            for of_task in [[request for request in chosen if request.task == task]]
            for start in range(0, len(of_task), rows)
        ]

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Generate until every row has ended or is as long as it may be; cut off the rest."""
        import torch

        node, limits = self.node, self.node.serving.limits[batch[0].task]
        inputs = [node._input_ids(request) for request in batch]
        padded = node.tokenizer.pad(
            {"input_ids": [ids for ids, _ in inputs]}, return_tensors="pt"
        ).to(node.device)
        with torch.inference_mode():
            sequences = node.model.generate(
                **padded, max_new_tokens=limits.max_output_tokens, do_sample=False
            )
        generated = sequences[:, padded["input_ids"].shape[1] :].tolist()
        return [
            node._completion(ids, given, truncated, limits.stop, None)
            for ids, (given, truncated) in zip(generated, inputs, strict=True)
        ]


def compare(
    node: TransformersGenerator, chosen: Sequence[Request], passes: int
) -> list[dict[str, Any]]:
    """Return one row a variant: batches and padding, and with passes speed and memory.

    Args:
        node: the loaded node.
        chosen: requests in the order in which they came.
        passes: how often every variant runs; the order of variants turns.
    """
    naive = Naive(node)
    variants: dict[str, tuple[Batches, Complete]] = {
        "ours": (node.batches(chosen), node.complete),
        "batch 1": ([[request] for request in chosen], node.complete),
        "naive": (naive.batches(chosen), naive.complete),
    }
    names = list(variants)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for turn in range(passes):
        for name in names[turn % 3 :] + names[: turn % 3]:
            runs[name].append(run(node, *variants[name]))
    rows = []
    for name, (batches, _) in variants.items():
        lengths = [[len(node._input_ids(request)[0]) for request in batch] for batch in batches]
        row = {"variant": name, "batches": len(batches), "padding": padding_share(lengths)}
        rows.append(row | (_speed(runs[name], runs["ours"]) if passes else {}))
    return rows


def recover(node: TransformersGenerator, chosen: Sequence[Request], share: float) -> dict[str, Any]:
    """Generate with plenty of memory, then with a share of what batches took, and compare."""

    class Recorded(MemoryLimit):
        def fell_short(self, rows: int, width: int) -> None:
            too_large.append([rows, width])
            super().fell_short(rows, width)

    too_large: list[list[int]] = []
    batches = node.batches(chosen)
    run(node, batches[:1], node.complete)  # what libraries allocate once, and keep
    idle = hardware_memory()
    free = run(node, batches, node.complete)
    node.memory = Recorded()
    spare = share * (free.peak_memory - idle)
    with memory_left(spare):
        tight = run(node, batches, node.complete)
    remembered, node.memory = node.memory.tokens, MemoryLimit()
    return {
        "spare_memory": spare,
        "rows_and_tokens_that_did_not_fit": too_large,
        "padded_tokens_that_fit": remembered if too_large else None,
        "equal_outputs": _equal(tight, free),
        "slower": tight.seconds / free.seconds,
    }


def run(node: TransformersGenerator, batches: Batches, complete: Complete) -> Run:
    """Return a variant's outputs, seconds and peak memory in MiB."""
    reset_peak()
    hardware.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    outputs = {
        request.prompt_id: completion
        for batch in batches
        for request, completion in zip(batch, complete(batch), strict=True)
    }
    hardware.synchronize()
    return Run(outputs, time.perf_counter() - wall, time.process_time() - cpu, peak())


def _speed(runs: Sequence[Run], ours: Sequence[Run]) -> dict[str, Any]:
    speeds = [_tokens(run) / run.seconds for run in runs]
    base = [_tokens(run) / run.seconds for run in ours]
    return {
        "tokens": _tokens(runs[0]),
        "seconds": statistics.median(run.seconds for run in runs),
        "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
        "tokens_per_second": statistics.median(speeds),
        "of_ours": statistics.median(a / b for a, b in zip(speeds, base, strict=True)),
        "peak_memory": max(run.peak_memory for run in runs),
        "equal_outputs": _equal(runs[0], ours[0]),
    }


def _tokens(run: Run) -> int:
    return sum(completion.output_tokens or 0 for completion in run.outputs.values())


def _equal(run: Run, other: Run) -> float:
    same = (run.outputs[key].output == other.outputs[key].output for key in other.outputs)
    return sum(same) / len(other.outputs)


def _status(name: str) -> float:
    """Return an entry of this process's memory in MiB; Linux alone has it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def hardware_memory() -> float:
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
def memory_left(mebibytes: float) -> Iterator[None]:
    """Leave just so much memory beyond what is in use."""
    import resource

    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory / 2**20
        torch.cuda.set_per_process_memory_fraction((hardware_memory() + mebibytes) / total)
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


def load(values: config.Config, name: str) -> TransformersGenerator:
    """Return a configured node, its model fetched if it is not in the cache."""
    node = values.inference_nodes[name]
    source = values.models[node.model].model_dump(mode="json")
    manifest = Path(values.model_cache) / f"{node.model}-{digest(source)}" / "poq-model.json"
    if not manifest.exists():
        fetch_model(source, manifest)
    settings = {
        "node": node.model_dump(mode="json"),
        "serving": values.serving.model_dump(mode="json"),
        "limits": {
            task: settings.model_dump(mode="json", include={"max_output_tokens", "stop"})
            for task, settings in values.tasks.items()
        },
        "seed": values.seed,
    }
    generator = load_node(settings, formats_of(values), model_folder(manifest))
    if not isinstance(generator, TransformersGenerator):
        raise PoqError(f"inference node {name}: found kind {node.kind}; expected transformers")
    return generator


def formats_of(values: config.Config) -> dict[str, PromptFormat]:
    """Return the format of each task."""
    tasks = values.tasks.values()
    templates = [task.template for task in tasks if task.template]
    examples = [task.worked_example for task in tasks if task.worked_example]
    return load_formats(values.tasks, templates, examples)


def prompts_of(values: config.Config) -> pl.DataFrame:
    """Return the prompts of a configuration, as the workflow would build them."""
    tasks = values.tasks.items()
    return build_prompts(
        sources={task: settings.source.model_dump(mode="json") for task, settings in tasks},
        formats=formats_of(values),
        sample={task: settings.sample for task, settings in tasks},
        splits=values.splits.model_dump(),
        seed=values.seed,
    ).prompts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print a table, or JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--node", help="inference node; the first that runs a model if left out")
    parser.add_argument("--prompts", help="table `prompts`; built if left out")
    parser.add_argument("--limit", type=int, default=16, help="prompts of each task; 0 for all")
    parser.add_argument("--passes", type=int, default=2, help="0 for padding alone")
    parser.add_argument("--threads", type=int, help="CPU threads; costs.threads if left out")
    parser.add_argument(
        "--oom",
        type=float,
        nargs="?",
        const=0.5,
        metavar="SHARE",
        help="generate with just this share of the memory of batches, too (0.5)",
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        values = config.load_file(chosen.config)
        nodes = [name for name, node in values.inference_nodes.items() if hasattr(node, "model")]
        threads = chosen.threads or values.costs.threads
        hardware.use_threads(threads, alone=True)
        node = load(values, chosen.node or nodes[0])
        table = chosen.prompts
        prompts = tables.read("prompts", table) if table else prompts_of(values)
        if chosen.limit:
            prompts = prompts.group_by("task", maintain_order=True).head(chosen.limit)
        found: dict[str, Any] = {
            "hardware": hardware.describe(threads),
            "prompts": len(prompts),
            "variants": compare(node, requests(prompts), chosen.passes),
        }
        if chosen.oom:
            found["out_of_memory"] = recover(node, requests(prompts), chosen.oom)
    except PoqError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if chosen.json else text(found))
    return 0


def text(found: dict[str, Any]) -> str:
    """Return the result as a page of text."""
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True, tbl_cols=-1, tbl_width_chars=200, float_precision=3,
    ):  # fmt: skip
        table = str(pl.DataFrame(found["variants"]))
    lines = [f"{found['prompts']} prompts; {found['hardware']}", table]
    lines += [f"{name}: {value}" for name, value in found.get("out_of_memory", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
