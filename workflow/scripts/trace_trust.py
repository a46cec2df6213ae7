"""Traces trust over the rounds, under several trust updates."""

from poq import provenance, tables
from poq.simulation.pool import build_pool
from poq.simulation.robustness import trace_trust
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    pool = build_pool(
        tables.read("scores", *snakemake.input.scores),
        tables.read("reference_quality", snakemake.input.quality),
        tables.read("costs", snakemake.input.costs),
        **settings["pool"],
    )
    traced = trace_trust(
        Grid.model_validate(settings["grid"]),
        pool,
        confidence=settings["confidence"],
        threads=snakemake.threads,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(traced, "trust_trajectories", snakemake.output[0], stamp)
