"""Simulates a shard of a grid of networks under attack, on the prompts of both splits."""

from poq import provenance, tables
from poq.schema import SPLITS
from poq.shards import Shard
from poq.simulation.pool import read_pool
from poq.simulation.robustness import study_robustness
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    logged = files.scores, files.quality, files.costs
    robustness, break_even = study_robustness(
        snakemake.wildcards.grid,
        Grid.model_validate(settings["grid"]),
        {split: read_pool(*logged, split=split, **settings["pool"]) for split in SPLITS},
        confidence=settings["confidence"],
        threads=snakemake.threads,
        shard=Shard.parse(snakemake.wildcards.scatteritem),
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(robustness, "robustness", snakemake.output.robustness, stamp)
    tables.write(break_even, "break_even", snakemake.output.break_even, stamp)
