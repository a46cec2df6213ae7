"""Lets one inference node answer a shard of the prompts; goes on from the finished batches."""

from pathlib import Path

from poq import hardware, provenance, tables
from poq.checkpoint import Checkpoint
from poq.generation.run import generate_outputs, load_node
from poq.models.folder import model_folder
from poq.models.served import served_of
from poq.prompting import load_formats
from poq.shards import Shard
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    hardware.use_threads(settings["serving"]["threads"], model=bool(files.model))
    stamp = provenance.stamp(snakemake.params)
    formats = load_formats(settings["limits"], files.templates, files.examples)
    read = [*files.templates, *files.examples, *files.model]
    contents = [Path(path).read_text(encoding="utf-8") for path in read]
    folder = model_folder(files.model[0]) if files.model else None
    node = load_node(settings, formats, folder, snakemake.wildcards.model)
    kept_for = stamp | {"files": contents, "served": served_of(node)}
    outputs = generate_outputs(
        snakemake.wildcards.model,
        node,
        tables.read("prompts", files.prompts),
        Checkpoint(snakemake.params.checkpoint, kept_for),
        Shard.parse(snakemake.wildcards.scatteritem),
    )
    tables.write(outputs, "outputs", snakemake.output[0], stamp)
