"""Turns measured seconds, and what logs tell, into normalised costs."""

from poq import provenance, tables
from poq.costs import normalize_costs
from poq.stages import stage

with stage(snakemake.log[0]):
    logged = snakemake.input.get("logged")
    costs = normalize_costs(
        tables.read("profile", *snakemake.input.profiles),
        tables.read("logged", logged) if logged else None,
    )
    tables.write(costs, "costs", snakemake.output[0], provenance.stamp(snakemake.params))
