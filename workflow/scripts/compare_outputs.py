"""Compares the nodes' outputs for each prompt with each other."""

from poq import hardware, provenance, tables
from poq.models.folder import model_folder
from poq.similarities import similarities
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    hardware.use_threads(settings["threads"], model=bool(files.model))
    found = similarities(
        settings["evaluator"],
        model_folder(files.model[0]) if files.model else None,
        tables.read("outputs", *files.outputs),
    )
    tables.write(found, "similarities", snakemake.output[0], provenance.stamp(snakemake.params))
