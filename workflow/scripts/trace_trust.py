"""Traces trust over the rounds, under several trust updates."""

from poq import provenance, tables
from poq.simulation.pool import read_pool
from poq.simulation.robustness import trace_trust
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    pool = read_pool(files.scores, files.quality, files.costs, **settings["pool"])
    traced = trace_trust(
        Grid.model_validate(settings["grid"]),
        pool,
        confidence=settings["confidence"],
        threads=snakemake.threads,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(traced, "trust_trajectories", snakemake.output[0], stamp)
