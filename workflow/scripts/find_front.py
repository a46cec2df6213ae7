"""Finds the inference nodes that no other one beats on both quality and seconds."""

from poq import provenance, tables
from poq.pareto import find_front
from poq.stages import stage

with stage(snakemake.log[0]):
    front = find_front(
        tables.read("reference_quality", snakemake.input.quality),
        tables.read("costs", snakemake.input.costs),
        seed=snakemake.params.seed,
        **snakemake.params.settings,
    )
    tables.write(front, "pareto", snakemake.output[0], provenance.stamp(snakemake.params))
