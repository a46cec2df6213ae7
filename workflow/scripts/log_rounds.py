"""Writes every rating of one simulated replication."""

from poq import provenance, tables
from poq.simulation import reference
from poq.simulation.pool import read_pool
from poq.simulation.settings import Cell
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    pool = read_pool(files.scores, files.quality, files.costs, **settings["pool"])
    cell = Cell.model_validate(settings["cell"])
    log = reference.log(cell, pool, settings["replication"])
    tables.write(log, "round_log", snakemake.output[0], provenance.stamp(snakemake.params))
