"""The typed configuration, and the paths and digests that all rules share."""

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from poq import calibration
    from poq import config as configuration
    from poq import errors, figures, findings, kinds, provenance, resources, schema
    from poq.models import folder
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"{error}. Make the environment that runs the workflow, in {workflow.basedir}: "
        "conda env create -f environment.yaml && conda activate poq"
    ) from None

ROOT = Path(workflow.basedir)

# conda runs pip in each environment that it makes, and none is a virtual environment to pip.
os.environ.update(PIP_REQUIRE_VIRTUALENV="0")

try:
    cfg = configuration.load(config, ", ".join(map(str, workflow.configfiles)))
except errors.PoqError as error:
    raise WorkflowError(str(error)) from None


# `--set-scatter scoring=5` on the command line goes before the configuration.
scattergather:
    generation=cfg.shards.generation,
    scoring=cfg.shards.scoring,
    simulation=cfg.shards.simulation,


wildcard_constraints:
    # Without any node, as over logs, no name may match: an empty constraint would let all.
    model="|".join(cfg.inference_nodes) or "(?!)",
    evaluator="|".join(cfg.evaluators),
    figure="|".join(figures.names()),
    folder="|".join(cfg.models),
    trained="|".join(cfg.trained_models),


def results(path):
    """Return a path inside the run's folder."""
    return f"results/{cfg.run}/{path}"


def logfile(path):
    """Return the path of a log file of the run."""
    return results(f"logs/{path}.log")


def benchmark_of(path):
    """Return the path where a job's own seconds and memory are recorded."""
    return results(f"benchmarks/{path}.tsv")


def table(name, **wildcards):
    """Return a table's path; wildcards without a value stay open."""
    path = schema.TABLES[name].path
    for key, value in wildcards.items():
        path = path.replace(f"<{key}>", value)
    return results(path.replace("<", "{").replace(">", "}"))


def shard_of(name):
    """Return the path of one shard of a table, which its merge reads."""
    whole = table(name).removeprefix(results("")).removesuffix(".parquet")
    return results(f".shards/{whole}/{{scatteritem}}.parquet")


def has(name):
    """Tell whether a run has a table: without dimensions, none of multi-dimensional quality."""
    return bool(cfg.dimensions) or name not in schema.MULTI_DIMENSIONAL


def all_outputs(wildcards=None):
    """Return the outputs of all inference nodes, or of all logged models."""
    names = ["logged"] if cfg.logs() else cfg.inference_nodes
    return [table("outputs", model=name) for name in names]


def all_of_evaluators(name):
    """Return one table of all evaluators."""
    return [table(name, evaluator=evaluator) for evaluator in cfg.evaluators]


def all_of(name):
    """Return a table's path, or those of all evaluators, or of all grids, where it has several."""
    path = schema.TABLES[name].path
    if "<evaluator>" in path:
        return all_of_evaluators(name)
    if "<grid>" in path:
        return [table(name, grid=grid) for grid in cfg.robustness.grids]
    return table(name)


def figure(name, suffix="svg"):
    """Return the path of a figure, or of the table behind it."""
    return results(f"figures/{name}.{suffix}")


def resource(path):
    """Return a template, example or rubric: of the working directory, else the project's."""
    return relative(resources.resource(path))


def relative(path):
    """Return a path, relative if it lies in the working directory: moving that reruns nothing."""
    found = Path(path).absolute()
    here = Path.cwd()
    return str(found.relative_to(here) if found.is_relative_to(here) else found)


def code(name, *modules):
    """Return the code digest of a script, with the modules that it loads by name."""
    return provenance.code_digest(ROOT / "workflow" / "scripts" / f"{name}.py", modules)


def merged_code(of_shards, name):
    """Return a function of the wildcards: the digest of the code of shards and of their merge."""
    return lambda wildcards: provenance.digest([of_shards(wildcards), code(name)])


def manifest(name):
    """Return the manifest of a model folder; its path changes with its source.

    What this run trains depends on its prompts, and lies in its results.
    """
    if name in cfg.trained_models:
        return results(f"models/{name}/poq-model.json")
    return str(folder.manifest_path(cfg.model_cache, name, dump(cfg.models[name])))


def manifest_of(entry):
    """Return the manifest that a node or evaluator needs, as a list; empty without a model."""
    name = configuration.model_of(entry)
    return [manifest(name)] if name else []


def files_of(evaluator):
    """Return the files that an evaluator reads."""
    return [resource(path) for path in evaluator.files()]


def gpus(entry):
    """Return how many GPUs a job of a node or evaluator asks for.

    The profile says how many there are: with `resources: gpu=0` no job asks for any.
    """
    return int(configuration.uses_gpu(entry))


def source_of(entry):
    """Return where the model of a node or evaluator comes from; None without a model."""
    name = configuration.model_of(entry)
    if name in cfg.trained_models:
        return training_of(name)
    return dump(cfg.models[name]) if name else None


def training_of(name):
    """Return how a model is trained, and from what."""
    trained = cfg.trained_models[name]
    return {"training": dump(trained), "base": dump(cfg.models[trained.base])}


def dump(settings):
    """Return settings as JSON values, as they go into a rule's parameters."""
    return settings.model_dump(mode="json")


FIGURES = [name for name in figures.names() if all(map(has, figures.load(name).TABLES))]
BOOTSTRAP = dump(cfg.bootstrap)
REFERENCES = {task: settings.reference for task, settings in cfg.tasks.items()}
TEMPLATES = [resource(t.template) for t in cfg.tasks.values() if t.template]
EXAMPLES = [resource(t.worked_example) for t in cfg.tasks.values() if t.worked_example]
