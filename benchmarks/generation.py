"""Speed and padding of generation: the batches of a node against two simpler ways.

    python -m benchmarks.generation                 the demo's prompts and its first node
    python -m benchmarks.generation --passes 0      padding alone, in seconds
    python -m benchmarks.generation --oom           and what a lack of memory does
    python -m benchmarks.generation --config config/paper.yaml --paper-shapes
                                                    the paper's models, with random weights

README.md says what the columns mean. One model in memory, the variants in turn, on CUDA if it is
there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from benchmarks import memory, paper_shapes
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

# Prompts of each task that batch 1 generates of a paper's shape: its speed depends on no others.
ALONE = 4

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
    node: TransformersGenerator,
    chosen: Sequence[Request],
    passes: int,
    alone: Sequence[Request] | None = None,
) -> list[dict[str, Any]]:
    """Return one row a variant: batches and padding, and with passes speed and memory.

    A variant that memory does not hold has neither.

    Args:
        node: the loaded node.
        chosen: requests in the order in which they came.
        passes: how often every variant runs; the order of variants turns.
        alone: those of them that batch 1 generates; all if left out.
    """
    naive = Naive(node)
    variants: dict[str, tuple[Batches, Complete]] = {
        "ours": (node.batches(chosen), node.complete),
        "batch 1": ([[request] for request in alone or chosen], node.complete),
        "naive": (naive.batches(chosen), naive.complete),
    }
    names = list(variants)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for turn in range(passes):
        for name in names[turn % 3 :] + names[: turn % 3]:
            runs[name] += attempt(*variants[name])
    rows = []
    for name, (batches, _) in variants.items():
        lengths = [[len(node._input_ids(request)[0]) for request in batch] for batch in batches]
        row = {"variant": name, "batches": len(batches), "padding": padding_share(lengths)}
        held = passes and len(runs[name]) == passes
        rows.append(row | (_speed(runs[name], runs["ours"]) if held else {}))
    return rows


def recover(node: TransformersGenerator, batches: Batches, share: float) -> dict[str, Any]:
    """Generate with plenty of memory, then with a share of what batches took, and compare."""

    class Recorded(MemoryLimit):
        def fell_short(self, rows: int, width: int) -> None:
            too_large.append([rows, width])
            super().fell_short(rows, width)

        def sufficed(self, rows: int, width: int) -> None:
            fitted.append(rows)
            super().sufficed(rows, width)

    too_large: list[list[int]] = []
    fitted: list[int] = []
    run(batches[:1], node.complete)  # what libraries allocate once, and keep
    idle = memory.in_use()
    free = run(batches, node.complete)
    node.memory = Recorded()
    spare = share * (free.peak_memory - idle)
    with memory.left(spare):
        tight = run(batches, node.complete)
    remembered, node.memory = node.memory.tokens, MemoryLimit()
    return {
        "spare_memory": spare,
        "rows_and_tokens_that_did_not_fit": too_large,
        "rows_that_fitted": fitted,
        "padded_tokens_that_fit": remembered if too_large else None,
        "complete_outputs": _complete(node, batches, tight),
        "equal_outputs": _equal(tight, free),
        "slower": tight.seconds / free.seconds,
    }


def run(batches: Batches, complete: Complete) -> Run:
    """Return a variant's outputs, seconds and peak memory in MiB."""
    memory.reset_peak()
    hardware.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    outputs = {
        request.prompt_id: completion
        for batch in batches
        for request, completion in zip(batch, complete(batch), strict=True)
    }
    hardware.synchronize()
    return Run(outputs, time.perf_counter() - wall, time.process_time() - cpu, memory.peak())


def attempt(batches: Batches, complete: Complete) -> list[Run]:
    """Return a variant's run; none if memory does not hold it."""
    from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

    try:
        return [run(batches, complete)]
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, MemoryError) or should_reduce_batch_size(error)):
            raise
    # The error is gone, and with it the references to what it had allocated.
    clear_device_cache(garbage_collection=True)
    return []


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
    same = (run.outputs[key].output == other.outputs[key].output for key in run.outputs)
    return sum(same) / len(run.outputs)


def _complete(node: TransformersGenerator, batches: Batches, run: Run) -> float:
    """Return the share of requests whose output has ended or is as long as it may be."""
    chosen = [request for batch in batches for request in batch]
    found = [(request.task, run.outputs.get(request.prompt_id)) for request in chosen]
    complete = (
        output is not None
        and (
            output.finish_reason != "length"
            or output.output_tokens == node.serving.limits[task].max_output_tokens
        )
        for task, output in found
    )
    return sum(complete) / len(chosen)


def load(values: config.Config, name: str) -> TransformersGenerator:
    """Return a configured node, its model fetched if it is not in the cache."""
    node = values.inference_nodes[name]
    source = values.models[node.model].model_dump(mode="json")
    manifest = Path(values.model_cache) / f"{node.model}-{digest(source)}" / "poq-model.json"
    if not manifest.exists():
        fetch_model(source, manifest)
    return serve(values, name, model_folder(manifest))


def serve(
    values: config.Config, name: str, folder: Path, **changed: Mapping[str, Any]
) -> TransformersGenerator:
    """Return a configured node of a model folder; what is ``changed`` in node or serving counts."""
    node = values.inference_nodes[name]
    settings = {
        "node": node.model_dump(mode="json") | {**changed.get("node", {})},
        "serving": values.serving.model_dump(mode="json") | {**changed.get("serving", {})},
        "limits": {
            task: settings.model_dump(mode="json", include={"max_output_tokens", "stop"})
            for task, settings in values.tasks.items()
        },
        "seed": values.seed,
    }
    generator = load_node(settings, formats_of(values), folder)
    if not isinstance(generator, TransformersGenerator):
        raise PoqError(f"inference node {name}: found kind {node.kind}; expected transformers")
    return generator


def shapes_of(values: config.Config, names: Sequence[str]) -> dict[str, str]:
    """Return the repository of each named node whose shape is known; of all such without names.

    Raises:
        PoqError: a node does not exist, or the shape of its model is not known.
    """
    found = {
        name: repository
        for name, node in values.inference_nodes.items()
        if node.kind == "transformers"
        and (source := values.models[node.model]).kind == "hub"
        and (repository := source.repository) in paper_shapes.SHAPES
    }
    if not found or not {*names} <= {*found}:
        raise PoqError(
            f"--paper-shapes: found {', '.join(names) or 'no node of such a model'}; expected "
            f"names of nodes ({', '.join(found) or 'none here'}) of a model from the hub among "
            f"{', '.join(paper_shapes.SHAPES)}: those of config/paper.yaml"
        )
    return {name: found[name] for name in names or found}


def shaped(
    values: config.Config, name: str, repository: str, chosen: argparse.Namespace
) -> dict[str, Any]:
    """Return what :func:`compare` and :func:`recover` say of a model with random weights."""
    settings = values.inference_nodes[name].model_dump(mode="json")
    model = paper_shapes.shape(repository, chosen.scale)
    if settings["attention"] not in ("eager", "flash_attention_2"):
        settings["attention"] = paper_shapes.attention_of(model)
    longest = max(task.max_output_tokens or 0 for task in values.tasks.values())
    room = min(values.serving.max_input_tokens, model["max_position_embeddings"] - longest)
    with TemporaryDirectory() as folder, paper_shapes.random_weights(values.seed):
        paper_shapes.save_folder(Path(folder), model)
        serving = {"max_input_tokens": room}
        node = serve(values, name, Path(folder), node=settings, serving=serving)
    asked = paper_shapes.random_requests(
        model["vocab_size"], chosen.limit, values.tasks, values.seed
    )
    alone = sample(asked, ALONE)
    if chosen.passes:
        run([alone[:1]], node.complete)  # what libraries load at their first use
    row = {
        "node": name,
        "parameters": node.size().parameters,
        "precision": str(node.model.dtype).removeprefix("torch."),
        "attention": node.model.config._attn_implementation,
        "prompts": len(asked),
        "variants": compare(node, asked, chosen.passes, alone),
    }
    if chosen.passes:
        batches = node.batches(asked)
        largest = max(batches, key=lambda batch: len(batch) * len(node._input_ids(batch[0])[0]))
        row["out_of_memory"] = recover(node, [largest], chosen.oom or 0.5)
    return row


def sample(chosen: Sequence[Request], each: int) -> list[Request]:
    """Return some requests of each task, evenly spread over lengths of contexts."""
    found = []
    for task in dict.fromkeys(request.task for request in chosen):
        of_task = sorted(
            (request for request in chosen if request.task == task),
            key=lambda request: len(request.context),
        )
        step = max(1, len(of_task) // each)
        found += of_task[step // 2 :: step][:each]
    return found


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
    parser.add_argument("--limit", type=int, help="prompts of each task (16); 0 for all")
    parser.add_argument("--passes", type=int, help="0 for padding alone (2)")
    parser.add_argument("--threads", type=int, help="CPU threads; costs.threads if left out")
    parser.add_argument(
        "--oom",
        type=float,
        nargs="?",
        const=0.5,
        metavar="SHARE",
        help="generate with just this share of the memory of batches, too (0.5)",
    )
    parser.add_argument(
        "--paper-shapes",
        nargs="*",
        metavar="NODE",
        help="random weights and prompts in the shapes of the paper's models (96 prompts of each "
        "task, 1 pass): these nodes, or all",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="smaller paper's shapes, to try")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    limit, passes = (16, 2) if chosen.paper_shapes is None else (96, 1)
    chosen.limit = limit if chosen.limit is None else chosen.limit
    chosen.passes = passes if chosen.passes is None else chosen.passes
    if chosen.paper_shapes is not None and (chosen.node or chosen.prompts or chosen.limit < 1):
        parser.error(
            "--paper-shapes names nodes and makes prompts itself; expected no --node, no --prompts "
            "and a --limit of at least 1"
        )
    if not 0 < chosen.scale <= 1:
        parser.error(f"--scale: found {chosen.scale:g}; expected more than 0 and at most 1")
    try:
        values = config.load_file(chosen.config)
        threads = chosen.threads or values.costs.threads
        hardware.use_threads(threads, alone=True)
        found: dict[str, Any] = {"hardware": hardware.describe(threads)}
        found |= (
            run_node(values, chosen) if chosen.paper_shapes is None else run_shapes(values, chosen)
        )
    except PoqError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if chosen.json else text(found))
    return 0


def run_node(values: config.Config, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what :func:`compare` and :func:`recover` say of one node and its own prompts."""
    nodes = [name for name, node in values.inference_nodes.items() if hasattr(node, "model")]
    node = load(values, chosen.node or nodes[0])
    table = chosen.prompts
    prompts = tables.read("prompts", table) if table else prompts_of(values)
    if chosen.limit:
        prompts = prompts.group_by("task", maintain_order=True).head(chosen.limit)
    asked = requests(prompts)
    found = {"prompts": len(prompts), "variants": compare(node, asked, chosen.passes)}
    if chosen.oom:
        found["out_of_memory"] = recover(node, node.batches(asked), chosen.oom)
    return found


def run_shapes(values: config.Config, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what :func:`shaped` says of each model, one at a time in memory."""
    from accelerate.utils.memory import clear_device_cache

    rows = []
    for name, repository in shapes_of(values, chosen.paper_shapes).items():
        rows.append(shaped(values, name, repository, chosen))
        clear_device_cache(garbage_collection=True)
    return {"scale": chosen.scale, "models": rows}


def text(found: dict[str, Any]) -> str:
    """Return the result as a page of text."""
    if "models" in found:
        models = [_line(model) for model in found["models"]]
        return f"scale {found['scale']:g}; {found['hardware']}\n{_table(models)}"
    lines = [f"{found['prompts']} prompts; {found['hardware']}", _table(found["variants"])]
    lines += [f"{name}: {value}" for name, value in found.get("out_of_memory", {}).items()]
    return "\n".join(lines)


def _line(model: dict[str, Any]) -> dict[str, Any]:
    """Return a model's row: its variants' columns side by side, and how it recovered."""
    keys = ("node", "parameters", "precision", "attention", "prompts")
    row = {key: model[key] for key in keys}
    columns = {
        "tokens_per_second": ("tokens/s", ("ours", "naive", "batch 1")),
        "of_ours": ("of ours", ("naive", "batch 1")),
        "padding": ("padding", ("ours", "naive")),
        "peak_memory": ("peak MiB", ("ours", "naive")),
    }
    variants = {variant["variant"]: variant for variant in model["variants"]}
    for column, (title, shown) in columns.items():
        row |= {f"{title} {name}": variants[name].get(column) for name in shown}
    if recovery := model.get("out_of_memory"):
        failed = [str(rows) for rows, _ in recovery["rows_and_tokens_that_did_not_fit"]]
        row["rows that failed"] = " ".join(failed)
        row["rows that fitted"] = " ".join(map(str, recovery["rows_that_fitted"]))
        row["complete"] = recovery["complete_outputs"]
    return row


def _table(rows: list[dict[str, Any]]) -> str:
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True, tbl_cols=-1, tbl_width_chars=-1, float_precision=3,
        fmt_str_lengths=100,
    ):  # fmt: skip
        table = pl.DataFrame(rows, infer_schema_length=None)
        return str(table[[column.name for column in table if column.count()]])


if __name__ == "__main__":
    sys.exit(main())
