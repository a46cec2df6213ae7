"""Writes every rating of one simulated replication."""

from poq import provenance, tables
from poq.simulation import reference
from poq.simulation.pool import build_pool
from poq.simulation.settings import Cell
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    pool = build_pool(
        tables.read("scores", *snakemake.input.scores),
        tables.read("reference_quality", snakemake.input.quality),
        tables.read("costs", snakemake.input.costs),
        **settings["pool"],
    )
    cell = Cell.model_validate(settings["cell"])
    log = reference.log(cell, pool, settings["replication"])
    tables.write(log, "round_log", snakemake.output[0], provenance.stamp(snakemake.params))
