"""Turns measured seconds into normalised costs."""

from poq import provenance, tables
from poq.costs import normalize_costs
from poq.stages import stage

with stage(snakemake.log[0]):
    costs = normalize_costs(tables.read("profile", *snakemake.input))
    tables.write(costs, "costs", snakemake.output[0], provenance.stamp(snakemake.params))
